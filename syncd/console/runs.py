"""Runs that a person starts: rehearse, apply, once through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd.console.private import keep_private
from syncd.engine.cycle import Report, began, once
from syncd.engine.paper import lines, plan_of
from syncd.engine.plan import Plan, apply, carry_out, make_plan, unapplied
from syncd.engine.rehearsal import clear_rehearsals
from syncd.engine.resolve import recover
from syncd.engine.setback import setback
from syncd.engine.world import Tally, World
from syncd.engine.writes import Planned
from syncd.errors import ConfigError, Halted, Problem

__all__ = [
    "Outcome",
    "Proposal",
    "apply_now",
    "apply_plan",
    "keep_plan",
    "propose",
    "read_plan",
    "run_once",
    "shown",
]

Progress = Callable[[Tally], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a run would write, in numbers and samples."""

    counts: Mapping[str, Mapping[str, int]]
    """App to create, update and delete to how many."""
    fields: Mapping[str, Mapping[str, int]]
    """App to its field to how many writes touch it."""
    parked: Mapping[str, int]
    """Kind of parked work to how much of it the run would open."""
    linked: int
    samples: tuple[Planned, ...]
    """The first few writes of each app and kind."""
    unapplied: tuple[str, ...]
    """Syncs whose mapping is not in force as it stands in the file."""
    digest: str
    out: str = ""
    """The file that holds the whole plan, where one was asked for."""

    @property
    def pending(self) -> bool:
        """Whether `apply` would change anything."""
        return bool(self.counts or self.unapplied)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did, and what it leaves."""

    read: int
    changed: int
    created: int
    updated: int
    deleted: int
    refused: int
    parked: int
    doubtful: int
    owed: int
    failing: tuple[str, ...]
    """Apps that are paused or did not answer."""


def propose(world: World, progress: Progress) -> Plan:
    """Rehearse a run: read everything, write nothing. Raises Halted where an app fails halfway."""
    return make_plan(world, progress=progress)


def shown(world: World, plan: Plan, *, samples: int, out: str = "") -> Proposal:
    """A plan for a person: counts, and `samples` writes of each kind for each app."""
    taken: dict[tuple[str, str], list[Planned]] = {}
    fields: dict[str, dict[str, int]] = {}
    for write in plan.writes:
        some = taken.setdefault((write.app, write.kind), [])
        if len(some) < samples:
            some.append(write)
        touched = fields.setdefault(write.app, {})
        for name in write.fields:
            touched[name] = touched.get(name, 0) + 1
    return Proposal(
        counts=plan.counts,
        fields=fields,
        parked=plan.parked,
        linked=plan.linked,
        samples=tuple(write for some in taken.values() for write in some),
        unapplied=unapplied(world),
        digest=plan.digest,
        out=out,
    )


def keep_plan(plan: Plan, path: Path) -> None:
    """Write the whole plan to a file that only its owner may read. Raises ConfigError where that cannot be."""
    keep_private(lines(plan), path)


def read_plan(path: Path) -> Plan:
    """A plan that `keep_plan` wrote. Raises ConfigError if it is none, or was altered since."""
    try:
        with path.open("rb") as file:
            return plan_of(file)
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    except ConfigError as error:
        raise ConfigError([Problem(str(path), error.message)], hint=error.hint) from error


def apply_plan(world: World, plan: Plan, *, by: str, progress: Progress) -> Outcome:
    """Write what the plan holds and put the mappings in force. Raises Halted if the world has moved since."""
    recover(world)
    began(world, "apply", by=by)
    return _outcome(apply(world, plan, by=by, progress=progress))


def apply_now(world: World, plan: Plan, *, by: str, progress: Progress) -> Outcome:
    """Write what a plan holds that was made a moment ago, and put the mappings in force."""
    recover(world)
    began(world, "apply", by=by)
    return _outcome(carry_out(world, plan, by=by, progress=progress))


def run_once(world: World, progress: Progress, *, by: str) -> Outcome:
    """Pull and deliver until it is quiet. Raises Halted where a mapping was never planned and applied."""
    clear_rehearsals(world.store)
    with world.store.read() as tx:
        back = setback(tx)
    if back is not None:
        raise Halted(
            f"the store was set back, and writes are held: {back.why}",
            hint="look at what would be written with: syncd plan --out plan.json; then: syncd apply plan.json",
        )
    waiting = unapplied(world)
    if waiting:
        with world.store.read() as tx:
            told = [
                f"the mapping of {name} " + ("was changed since it was applied" if before else "was never applied")
                for name in waiting
                for before in (tx.meta.get(f"applied:{name}"),)
            ]
        raise Halted(
            "\n".join(told),
            hint="look at what it would do with: syncd plan --out plan.json; then: syncd apply plan.json",
        )
    recover(world)
    began(world, "run --once", by=by)
    return _outcome(once(world, progress=progress))


def _outcome(report: Report) -> Outcome:
    tally = report.tally
    return Outcome(
        read=tally.read,
        changed=tally.changed,
        created=tally.created,
        updated=tally.updated,
        deleted=tally.deleted,
        refused=tally.refused,
        parked=tally.parked,
        doubtful=report.doubtful,
        owed=report.owed,
        failing=report.failing,
    )
