"""What a run would write: rehearsed by the real engine on a copy of the store; applied as shown, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from syncd.core.fieldmap import Sync
from syncd.core.guard import expecting
from syncd.engine.calls import references
from syncd.engine.cycle import Report, once
from syncd.engine.debts import note_freed
from syncd.engine.guards import expect
from syncd.engine.recent import Recent
from syncd.engine.rehearsal import rehearsal
from syncd.engine.setback import accept, accept_for_now, setback
from syncd.engine.standing import Standing
from syncd.engine.world import Safety, Tally, Uncounted, World
from syncd.engine.wrappers import Gated, Rehearsed
from syncd.engine.writes import Writes
from syncd.errors import Halted
from syncd.store.ports import Transaction
from syncd.store.store import Store
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = ["Plan", "apply", "carry_out", "make_plan", "mark_applied", "unapplied"]


_ALL: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run would write, and what it would ask of people."""

    writes: Writes
    parked: Mapping[str, int]
    linked: int
    mappings: Mapping[str, str]
    """The digest of each sync's mapping."""
    made: float

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """App to kind of write to how many."""
        return self.writes.counts

    @property
    def digest(self) -> str:
        """The same for plans that write the same."""
        return self.writes.digest


def make_plan(world: World, *, progress: Callable[[Tally], None] = lambda _: None) -> Plan:
    """Rehearse a whole run: read everything, write nothing, neither to an app nor to the store."""
    with rehearsal(world.store) as folder:
        target = folder / "rehearsal.db"
        world.store.copy(target)
        store = Store.fleeting(target, world.clock.now)
        try:
            return _rehearse(world, store, folder, progress)
        finally:
            store.close()


def _rehearse(world: World, store: Store, folder: Path, progress: Callable[[Tally], None]) -> Plan:
    writes = Writes(folder, list(world.apps))
    apps = {
        name: replace(app, connector=Rehearsed(name, app.connector, writes, Standing(folder, name)))
        for name, app in world.apps.items()
    }
    stage = replace(world, store=store, apps=apps, counts=Uncounted(), recent=Recent(), safety=_expecting(world.safety))
    with store.begin() as tx:
        before = tx.parked.counts()
        if setback(tx) is not None:
            accept_for_now(tx)
    report = once(stage, whole=True, progress=progress)
    with store.read() as tx:
        after = tx.parked.counts()
        linked = sum(tx.links.linked(name, app) for name, sync in world.syncs.items() for app in sync.apps)
        reasons = {name: tx.apps.get(name).paused or tx.apps.get(name).failing for name in report.failing}
    if any(reasons.values()):
        raise Halted("\n".join(reason for reason in reasons.values() if reason), hint="mend this, then plan again")
    return Plan(
        writes=writes,
        parked={kind: count - before.get(kind, 0) for kind, count in after.items() if count > before.get(kind, 0)},
        linked=linked,
        mappings={name: sync.digest for name, sync in world.syncs.items()},
        made=world.clock.now(),
    )


def _expecting(safety: Safety) -> Safety:
    """Guards let a mass of changes pass where a person sees each of them in a plan."""
    own = {place: expecting(limits) for place, limits in safety.own_limits.items()}
    return replace(safety, limits=expecting(safety.limits), own_limits=own)


def apply(world: World, plan: Plan, *, by: str, progress: Callable[[Tally], None] = lambda _: None) -> Report:
    """Write exactly what an earlier plan holds. Raises Halted, with nothing written, if the world has moved since.

    The plan is made anew first and compared; then the run is gated, so that not even a change in between slips in.
    """
    _compare(plan, make_plan(world))
    return carry_out(world, plan, by=by, progress=progress)


def carry_out(world: World, plan: Plan, *, by: str, progress: Callable[[Tally], None] = lambda _: None) -> Report:
    """Write what the plan holds and nothing else; what has come since stays owed, and goes with the next run."""
    plan.writes.untaken()
    gates = {
        name: Gated(app.connector, plan.writes.take, {f for _, f in references(world, name)})
        for name, app in world.apps.items()
    }
    apps = {name: replace(app, connector=gates[name]) for name, app in world.apps.items()}
    gated = replace(world, apps=apps, safety=_expecting(world.safety))
    accept(world.store, by)
    report = once(gated, whole=True, progress=progress)
    mark_applied(world, by=by)
    return report


def _compare(plan: Plan, now: Plan) -> None:
    if plan.mappings != now.mappings:
        changed = [name for name in now.mappings if plan.mappings.get(name) != now.mappings[name]]
        raise Halted(
            f"the mapping of {', '.join(changed)} is not the one that was planned", hint="run syncd plan again"
        )
    more, less = _apart(plan.writes.names(), now.writes.names())
    if more or less:
        raise Halted(
            f"the world moved since the plan was made: {more} writes are new, {less} are no longer due",
            hint="run syncd plan again and look at what it shows",
        )


def _apart(then: Iterator[bytes], today: Iterator[bytes]) -> tuple[int, int]:
    """How many names there are today that there were not then, and the other way round; both come in order."""
    more = less = 0
    was, has = next(then, None), next(today, None)
    while was is not None or has is not None:
        if was == has:
            was, has = next(then, None), next(today, None)
        elif was is None or (has is not None and has < was):
            more, has = more + 1, next(today, None)
        else:
            less, was = less + 1, next(then, None)
    return more, less


def mark_applied(world: World, *, by: str) -> None:
    """Put the mappings in force: from now on the daemon writes by them."""
    with world.store.begin() as tx:
        asked = tx.parked.open(limit=_ALL)
        gone = [work for work in asked if work.sync and work.sync not in world.syncs]
        tx.parked.withdraw(gone, "there is no such sync any more")
        for name, sync in world.syncs.items():
            expect(tx, sync)
            _let_rest(tx, sync, [work for work in asked if work.sync == name])
            if tx.meta.get(f"applied:{name}") != sync.digest:
                tx.meta.put(f"applied:{name}", sync.digest)
                tx.log.append(Entry(event=Event.APPLIED, sync=name, by=by, mapping=sync.digest))


def _let_rest(tx: Transaction, sync: Sync, asked: Iterable[Parked]) -> None:
    """A question about a field that the mapping has no more can be answered by nobody."""
    of_fields = (work for work in asked if work.field and work.kind is not ParkedKind.GUARD)
    vain = [work for work in of_fields if work.field not in sync.rules]
    tx.parked.withdraw(vain, "the mapping has no such field any more")
    note_freed(tx, sync, vain, None)


def unapplied(world: World) -> tuple[str, ...]:
    """The syncs whose mapping, as it stands in the file, was never planned and applied."""
    with world.store.read() as tx:
        return tuple(name for name, sync in world.syncs.items() if tx.meta.get(f"applied:{name}") != sync.digest)
