"""One seed, one story: people and faults and the engine, then calm, then the questions."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias, TypeVar

import structlog

from syncd.core.fieldmap import Deletion
from syncd.core.record import Ref, Write
from syncd.engine.cycle import once, pull_app, tend
from syncd.engine.resolve import recover
from syncd.engine.world import App, Safety, World
from syncd.errors import ConfigError, ConnectorError, Halted
from syncd.sdk.contract import Clock
from syncd.store.codec import dump
from syncd.store.memory import MemoryStore
from syncd.store.ports import Storage
from syncd.store.values import Event
from syncd.testing.clock import TurnedClock
from syncd.testing.simulator import people
from syncd.testing.simulator.app import SimApp, drawn_app
from syncd.testing.simulator.coverage import Coverage
from syncd.testing.simulator.drawn import drawn_limits, drawn_sync, refiltered, without_note
from syncd.testing.simulator.fates import Endless, Fates, Killed
from syncd.testing.simulator.oracle import questions
from syncd.testing.simulator.profile import drawn
from syncd.testing.simulator.twists import PLAIN, drawn_twist, takes_away
from syncd.testing.simulator.watch import unheard, watched
from syncd.testing.simulator.words import drawn_words

__all__ = ["Outcome", "Simulation", "StoreKind", "simulate"]

StoreKind: TypeAlias = Literal["memory", "sqlite"]

START: Final = 1_800_000_000.0
_KINDS: Final = (
    ["person"] * 7 + ["pull"] * 5 + ["sweep"] * 2 + ["tend"] * 8 + ["wait"] * 4 + ["once", "answer", "remap"]
)
_WAITS: Final = (1, 10, 70, 700, 4000)
_SOON: Final = 6
"""A word of the operator is of few commits: where a kill strikes, it strikes after no more points."""
_REFUSED: Final = (ConfigError, ConnectorError, Halted)
"""What a word may come to, as things stand or while an app is down."""
_NEWS: Final = {Event.GONE, Event.LINKED, Event.MERGED, Event.RETURNED}
T = TypeVar("T")


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
    """A digest of everything that happened, in the apps and in the store: the same for the same seed."""
    points: int = 0
    """Calls and commits at which fate could strike."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """What the story has come by; empty where that was not measured."""


@dataclass
class Simulation:
    """One run in the making."""

    seed: int
    kept: StoreKind = "memory"
    """Where its store is kept: in plain dicts, or in SQLite. The story is the same."""
    profile: str = "swarm"
    steps: Collection[int] | None = None
    """The steps to tell; all of them where not given. Each draws its own chance, and so stays what it was."""
    without: Collection[str] = ()
    """Faults that are switched off, for a simpler story."""
    tape: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    decided: list[tuple[str, str, Any, float]] = field(default_factory=list)
    """What the operator let stand: entity, field, value, when."""
    kills: int = 0
    gaps: int = 0
    answers: Sequence[str] = ("resume", "approve", "refuse", "later")
    """What the operator may say to a guard that asks."""
    refused: bool = False
    """The operator has put aside what had tripped a guard."""

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.clock = TurnedClock(START)
        faults = drawn(chance, self.profile)
        self.twist = drawn_twist(self.seed) if self.profile == "swarm" else PLAIN
        often = {name: max(rate, getattr(faults, name)) for name, rate in self.twist.rates.items()}
        self.fates = Fates(replace(faults, **{**often, **dict.fromkeys(self.without, 0.0)}))
        names = ["crm", "news", "shop"][: chance.choice([2, 2, 3])]
        self.apps = {name: drawn_app(name, self.clock, chance, self.fates) for name in names}
        for app in self.apps.values():
            app.intrude = _bound(people.type_in, self, app, how="in between, a person sets")
            app.meanwhile = _bound(self._meanwhile, app)
            app.watch = _bound(self._watch, app)
            if self.twist.mute:
                app.capabilities = replace(app.capabilities, returns_record=False)
        self.sync = self._whole = drawn_sync(list(self.apps.values()), chance)
        if self.twist.filtered and not self.sync.filters:
            self.sync = self._whole = refiltered(self.sync, random.Random(f"{self.seed}/filter"))
        if self.twist.propagates:
            self.sync = self._whole = replace(self.sync, deletes=Deletion.PROPAGATE)
        self.limits = drawn_limits(chance)
        self.length = chance.choice([30, 60, 60, 90])
        self.engine = random.Random(self.seed)
        self.store = opened(self.kept, self.clock)
        self.store.on_commit = _bound(self.fates.point, "a commit")
        self.words = drawn_words(self.seed, self.profile)
        if self.words.spoken:
            self.words.keep(self.store)
        self.coverage: Coverage | None = Coverage(self)
        self._busy: list[str] = []
        self._posted: list[tuple[float, Ref]] = []
        self.world = self._world()

    def _world(self) -> World:
        apps = {n: App(n, app, {o.name: o for o in app.objects()}) for n, app in self.apps.items()}
        return World(
            store=self.store,
            apps=apps,
            syncs={"people": self.sync},
            clock=self.clock,
            chance=self.engine,
            log=_SILENT,
            safety=Safety(limits=self.limits),
        )

    def run(self) -> Outcome:
        """The story, then calm, then the questions."""
        try:
            for place in range(self.length):
                if self.steps is None or place in self.steps:
                    self.fates.chance = random.Random(self.seed * 1_000_003 + place)
                    self.engine.seed(self.seed * 1_000_033 + place)
                    self._step(place)
            self.violations += self._settle()
            self.violations += questions(self)
        except Endless:
            self.violations.append("L1: it never comes to an end")
        return Outcome(
            seed=self.seed,
            violations=tuple(dict.fromkeys(self.violations)),
            steps=len(self.tape),
            edits=sum(w.author == "person" for app in self.apps.values() for w in app.journal),
            writes=sum(len(app.writes) for app in self.apps.values()),
            kills=self.kills,
            gaps=self.gaps,
            trace=self._trace(),
            points=self.fates.points,
            seen=self.coverage.counted() if self.coverage else {},
        )

    def _trace(self) -> str:
        """A digest of the tape, the change log (its last hash covers all of it), the links and the open writes."""
        with self.store.read() as tx:
            last = tx.log.find(limit=1)
            links = sorted(
                f"{link.ref} {link.entity} {link.state} {dump(dict(link.seen))} {dump(dict(link.sent))}"
                for link in tx.links.all("people")
            )
            writes = [f"{intent.key} {intent.state}" for intent in tx.intents.open()]
        lines = [*self.tape, *(entry.hash for entry in last), *links, *writes]
        return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()

    # --- the story -----------------------------------------------------------------------------------------------

    def _step(self, place: int) -> None:
        chance = self.fates.chance
        app = chance.choice(list(self.apps.values()))
        if place == 0:
            for one in self.apps.values():
                for _ in range(chance.randrange(3)):
                    people.creates(self, one)
            return
        self._post()
        if self.words.strikes(self.seed, place):
            self.words.says(self, place)
        if self.twist.strikes(self.seed, place):
            self.twist.acts(self)
            return
        match chance.choice(_KINDS):
            case "person":
                people.act(self, app)
            case "wait":
                self._wait(chance.choice(_WAITS))
            case "answer":
                people.answer(self)
            case "remap":
                if self.fates.strikes(self.fates.profile.remapped * 6):
                    self._remap()
            case "once":
                self.syncs()
            case stage:
                self._engine(stage, app, self._stage(stage, app))

    def syncs(self) -> None:
        """The engine pulls and delivers everything, until it is quiet."""
        self._engine("once", next(iter(self.apps.values())), lambda: once(self.world))

    def _stage(self, stage: str, app: SimApp) -> Callable[[], object]:
        if stage == "tend":
            return lambda: tend(self.world, app.name)
        return lambda: pull_app(self.world, app.name, whole=stage == "sweep")

    def _engine(self, what: str, app: SimApp, stage: Callable[[], object]) -> None:
        with self._mortal(list(self.apps) if what == "once" else [app.name], 25):
            self.say(what if what == "once" else f"{what} {app.name}")
            began = self.clock.now()
            stage()
            if what == "pull":
                self.violations += unheard(self, app, began)
        people.resume_all(self)

    def operates(self, act: Callable[[], T], app: str = "") -> T | None:
        """The operator says a word; None where it is refused, or the process dies of it. `app`: which is asked."""
        with self._mortal([app] if app else [], _SOON):
            try:
                return act()
            except _REFUSED as refused:
                self.say(f"refused: {refused}")
        return None

    @contextmanager
    def _mortal(self, busy: list[str], soon: int) -> Iterator[None]:
        """While this lasts, the engine is at work at these apps, and may die within so many points."""
        if self.fates.strikes(self.fates.profile.kill * 6):
            self.fates.left = self.fates.chance.randrange(1, soon)
        self._busy = busy
        try:
            yield
        except Killed as death:
            self._dies(death)
        self.fates.left = None
        self._busy = []

    def _dies(self, death: Killed) -> None:
        self.kills += 1
        self.say(f"killed: {death}")
        self.fates.left = None
        self.world = self._world()
        flying = self._open_writes()
        recover(self.world)
        lost = flying - self._open_writes()
        self.violations += [f"S9: {key} was on its way when the process died, and is forgotten" for key in sorted(lost)]

    def _open_writes(self) -> set[str]:
        with self.store.read() as tx:
            return {intent.key for intent in tx.intents.open()}

    def _meanwhile(self, app: SimApp) -> None:
        """Something else happens while a call to an app is under way: the real daemon has a thread for each app."""
        if app.name not in self._busy or len(self._busy) > len(self.apps):
            return
        if self.twist.meddling:
            with self.store.read() as tx:
                written = [one.ref.id for one in tx.intents.open(app.name) if one.ref and one.ref.id in app.rows]
            if written and self.fates.chance.random() < 0.5:
                takes_away(self, app, self.fates.chance.choice(written))
                return
        free = [name for name in self.apps if name not in self._busy]
        what = self.fates.chance.choice(["person", "person", "post", "stage"])
        if what == "post":
            self._post()
        elif what == "stage" and free:
            other = self.apps[self.fates.chance.choice(free)]
            stage = self.fates.chance.choice(["pull", "tend"])
            self.say(f"meanwhile: {stage} {other.name}")
            self._busy.append(other.name)
            self._stage(stage, other)()
            self._busy.remove(other.name)
        else:
            people.type_in(self, self.fates.chance.choice(list(self.apps.values())), how="meanwhile, a person sets")

    def _post(self) -> None:
        """Webhooks come in: late, twice, never, or made up; a hint is durable before it is answered."""
        fates, now = self.fates, self.clock.now()
        for app in self.apps.values():
            app.passes()
            for ref in app.due_webhooks():
                if fates.strikes(fates.profile.unheard):
                    continue
                late = fates.chance.choice([30.0, 900.0]) if fates.strikes(fates.profile.delayed) else 0.0
                self._posted += [(now + late, ref)] * (3 if fates.strikes(fates.profile.doubled) else 1)
        due = [ref for at, ref in self._posted if at <= now]
        self._posted = [(at, ref) for at, ref in self._posted if at > now]
        if fates.strikes(fates.profile.forged):
            due += people.forge(self)
        for ref in due:
            self.say(f"a webhook: {ref}")
            with self.store.begin() as tx:
                tx.hints.add([ref], tx.now)

    def _remap(self) -> None:
        """The admin edits the mapping; what was agreed before stays known."""
        if self.sync is not self._whole:
            self.sync = self._whole
            self.say("the mapping is what it was")
        elif self.fates.chance.random() < 0.5:
            self.sync = refiltered(self.sync, self.fates.chance)
            self._whole = self.sync
            self.say("another filter")
        else:
            app = self.fates.chance.choice(list(self.apps))
            self.sync = without_note(self.sync, app)
            self.say(f"the note of {app} is taken out of the mapping")
        self.world = self._world()

    def _wait(self, seconds: float) -> None:
        self.say(f"wait {seconds}")
        self.passes(seconds)

    def passes(self, seconds: float) -> None:
        """Let time pass; what is due on the way happens when it is due."""
        until = self.clock.now() + seconds
        while True:
            due = min((at for app in self.apps.values() if (at := app.next_due()) is not None), default=until)
            self.clock.turn(max(0.0, min(due, until) - self.clock.now()))
            for app in self.apps.values():
                app.passes()
            if due >= until:
                return

    def _watch(self, app: SimApp, writes: Sequence[Write]) -> None:
        self.violations += watched(self, app, writes)

    def say(self, line: str) -> None:
        """One line of the tape."""
        self.tape.append(f"{self.clock.now() - START:.0f} {line}")

    # --- the end -------------------------------------------------------------------------------------------------

    def _settle(self) -> list[str]:
        """Faults stop; rounds until three whole comparisons in a row write nothing and see nothing new."""
        self.fates.calm = True
        self.fates.chance = random.Random(self.seed)
        self.sync = self._whole
        self.world = self._world()
        self._busy = list(self.apps)
        quiet = 0
        for _ in range(25):
            self._wait(700)
            self._post()
            people.resume_all(self)
            people.approve_all(self)
            with self.store.read() as tx:
                last = tx.log.last()
            report = once(self.world, whole=True)
            with self.store.read() as tx:
                seen = tx.log.counts(after=last).keys() & _NEWS
            self.say(f"settling: {report.tally.written} written, {report.doubtful} doubtful, {report.owed} owed")
            quiet = quiet + 1 if not (report.tally.written or report.doubtful or report.owed or seen) else 0
            if quiet == 3:
                return []
        return ["L1: it never falls silent"]


def simulate(seed: int, store: StoreKind = "memory", profile: str = "swarm") -> Outcome:
    """Run one seed. The same seed tells the same story, whatever the store is kept in."""
    return Simulation(seed, store, profile).run()


def opened(kind: StoreKind, clock: Clock) -> Storage:
    """An empty store."""
    if kind == "memory":
        return MemoryStore(clock.now)
    from syncd.store.store import Store  # many processes tell stories, and most need no database

    return Store.open("sqlite://", clock.now)


def _bound(function: Callable[..., Any], *first: object, **named: object) -> Callable[..., Any]:
    return lambda *rest: function(*first, *rest, **named)


def _drop(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


_SILENT = structlog.wrap_logger(None, processors=[_drop])
