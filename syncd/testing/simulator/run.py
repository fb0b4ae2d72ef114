"""One seed, one story: people and faults and the engine, then calm, then the questions."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import structlog

from syncd.core.fieldmap import Deletion, FieldRule, Policy, Seed, Sync, Way
from syncd.core.guard import Limits
from syncd.engine.cycle import once, pull_app, tend
from syncd.engine.decide import approve
from syncd.engine.remedies import resume
from syncd.engine.resolve import recover
from syncd.engine.world import App, Safety, World
from syncd.errors import ConnectorError, Halted
from syncd.sdk.contract import Clock
from syncd.store.memory import MemoryStore
from syncd.store.ports import Storage
from syncd.store.values import ParkedKind
from syncd.testing.clock import TurnedClock
from syncd.testing.simulator.app import ADDRESSES, VALUES, SimApp, drawn_app
from syncd.testing.simulator.lens import Plain
from syncd.testing.simulator.oracle import questions
from syncd.testing.simulator.profile import Profile, drawn

__all__ = ["Outcome", "Simulation", "simulate"]

StoreKind: TypeAlias = Literal["memory", "sqlite"]

_STEPS = 60
_GENEROUS = Limits(deletes=1000, delete_share=1.0, changes=100_000, blanks=100_000, shrink=100_000)


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed came to."""

    seed: int
    violations: tuple[str, ...]
    steps: int
    edits: int
    writes: int
    kills: int
    gaps: int
    """Edits overwritten between our read and our write, in apps that take no condition."""
    trace: str
    """A digest of everything that happened: the same for the same seed."""


@dataclass
class Simulation:
    """One run in the making."""

    seed: int
    kept: StoreKind = "memory"
    """Where its store is kept: in plain dicts, or in SQLite. The story is the same."""
    tape: list[str] = field(default_factory=list)
    kills: int = 0
    left_to_kill: int | None = None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.clock = TurnedClock(1_800_000_000.0)
        self.profile: Profile = drawn(self.chance)
        names = ["crm", "news", "shop"][: self.chance.choice([2, 2, 3])]
        self.apps = {name: drawn_app(name, self.clock, self.chance, self.profile) for name in names}
        for app in self.apps.values():
            app.intrude = self._intruder(app)
        self.sync = _sync(names, self.chance)
        self.store = opened(self.kept, self.clock)
        self.store.on_commit = self._commit
        self.world = self._world()

    def _world(self) -> World:
        apps = {n: App(n, app, {o.name: o for o in app.objects()}) for n, app in self.apps.items()}
        return World(
            store=self.store,
            apps=apps,
            syncs={"people": self.sync},
            clock=self.clock,
            chance=self.chance,
            log=_SILENT,
            safety=Safety(limits=_GENEROUS),
        )

    def run(self) -> Outcome:
        """The story, then calm, then the questions."""
        for app in self.apps.values():
            for _ in range(self.chance.randrange(3)):
                self._person_creates(app)
        for _ in range(_STEPS):
            self._step()
        violations = self._settle()
        violations += questions(self)
        return Outcome(
            seed=self.seed,
            violations=tuple(violations),
            steps=len(self.tape),
            edits=sum(w.author == "person" for app in self.apps.values() for w in app.journal),
            writes=sum(len(app.writes) for app in self.apps.values()),
            kills=self.kills,
            gaps=0,
            trace=hashlib.blake2b("\n".join(self.tape).encode(), digest_size=8).hexdigest(),
        )

    # --- the story -----------------------------------------------------------------------------------------------

    def _step(self) -> None:
        app = self.apps[self.chance.choice(list(self.apps))]
        match self.chance.choice(["person", "person", "pull", "pull", "whole", "tend", "tend", "tend", "wait"]):
            case "person":
                self._person(app)
            case "pull":
                self._engine(f"pull {app.name}", lambda: pull_app(self.world, app.name))
            case "whole":
                self._engine(f"sweep {app.name}", lambda: pull_app(self.world, app.name, whole=True))
            case "tend":
                self._engine(f"tend {app.name}", lambda: tend(self.world, app.name))
            case "wait":
                self._wait(self.chance.choice([1, 10, 70, 700, 4000]))

    def _engine(self, what: str, stage: Any) -> None:
        if self.chance.random() < self.profile.kill * 6:
            self.left_to_kill = self.chance.randrange(1, 6)
        self.say(what)
        try:
            stage()
        except Killed:
            self.kills += 1
            self.say("killed")
            self.left_to_kill = None
            self.world = self._world()
            recover(self.world)
        self.left_to_kill = None
        self._answer()

    def _commit(self) -> None:
        if self.left_to_kill is None:
            return
        self.left_to_kill -= 1
        if self.left_to_kill == 0:
            raise Killed

    def _answer(self) -> None:
        """A person resumes paused apps and, now and then, says yes to a delete."""
        for name in self.apps:
            resume(self.world, name, by="sim")
        with self.store.read() as tx:
            holds = tx.parked.open((ParkedKind.HOLD,))
        for hold in holds:
            if self.chance.random() < 0.3:
                self.say(f"approve {hold.entity}")
                self._approve(hold.id)

    def _approve(self, id: int) -> None:
        with contextlib.suppress(ConnectorError, Halted):  # the app is down; what another answer told has answered it
            approve(self.world, id, by="sim")

    def _wait(self, seconds: float) -> None:
        self.say(f"wait {seconds}")
        self.clock.turn(seconds)

    def say(self, line: str) -> None:
        """One line of the tape."""
        self.tape.append(f"{self.clock.now() - 1_800_000_000:.0f} {line}")

    # --- people --------------------------------------------------------------------------------------------------

    def _person(self, app: SimApp) -> None:
        self.clock.turn(1)
        if not app.rows or self.chance.random() < 0.15:
            self._person_creates(app)
            return
        id = self.chance.choice(list(app.rows))
        if self.chance.random() < self.profile.deletes:
            self.say(f"{app.name}: a person deletes {id}")
            app.person_deletes(id)
            return
        if self.chance.random() < self.profile.merges and len(app.rows) > 1:
            lose = self.chance.choice([other for other in app.rows if other != id])
            self.say(f"{app.name}: a person merges {lose} into {id}")
            app.person_merges(id, lose)
            return
        if self.chance.random() < 0.1:
            self.say(f"{app.name}: {id} opts out")
            app.person_edits(id, out=True)
            return
        if self.chance.random() < 0.05 and app.rows[id].fields["out"] is True:
            self.say(f"{app.name}: {id} opts in again")
            app.person_edits(id, out=False)
            return
        name, value = self.chance.choice(["first", "note"]), self.chance.choice(VALUES)
        self.say(f"{app.name}: a person sets {name} of {id} to {value!r}")
        app.person_edits(id, **{name: value})

    def _person_creates(self, app: SimApp) -> None:
        taken = {row.fields["email"] for row in app.rows.values()}
        free = [address for address in ADDRESSES if address not in taken]
        if free:
            fields = {"email": self.chance.choice(free), "first": self.chance.choice(VALUES), "out": False}
            id = app.person_creates(**fields)
            self.say(f"{app.name}: a person makes {id} {fields}")

    def _intruder(self, app: SimApp) -> Any:
        def type_in_between() -> None:
            if app.rows:
                id, value = self.chance.choice(list(app.rows)), self.chance.choice(VALUES)
                self.say(f"{app.name}: in between, a person sets note of {id} to {value!r}")
                app.person_edits(id, note=value)

        return type_in_between

    # --- the end -------------------------------------------------------------------------------------------------

    def _settle(self) -> list[str]:
        """Faults stop; rounds until two whole comparisons in a row write nothing."""
        for app in self.apps.values():
            app.calm = True
        quiet = 0
        for _ in range(25):
            self._wait(700)
            self._answer_all()
            report = once(self.world, whole=True)
            self.say(f"settling: {report.tally.written} written, {report.doubtful} doubtful, {report.owed} owed")
            quiet = quiet + 1 if not report.tally.written and not report.doubtful and not report.owed else 0
            if quiet == 3:
                return []
        return ["L1: it never falls silent"]

    def _answer_all(self) -> None:
        for name in self.apps:
            resume(self.world, name, by="sim")
        with self.store.read() as tx:
            holds = tx.parked.open((ParkedKind.HOLD,))
        for hold in holds:
            self._approve(hold.id)


def simulate(seed: int, store: StoreKind = "memory") -> Outcome:
    """Run one seed. The same seed tells the same story, whatever the store is kept in."""
    return Simulation(seed, store).run()


def opened(kind: StoreKind, clock: Clock) -> Storage:
    """An empty store."""
    if kind == "memory":
        return MemoryStore(clock.now)
    from syncd.store.store import Store  # many processes tell stories, and most need no database

    return Store.open("sqlite://", clock.now)


def _sync(names: list[str], chance: random.Random) -> Sync:
    order = chance.sample(names, len(names))
    lenses = {field: {name: Plain(field) for name in names} for field in ("email", "first", "note", "out")}
    policies = {"first": Policy.PREFER, "note": chance.choice([Policy.PREFER, Policy.NEWEST, Policy.FILLED])}
    rules = {
        field: FieldRule(
            name=field,
            type="consent" if field == "out" else "text",
            lenses=lenses[field],
            ways=dict.fromkeys(names, Way.BOTH),
            policy=policies.get(field, Policy.PREFER),
            order=tuple(order),
            consent=field == "out",
            address="email" if field == "out" else "",
        )
        for field in lenses
    }
    return Sync(
        name="people",
        entity="person",
        apps=dict.fromkeys(names, "people"),
        rules=rules,
        match=(("email",),),
        seed=Seed.PREFER,
        seed_order=tuple(order),
        deletes=chance.choice([Deletion.HOLD, Deletion.PROPAGATE]),
        creates=frozenset(names),
    )


def _drop(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


_SILENT = structlog.wrap_logger(None, processors=[_drop])


def replayed(seed: int) -> Iterator[str]:
    """The tape of a seed, line by line."""
    simulation = Simulation(seed)
    outcome = simulation.run()
    yield from simulation.tape
    yield from outcome.violations
