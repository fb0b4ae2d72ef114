"""What a run would write: rehearsed by the real engine on a copy of the store; applied as shown, or not at all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from syncd.core.record import Create, Delete, Ref, Update, Write
from syncd.engine.calls import references
from syncd.engine.cycle import Report, once
from syncd.engine.rehearsal import rehearsal
from syncd.engine.setback import accept, accept_for_now, setback
from syncd.engine.world import Tally, Uncounted, World
from syncd.engine.wrappers import Gated, Rehearsed, fingerprint
from syncd.errors import ConfigError, Halted
from syncd.store.store import Store
from syncd.store.values import Entry, Event

__all__ = ["Plan", "Planned", "apply", "carry_out", "load_plan", "make_plan", "mark_applied", "unapplied"]

_COLLECTION = "plan-1"


@dataclass(frozen=True, slots=True)
class Planned:
    """One write of a plan. `fields`: the app's field to [what stands there, what would]."""

    kind: str
    app: str
    object: str
    record: str
    fields: Mapping[str, Sequence[Any]]
    name: str
    """Its fingerprint: what `apply` holds the real write against."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run would write, and what it would ask of people."""

    writes: tuple[Planned, ...]
    parked: Mapping[str, int]
    linked: int
    mappings: Mapping[str, str]
    """The digest of each sync's mapping."""
    made: float
    failing: tuple[str, ...] = ()
    form: str = field(default=_COLLECTION)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """App to kind of write to how many."""
        counts: dict[str, dict[str, int]] = {}
        for write in self.writes:
            kinds = counts.setdefault(write.app, {"create": 0, "update": 0, "delete": 0})
            kinds[write.kind] += 1
        return counts

    @property
    def digest(self) -> str:
        """The same for plans that write the same."""
        text = "\n".join(sorted(write.name for write in self.writes))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def data(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "counts": self.counts, "digest": self.digest}


def make_plan(world: World, *, progress: Callable[[Tally], None] = lambda _: None) -> Plan:
    """Rehearse a whole run: read everything, write nothing, neither to an app nor to the store."""
    with rehearsal(world.store) as folder:
        target = folder / "rehearsal.db"
        world.store.copy(target)
        store = Store.open(f"sqlite:///{target}", world.clock.now)
        try:
            return _rehearse(world, store, progress)
        finally:
            store.close()


def _rehearse(world: World, store: Store, progress: Callable[[Tally], None]) -> Plan:
    rehearsed = {name: Rehearsed(name, app.connector) for name, app in world.apps.items()}
    apps = {name: replace(app, connector=rehearsed[name]) for name, app in world.apps.items()}
    stage = replace(world, store=store, apps=apps, counts=Uncounted())
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
        writes=tuple(_planned(app, write) for app in rehearsed.values() for write in app.written),
        parked={kind: count - before.get(kind, 0) for kind, count in after.items() if count > before.get(kind, 0)},
        linked=linked,
        mappings={name: sync.digest for name, sync in world.syncs.items()},
        made=world.clock.now(),
    )


def _planned(app: Rehearsed, write: Write) -> Planned:
    before = app.before.get(write.key)
    shown = before.fields if before else {}
    match write:
        case Create(name, object, fields, _):
            changes = {key: [None, value] for key, value in fields.items()}
            return Planned("create", name, object, "", changes, fingerprint(write))
        case Delete(ref, _, _):
            changes = {key: [value, None] for key, value in shown.items()}
            return Planned("delete", ref.app, ref.object, ref.id, changes, fingerprint(write))
        case _:
            changes = {key: [shown.get(key), value] for key, value in write.patch.items()}
            return Planned("update", write.ref.app, write.ref.object, write.ref.id, changes, fingerprint(write))


def load_plan(data: Any) -> Plan:
    """A plan out of JSON. Raises ConfigError for anything else, and for a plan that was altered after it was made."""
    hint = "make one with: syncd plan --out FILE"
    try:
        if data["form"] != _COLLECTION:
            raise ConfigError(f"this plan has the form {data['form']!r}, and this syncd reads {_COLLECTION}", hint=hint)
        writes = tuple(
            Planned(w["kind"], w["app"], w["object"], w["record"], w["fields"], w["name"]) for w in data["writes"]
        )
        names = [fingerprint(_write(write)) for write in writes]
        plan = Plan(writes, data["parked"], data["linked"], data["mappings"], data["made"])
        digest = data["digest"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError("this is no plan, or only a part of one", hint=hint) from error
    if names != [write.name for write in writes] or digest != plan.digest:
        raise ConfigError("this plan was altered after it was made", hint=hint)
    return plan


def _write(planned: Planned) -> Write:
    """What a plan says would be written."""
    after = {name: new for name, (_, new) in planned.fields.items()}
    match planned.kind:
        case "create":
            return Create(planned.app, planned.object, after, "")
        case "update":
            return Update(Ref(planned.app, planned.object, planned.record), after, "")
        case "delete":
            return Delete(Ref(planned.app, planned.object, planned.record), "")
    raise ValueError(planned.kind)


def apply(world: World, plan: Plan, *, by: str, progress: Callable[[Tally], None] = lambda _: None) -> Report:
    """Write exactly what an earlier plan holds. Raises Halted, with nothing written, if the world has moved since.

    The plan is made anew first and compared; then the run is gated, so that not even a change in between slips in.
    """
    _compare(plan, make_plan(world))
    return carry_out(world, plan, by=by, progress=progress)


def carry_out(world: World, plan: Plan, *, by: str, progress: Callable[[Tally], None] = lambda _: None) -> Report:
    """Write what the plan holds and nothing else; what has come since stays owed, and goes with the next run."""
    allowed = Counter(write.name for write in plan.writes)
    gates = {
        name: Gated(app.connector, allowed, {f for _, f in references(world, name)}) for name, app in world.apps.items()
    }
    gated = replace(world, apps={name: replace(app, connector=gates[name]) for name, app in world.apps.items()})
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
    then, today = Counter(w.name for w in plan.writes), Counter(w.name for w in now.writes)
    if then != today:
        more, less = sum((today - then).values()), sum((then - today).values())
        raise Halted(
            f"the world moved since the plan was made: {more} writes are new, {less} are no longer due",
            hint="run syncd plan again and look at what it shows",
        )


def mark_applied(world: World, *, by: str) -> None:
    """Put the mappings in force: from now on the daemon writes by them."""
    with world.store.begin() as tx:
        for name, sync in world.syncs.items():
            if tx.meta.get(f"applied:{name}") != sync.digest:
                tx.meta.put(f"applied:{name}", sync.digest)
                tx.log.append(Entry(event=Event.APPLIED, sync=name, by=by, mapping=sync.digest))


def unapplied(world: World) -> tuple[str, ...]:
    """The syncs whose mapping, as it stands in the file, was never planned and applied."""
    with world.store.read() as tx:
        return tuple(name for name, sync in world.syncs.items() if tx.meta.get(f"applied:{name}") != sync.digest)
