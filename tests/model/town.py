"""The scenery: a few apps in memory, an engine between them that can be killed at any commit, and a bad network."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

import structlog

from syncd.core.fieldmap import Deletion, FieldRule, Policy, Seed, Sync, Way
from syncd.core.record import Create, Raw, Ref, Update, Write
from syncd.engine.cycle import Report, once
from syncd.engine.remedies import resume
from syncd.engine.resolve import recover
from syncd.engine.world import App, World
from syncd.sdk.contract import Capabilities, Deletes
from syncd.store.memory import MemoryStore
from syncd.store.values import Parked
from syncd.testing.clock import TurnedClock
from syncd.testing.fake import Fake, text_fields
from syncd.testing.simulator.lens import Plain
from tests.model.ledger import Ledger, Typed

__all__ = ["FIELDS", "Killed", "Manner", "Town", "Traits", "Weather"]

FIELDS: Final = ("email", "first", "note", "out")
_OLD: Final = tuple(f"old{n}@example.com" for n in range(4))
"""People who were there before the story begins, and of whom it does not speak: they vouch for their apps."""

Manner: TypeAlias = Literal["as it is", "upper", "trimmed"]
Weather: TypeAlias = Literal[
    "fair", "refuse", "before", "after", "late", "outage", "blind", "revoked", "hidden", "truncated"
]
_KEEPS: Final[Mapping[str, Callable[[Raw], Raw]]] = {
    "upper": lambda raw: raw.upper() if isinstance(raw, str) else raw,
    "trimmed": lambda raw: raw.strip() if isinstance(raw, str) else raw,
}


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What an app can do, and what it makes of names."""

    incremental: bool = True
    conditional: bool = False
    unique: bool = False
    mute: bool = False
    """It does not return what it stored."""
    tells: bool = False
    """It tells of deletes."""
    one_by_one: bool = False
    manner: Manner = "as it is"


@dataclass
class Town:
    """The apps, their engine, and the ledger of what people do in them."""

    traits: Mapping[str, Traits]
    deletes: Deletion = Deletion.HOLD
    contested: Policy = Policy.PREFER
    """What becomes of notes that two apps changed at once."""
    ledger: Ledger = field(default_factory=Ledger)
    calm_at: float = 0.0
    """When it was last calm, and all was as it must be."""
    commits_left: int = 0
    """At which commit from now the process ends; 0: at none."""

    def __post_init__(self) -> None:
        self.clock = TurnedClock(1_800_000_000.0)
        self.chance = random.Random(1)
        self.apps = {name: _app(name, self.clock, traits) for name, traits in self.traits.items()}
        self.sync = _sync(list(self.apps), self.deletes, self.contested)
        self.store = MemoryStore(self.clock.now)
        self.store.on_commit = self._commit
        self.world = self._world()
        first = next(iter(self.apps.values()))
        for address in (*_OLD, "a@example.com", "b@example.com"):
            first.person_creates(email=address, first="Old", out=False)
        once(self.world, whole=True)

    def _world(self) -> World:
        apps = {name: App(name, app, {o.name: o for o in app.objects()}) for name, app in self.apps.items()}
        return World(self.store, apps, {"people": self.sync}, self.clock, self.chance, _SILENT)

    # --- people --------------------------------------------------------------------------------------------------

    def record(self, app: str, address: str) -> str | None:
        """The id of the record that an app has for an address."""
        rows = self.apps[app].rows
        return next((id for id, row in rows.items() if row.fields["email"] == address), None)

    def everybody(self) -> list[tuple[str, str]]:
        """Each app with each address that it has a record of; whom the story does not speak of is left out."""
        shown = [(app.name, str(row.fields["email"])) for app in self.apps.values() for row in app.rows.values()]
        return [(app, address) for app, address in shown if address not in _OLD] or [
            (next(iter(self.apps)), "a@example.com")
        ]

    def types(self, app: str, address: str, name: str, value: str, *, unseen: bool = False) -> None:
        """A person types a value into the record of an address, and makes that record if there is none."""
        self.clock.turn(1)
        id = self.record(app, address) or self.apps[app].person_creates(email=address, out=False)
        before = self.apps[app].rows[id].fields[name]
        self.apps[app].person_edits(id, **{name: value})
        shown = self.apps[app].rows[id].fields[name]
        self.ledger.types(Typed(app, id, name, value, shown), before, unseen=unseen)

    def deletes_record(self, app: str, address: str) -> None:
        """A person deletes the record of an address, if there is one."""
        id = self.record(app, address)
        self.clock.turn(1)
        if id is not None:
            self.apps[app].person_deletes(id)
            self.ledger.deleted.add(address)
            self.ledger.loses(app, id)

    def merges(self, app: str, keep: str, lose: str) -> None:
        """A person merges two records of an app, if both are there."""
        self.clock.turn(1)
        survivor, lost = self.record(app, keep), self.record(app, lose)
        if survivor is not None and lost is not None and survivor != lost:
            self.apps[app].person_merges(survivor, lost)
            self.ledger.merged |= {keep, lose}
            self.ledger.loses(app, lost)

    def says_out(self, app: str, address: str, out: bool) -> None:
        """A person opts out, or says that they may be mailed after all."""
        id = self.record(app, address)
        self.clock.turn(1)
        if id is None or self.apps[app].rows[id].fields["out"] is out:
            return
        self.apps[app].person_edits(id, out=out)
        if out:
            self.ledger.opted_out[app, id] = address
            self.ledger.opted_in.discard((app, id))
        else:
            self.ledger.opted_out.pop((app, id), None)
            self.ledger.opted_in.add((app, id))

    # --- the world -----------------------------------------------------------------------------------------------

    @contextmanager
    def turned(self, app: str, weather: Weather) -> Iterator[None]:
        """For a while, an app behaves so."""
        fake = self.apps[app]
        fake.fault = "" if weather == "fair" or weather == "hidden" or weather == "truncated" else weather
        fake.hidden = frozenset({"note"}) if weather == "hidden" else frozenset()
        fake.truncated = 1 if weather == "truncated" else None
        try:
            yield
        finally:
            fake.fault, fake.hidden, fake.truncated = "", frozenset(), None

    def passes(self, seconds: float) -> None:
        """Time passes. Writes whose answer was lost land within the first minute."""
        if seconds > 60:
            self.clock.turn(30)
            for app in self.apps.values():
                self._lands(app)
        self.clock.turn(seconds)

    def _lands(self, app: Fake) -> None:
        late, app.late = app.late, []
        for write in late:
            if isinstance(write, Create):
                if not (app.capabilities.unique and self.record(app.name, str(write.fields["email"]))):
                    app.late.append(write)
                continue
            row = app.rows.get(write.ref.id)
            expected = write.expect.token if app.capabilities.conditional and write.expect else None
            if row is None or expected not in (None, str(row.serial)):
                continue
            for name in write.patch if isinstance(write, Update) else row.fields:
                self.ledger.forgives(app.name, write.ref.id, name)
            app.late.append(write)
        app.land_late()

    def interrupts(self, app: str, address: str, name: str, value: str) -> None:
        """At our next write to this record, a person types there, after we have read and before the write lands.

        Not at the write of another: one to this record may follow in the same batch, and no less unseen.
        """
        fake = self.apps[app]

        def type_once(write: Write) -> None:
            there = self.record(app, address)
            if isinstance(write, Update) and there is not None and write.ref.id == there:
                fake.during_write = lambda _: None
                touched = name in write.patch
                self.types(app, address, name, value, unseen=touched and not fake.capabilities.conditional)

        fake.during_write = type_once

    # --- the engine ----------------------------------------------------------------------------------------------

    def does(self, stage: Callable[[World], Any], *, dies: int = 0) -> None:
        """The engine does something; the process ends at commit number `dies`, and another one takes over."""
        self.clock.turn(1)
        self.commits_left = dies
        try:
            stage(self.world)
        except Killed:
            self.world = self._world()
            recover(self.world)
        finally:
            self.commits_left = 0

    def _commit(self) -> None:
        if self.commits_left:
            self.commits_left -= 1
            if not self.commits_left:
                raise Killed

    def parked(self) -> list[Parked]:
        """What waits for a person."""
        with self.store.read() as tx:
            return list(tx.parked.open())

    def hint(self, app: str, address: str) -> None:
        """A webhook says that the record of an address may have changed."""
        id = self.record(app, address)
        if id is not None:
            with self.store.begin() as tx:
                tx.hints.add([Ref(app, "people", id)], tx.now)

    def calms_down(self) -> list[Report]:
        """Nobody types any more, paused apps are resumed, the engine runs until nothing is left. What each run did."""
        for fake in self.apps.values():
            fake.during_write = lambda _: None
        reports: list[Report] = []
        for _ in range(15):
            self.passes(700)
            for name in self.apps:
                resume(self.world, name, by="op")
            reports.append(once(self.world, whole=True))
            if len(reports) >= 3 and all(_quiet(report) for report in reports[-3:]):
                break
        return reports


def _quiet(report: Report) -> bool:
    return not (report.tally.written or report.doubtful or report.owed or report.failing)


def _app(name: str, clock: TurnedClock, traits: Traits) -> Fake:
    capabilities = Capabilities(
        incremental=traits.incremental,
        deletes=Deletes.TOLD if traits.tells else Deletes.ABSENT,
        conditional=traits.conditional,
        unique=("email",) if traits.unique else (),
        returns_record=not traits.mute,
        write_batch=1 if traits.one_by_one else 100,
        page_size=2,
        late_write=timedelta(seconds=90),
        granularity=timedelta(seconds=1),
    )
    keeps = {"first": _KEEPS[traits.manner]} if traits.manner in _KEEPS else {}
    return Fake(name, clock, text_fields(*FIELDS, unique=("email",)), capabilities=capabilities, keeps=keeps)


def _sync(names: list[str], deletes: Deletion, contested: Policy) -> Sync:
    def rule(name: str, **more: Any) -> FieldRule:
        lenses = {app: Plain(name) for app in names}
        return FieldRule(
            name=name, type="text", lenses=lenses, ways=dict.fromkeys(names, Way.BOTH), order=tuple(names), **more
        )

    rules = [
        rule("email"),
        rule("first"),
        rule("note", policy=contested),
        rule("out", consent=True, address="email", policy=Policy.OR),
    ]
    return Sync(
        name="people",
        entity="person",
        apps=dict.fromkeys(names, "people"),
        rules={made.name: made for made in rules},
        match=(("email",),),
        seed=Seed.PREFER,
        seed_order=tuple(names),
        deletes=deletes,
        creates=frozenset(names),
    )


def _drop(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


_SILENT = structlog.wrap_logger(None, processors=[_drop])
