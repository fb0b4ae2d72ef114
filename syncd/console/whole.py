"""One record from all sides: what is agreed of each field and who set it, what each app holds, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.console.mapped import Version, Versions
from syncd.console.status import moment
from syncd.console.why import Holding, holdings
from syncd.core.entity import Entity, Held, LinkState
from syncd.core.fieldmap import Sync
from syncd.core.record import EntityId
from syncd.engine.consent import record_opt_out
from syncd.engine.world import World
from syncd.errors import ConfigError
from syncd.store.ports import Transaction
from syncd.store.values import Entry

__all__ = ["Fact", "Tie", "Whole", "whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One field. `author`: the app whose value stands, or `syncd` where a person or nobody set it."""

    field: str
    type: str
    value: Any
    author: str
    by: str
    """The person who decided, where one did."""
    rule: str
    """By which rule the value came to stand."""
    set_by: int
    """The entry that set it; 0 where none did."""
    set_at: datetime | None
    mapping: Version | None
    """By which mapping it did; None where none had a part in it."""
    register: str
    """What the register of opt-outs says, for a consent."""
    apps: tuple[Holding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A record in an app. `doubtful`: a write to it is on its way, or its outcome unknown. `owed`: it is to be told."""

    app: str
    record: str
    state: str
    doubtful: bool
    owed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The record from all sides. `open`: the numbers of the questions about it."""

    entity: str
    sync: str
    label: str
    deleted: bool
    ties: tuple[Tie, ...]
    facts: tuple[Fact, ...]
    open: tuple[int, ...]


def whole(world: World, id: str) -> Whole:
    """Everything about one entity as it stands. Raises ConfigError where there is none, or its sync is gone."""
    with world.store.read() as tx:
        try:
            entity = tx.entities.get(EntityId(id))
        except KeyError as error:
            raise ConfigError(
                f"there is no record {id}", hint="look for it by its address, or by app/object/id"
            ) from error
        sync = world.syncs.get(entity.sync)
        if sync is None:
            raise ConfigError(f"{id} belongs to the sync {entity.sync}, which is not in force")
        return Whole(
            entity=id,
            sync=sync.name,
            label=tx.entities.labels([entity.id]).get(entity.id, id),
            deleted=entity.deleted,
            ties=tuple(_ties(tx, sync, entity)),
            facts=tuple(_facts(tx, sync, entity)),
            open=tuple(work.id for work in tx.parked.of([entity.id]).get(entity.id, [])),
        )


def _ties(tx: Transaction, sync: Sync, entity: Entity) -> list[Tie]:
    doubtful = {app: entity.id in tx.intents.of_entities([entity.id], app) for app in sync.apps}
    owed = {app: tx.deliveries.get(sync.name, app, entity.id) is not None for app in sync.apps}
    ties = [
        Tie(
            app=link.ref.app,
            record=str(link.ref),
            state=link.state.value,
            doubtful=doubtful.get(link.ref.app, False),
            owed=owed.get(link.ref.app, False),
        )
        for link in sorted(tx.links.of(entity.id), key=lambda link: (link.state is LinkState.GONE, link.ref))
    ]
    there = {tie.app for tie in ties if tie.state != LinkState.GONE.value}
    return ties + [
        Tie(app=app, record="", state="none", doubtful=doubtful[app], owed=owed[app])
        for app in sync.apps
        if app not in there and (doubtful[app] or owed[app])
    ]


def _facts(tx: Transaction, sync: Sync, entity: Entity) -> list[Fact]:
    known: dict[int, Entry | None] = {}
    register = record_opt_out(tx, sync, entity.fields)
    versions = Versions(tx, sync.name)
    facts = []
    for rule in sync.rules.values():
        held = entity.held.get(rule.name) or Held(None, 0)
        if held.seq and held.seq not in known:
            known[held.seq] = tx.log.get(held.seq)
        entry = known.get(held.seq)
        opt_out = register.get(rule.name)
        facts.append(
            Fact(
                field=rule.name,
                type=rule.type,
                value=held.value,
                author=held.author,
                by=entry.by if entry else "",
                rule=str(entry.fields.get(rule.name, {}).get("rule", "")) if entry else "",
                set_by=held.seq,
                set_at=moment(entry.at) if entry else None,
                mapping=versions.of(entry) if entry else None,
                register=f"opted out since {moment(opt_out.since)}, told by {opt_out.app}" if opt_out else "",
                apps=tuple(holdings(tx, sync, entity, rule)),
            )
        )
    return facts
