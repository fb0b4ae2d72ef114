"""A spaced story: people act, the sync comes to rest, people act again; so nothing depends on who was faster.

It is a list of acts, its tape. The same tape can be told under other circumstances: other stores, orders, losses.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from syncd.core.fieldmap import Sync, Way
from syncd.core.guard import Limits
from syncd.core.record import Raw, Ref
from syncd.engine.cycle import deliver_all, once
from syncd.engine.world import App, World
from syncd.sdk.contract import Deletes, Field, FieldType
from syncd.store.store import Store
from syncd.testing.simulator import people
from syncd.testing.simulator.acts import Act, Circumstances, End, Ground
from syncd.testing.simulator.app import ADDRESSES, FIELDS, SETS, VALUES, SimApp
from syncd.testing.simulator.fates import Killed
from syncd.testing.simulator.lens import Plain, canonical
from syncd.testing.simulator.oracle import questions
from syncd.testing.simulator.run import Simulation
from syncd.testing.simulator.watch import CHANNEL

__all__ = ["Telling"]

_GENEROUS: Final = Limits(deletes=1000, delete_share=1.0, changes=100_000, blanks=100_000, shrink=100_000)
_ONLOOKER: Final = "look"
_OURS: Final = "shoe"
"""A field that no mapping names."""
_SPAN: Final = 700.0
"""Between two rounds: longer than the time between the two looks that a delete needs."""
_ROUNDS: Final = 12


@dataclass
class Telling(Simulation):
    """One telling of a tape; where none is given, one is made up on the way and left in `acts`."""

    profile: str = "calm"
    circumstances: Circumstances = field(default_factory=Circumstances)
    ground: Ground = field(default_factory=Ground)
    acts: Sequence[Act] | None = None
    length: int = 14
    passed: int = 0
    """Points that the engine has passed, so that a kill can be placed at any of them."""

    def __post_init__(self) -> None:
        length = self.length
        super().__post_init__()
        self.length, self.limits, self.coverage, self.answers = length, _GENEROUS, None, ("resume",)
        self._kills = list(self.circumstances.kills)
        self._late: list[Ref] = []
        for app in self.apps.values():
            self._ground(app)
        self.sync = _declared(self.sync, self.apps) if self.ground.declared else self.sync
        self._change(self.circumstances)
        self._whole = self.sync
        self.engine.seed(self.seed + self.circumstances.chance)
        self.fates.chance = random.Random(self.seed)
        self.world = self._world()

    def _ground(self, app: SimApp) -> None:
        app.observe = _unseen
        if self.ground.told:
            app.calls_back = True
            app.capabilities = replace(app.capabilities, deletes=Deletes.TOLD)
        elif app.capabilities.deletes is Deletes.HIDDEN:  # or nothing but a webhook would tell
            app.capabilities = replace(app.capabilities, deletes=Deletes.ABSENT)

    def _change(self, told: Circumstances) -> None:
        self.clock.turn(told.shift)
        for app in self.apps.values():
            app.made = told.ids_from
            app.fields = {**app.fields, _OURS: Field(name=_OURS, type=FieldType.TEXT)} if told.unmapped else app.fields
            size = told.batch
            if size:
                app.capabilities = replace(app.capabilities, read_batch=size, write_batch=size)
            if told.page:
                app.capabilities = replace(app.capabilities, page_size=told.page)
            if told.shuffled:
                app.arrange = random.Random(self.seed).shuffle
        names = list(self.apps)
        places = [names[place] for place in told.order if place < len(names)] or names
        called = {name: told.names.get(name, name) for name in places}
        self._named = {new: name for name, new in called.items()}
        apps, self.apps = self.apps, {}
        for name, new in called.items():
            apps[name].name = new
            self.apps[new] = apps[name]
        self.sync = _renamed(self.sync, called)
        if told.onlooker:
            fields = {name: next(iter(self.apps.values())).fields[name] for name in FIELDS}
            self.apps[_ONLOOKER] = SimApp(name=_ONLOOKER, clock=self.clock, fields=fields, fates=self.fates)
            self.sync = _looked_at(self.sync, _ONLOOKER)

    def _world(self) -> World:
        world = super()._world()
        if _ONLOOKER not in world.apps:
            return world
        onlooker = world.apps[_ONLOOKER]
        only_read = App(_ONLOOKER, onlooker.connector, onlooker.objects, read_only=True)
        return replace(world, apps={**world.apps, _ONLOOKER: only_read})

    # --- the story -----------------------------------------------------------------------------------------------

    def end(self) -> End:
        """Tell it, and say what it came to."""
        with tempfile.TemporaryDirectory(prefix="syncd-telling-") as folder:
            self._folder = Path(folder)
            if self.circumstances.database:
                self._goes_on_with(self._folder / "told.db")
            try:
                return self._told()
            finally:
                self.store.close()

    def _told(self) -> End:
        acts, self.acts = self.acts, []
        own = random.Random(self.seed * 31 + 7)
        tape: Iterator[Act] = self._made_up(random.Random(self.seed)) if acts is None else iter(acts)
        once(self.world)  # the mapping is put in force while everything is empty, however it goes on
        for place, act in enumerate(tape):
            self.acts.append(act)
            self._before(place)
            self.passes(1)
            self._does(act)
            if self.circumstances.unmapped and own.random() < 0.5:
                self._ticks(own)
            if act.rests:
                self._rest()
        self._before(len(self.acts))
        self._posted += [(0.0, ref) for ref in self._late]
        self._late = []
        self.circumstances = replace(self.circumstances, late=False)
        self._killing(self._settle_down)
        self.violations += questions(self)
        return self._found()

    def _settle_down(self) -> None:
        self.violations += self._settle()
        self.fates.calm = False

    def _made_up(self, chance: random.Random) -> Iterator[Act]:
        touched: set[str] = set()
        for _ in range(self.length):
            act = self._next(chance, touched)
            touched = set() if act.rests else touched | {act.who}
            yield act

    def _next(self, chance: random.Random, touched: set[str]) -> Act:
        name = chance.choice(list(self.apps))
        here = _addresses(self.apps[name])
        known, free = sorted(here - touched), sorted(set(ADDRESSES) - here - touched)
        rests, roll = chance.random() < 0.65, chance.random()
        if not known or (free and roll < 0.25):
            who = chance.choice(free or sorted(ADDRESSES))
            out = chance.random() < 0.05
            fields = (("first", chance.choice(VALUES)), ("tags", list(chance.choice(SETS))), ("out", out))
            return Act(name, "makes", who, fields, rests=rests or len(touched) > 2)
        who = chance.choice(known)
        if not self.ground.steady and not touched and roll > 0.75:
            kind = chance.choice(["deletes", "merges", "moves", "moves"])
            if kind == "deletes":
                return Act(name, "deletes", who)
            if kind == "merges" and len(known) > 1:
                return Act(name, "merges", who, other=chance.choice([one for one in known if one != who]))
            if kind == "moves" and free:
                return Act(name, "moves", who, other=chance.choice(free))
        return Act(name, "sets", who, (self._typed(chance),), rests=rests or len(touched) > 2)

    def _typed(self, chance: random.Random) -> tuple[str, Raw]:
        field = chance.choice(["first", "first", "note", "note", "note", "tags", "tags", "out"])
        if field == "out":
            return field, self.ground.steady or chance.random() < 0.7
        return field, list(chance.choice(SETS)) if field == "tags" else chance.choice(VALUES)

    def _does(self, act: Act) -> None:
        """Nothing, where the person is not there: then the tellings have parted, and their ends will differ."""
        app = self.apps[self.circumstances.names.get(act.app, act.app)]
        id, other = _holder(app, act.who), _holder(app, act.other) if act.other else None
        self.say(f"{act}" if id or act.verb == "makes" else f"{act}: nobody there")
        fields = {name: list(raw) if isinstance(raw, list) else raw for name, raw in act.fields}
        if act.verb == "makes" and id is None:
            app.person_creates(email=act.who, **fields)
        elif id is None or act.verb == "makes":
            return
        elif act.verb == "sets":
            app.person_edits(id, **fields)
        elif act.verb == "deletes":
            app.person_deletes(id)
        elif act.verb == "merges" and other is not None:
            app.person_merges(id, other)
        elif act.verb == "moves" and other is None:
            app.person_edits(id, email=act.other)

    def _ticks(self, own: random.Random) -> None:
        app = own.choice(list(self.apps.values()))
        if app.rows:
            app.person_edits(own.choice(list(app.rows)), **{_OURS: own.choice(VALUES)})

    # --- what the circumstances are ------------------------------------------------------------------------------

    def _before(self, place: int) -> None:
        if place in self.circumstances.restored:
            target = self._folder / f"backup-{place}.db"
            self.store.copy(target)
            self._goes_on_with(target)
            self.say("goes on with a restored backup")
        if place in self.circumstances.sweeps:
            self.say("a sweep")
            self._killing(lambda: once(self.world, whole=True))

    def _goes_on_with(self, file: Path) -> None:
        self.store.close()
        self.store = Store.open(f"sqlite:///{file}", self.clock.now)
        self.store.on_commit = lambda: self.fates.point("a commit")
        self.world = self._world()

    def _rest(self) -> None:
        quiet = 0
        for _ in range(_ROUNDS):
            self._wait(_SPAN)
            self._post()
            people.resume_all(self)
            people.approve_all(self)
            self._killing(self._round)
            quiet = quiet + 1 if self._still else 0
            if quiet == 2:
                return

    def _round(self) -> None:
        self._still = False
        before = sum(len(app.writes) for app in self.apps.values())
        if self.circumstances.polls:
            once(self.world, whole=not self.ground.told)
        else:
            for _ in deliver_all(self.world):
                pass
        with self.store.read() as tx:
            paused = any(tx.apps.get(name).paused for name in self.apps)
            missed = any(tx.links.missing("people", name) for name in self.apps)
            self._still = (
                not paused
                and not missed
                and not tx.intents.open()
                and before == sum(len(app.writes) for app in self.apps.values())
            )

    def _killing(self, stage: Any) -> None:
        """A stage of the engine, in which it may die; then it starts again."""
        began = self.fates.points
        self.fates.left = self._kills[0] - self.passed if self._kills else None
        self._still = False
        try:
            stage()
            self.passed += self.fates.points - began
        except Killed as death:
            self.passed = 0
            del self._kills[0]
            self._dies(death)
            self._killing(stage)
        self.fates.left = None

    def _post(self) -> None:
        for app in self.apps.values():
            app.passes()
            refs = app.due_webhooks() * self.circumstances.told
            if self.circumstances.late:
                self._late += refs
            else:
                self._posted += [(0.0, ref) for ref in refs]
        super()._post()

    # --- the end -------------------------------------------------------------------------------------------------

    def _found(self) -> End:
        named = {new: name for new, name in self._named.items() if new in self.apps}
        with self.store.read() as tx:
            work = tx.parked.open()
            entities = [one for one in tx.entities.all("people") if not one.deleted]
            opted_out = [
                address for address, entry in tx.optouts.of(CHANNEL, ADDRESSES).items() if entry.lifted is None
            ]
        return End(
            shown={old: _shown([row.fields for row in self.apps[new].rows.values()]) for new, old in named.items()},
            agreed=_shown([entity.fields for entity in entities]),
            opted_out=tuple(sorted(opted_out)),
            asked=tuple(sorted((one.kind.value, named.get(one.app, one.app), one.field) for one in work)),
            writes={old: len(self.apps[new].writes) for new, old in named.items()},
            violations=tuple(dict.fromkeys(self.violations)),
        )


def _unseen(_: object) -> None:
    """Nobody measures."""


def _shown(records: Sequence[Mapping[str, Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(sorted((tuple(canonical(one.get(name)) for name in FIELDS) for one in records), key=repr))


def _addresses(app: SimApp) -> set[str]:
    return {str(row.fields["email"]) for row in app.rows.values()}


def _holder(app: SimApp, address: str) -> str | None:
    return next((id for id, row in app.rows.items() if row.fields["email"] == address), None)


def _declared(sync: Sync, apps: Mapping[str, SimApp]) -> Sync:
    rules = {}
    for name, rule in sync.rules.items():
        lenses = {app: Plain(name, declared=apps[app].keeps.get(name)) for app in rule.lenses}
        rules[name] = replace(rule, lenses=lenses)
    return replace(sync, rules=rules)


def _renamed(sync: Sync, called: Mapping[str, str]) -> Sync:
    rules = {
        name: replace(
            rule,
            lenses={called[app]: lens for app, lens in rule.lenses.items()},
            ways={called[app]: way for app, way in rule.ways.items()},
            order=tuple(called[app] for app in rule.order),
            consent_sources=frozenset(called[app] for app in rule.consent_sources),
        )
        for name, rule in sync.rules.items()
    }
    return replace(
        sync,
        apps={new: sync.apps[name] for name, new in called.items()},
        rules=rules,
        seed_order=tuple(called[app] for app in sync.seed_order),
        creates=frozenset(called[app] for app in sync.creates),
        filters={called[app]: wants for app, wants in sync.filters.items()},
    )


def _looked_at(sync: Sync, app: str) -> Sync:
    rules = {
        name: replace(
            rule,
            lenses={**rule.lenses, app: Plain(name)},
            ways={**rule.ways, app: Way.READ},
            order=(*rule.order, app),
        )
        for name, rule in sync.rules.items()
    }
    seeds = (*sync.seed_order, app)
    return replace(sync, apps={**sync.apps, app: "people"}, rules=rules, seed_order=seeds)
