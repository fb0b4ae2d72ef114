"""A small world for scenarios: fakes, a hand-made sync, a turned clock, a store in memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from syncd.core.entity import Entity, Link
from syncd.core.fieldmap import FieldRule, Policy, Seed, Sync, Way
from syncd.core.record import EntityId
from syncd.engine.cycle import Report, once
from syncd.engine.world import App, Safety, World
from syncd.store.store import Store
from syncd.store.values import Entry, Parked
from syncd.testing.clock import TurnedClock
from syncd.testing.fake import Fake, text_fields
from syncd.testing.simulator.lens import Plain


def rule(name: str, apps: Sequence[str], **more: Any) -> FieldRule:
    """A field of the same name in every app."""
    more.setdefault("lenses", {app: Plain(name) for app in apps})
    more.setdefault("ways", dict.fromkeys(apps, Way.BOTH))
    more.setdefault("order", tuple(apps))
    return FieldRule(name=name, type="text", **more)


def people(apps: Sequence[str], *extra: FieldRule, **more: Any) -> Sync:
    """A sync of people by e-mail with first, phone and an opt-out."""
    rules = [
        rule("email", apps),
        rule("first", apps),
        rule("phone", apps, policy=Policy.MANUAL),
        rule("out", apps, consent=True, address="email", policy=Policy.OR),
        *extra,
    ]
    more.setdefault("match", (("email",),))
    more.setdefault("creates", frozenset(apps))
    more.setdefault("seed", Seed.PREFER)
    more.setdefault("seed_order", tuple(apps))
    rules_by_name = {r.name: r for r in rules}
    return Sync(name="people", entity="person", apps=dict.fromkeys(apps, "people"), rules=rules_by_name, **more)


@dataclass
class Scene:
    """Apps, their world, and words to tell a story with."""

    names: tuple[str, ...] = ("crm", "news")
    sync: Sync | None = None
    safety: Safety = field(default_factory=Safety)
    url: str = "sqlite://"

    def __post_init__(self) -> None:
        self.chance = random.Random(1)
        self.clock = TurnedClock(1_800_000_000.0)
        fields = text_fields("email", "first", "phone", "out", "tags", "stage", unique=("email",))
        self.fakes = {name: Fake(name, self.clock, fields) for name in self.names}
        self.store = Store.open(self.url, self.clock.now)
        self.world = self._world(self.store)

    def _world(self, store: Store) -> World:
        sync = self.sync or people(self.names)
        apps = {n: App(n, fake, {o.name: o for o in fake.objects()}) for n, fake in self.fakes.items()}
        log = structlog.get_logger()
        return World(store, apps, {sync.name: sync}, self.clock, self.chance, log, self.safety)

    def restart(self, **more: Any) -> None:
        """A new process on the same store."""
        self.sync = more.get("sync", self.sync)
        self.safety = more.get("safety", self.safety)
        self.world = self._world(self.store)

    def run(self, *, whole: bool = True) -> Report:
        """Pull and deliver until quiet."""
        self.world = self._world(self.store)
        self.clock.sleep(1)
        return once(self.world, whole=whole)

    def wait(self, **span: float) -> None:
        self.clock.sleep(timedelta(**span).total_seconds())

    def fake(self, name: str) -> Fake:
        return self.fakes[name]

    def parked(self) -> list[Parked]:
        with self.store.read() as tx:
            return list(tx.parked.open())

    def log(self) -> list[Entry]:
        with self.store.read() as tx:
            return list(reversed(tx.log.find(limit=10_000)))

    def entities(self) -> list[Entity]:
        with self.store.read() as tx:
            return [entity for entity in tx.entities.all("people") if not entity.deleted]

    def links(self, entity: EntityId) -> list[Link]:
        with self.store.read() as tx:
            return list(tx.links.of(entity))
