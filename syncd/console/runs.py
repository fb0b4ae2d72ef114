"""Runs that a person starts: rehearse, apply, once through."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.engine.cycle import Report, once
from syncd.engine.paper import lines, plan_of
from syncd.engine.plan import Plan, apply, carry_out, make_plan, unapplied
from syncd.engine.rehearsal import clear_rehearsals
from syncd.engine.resolve import recover
from syncd.engine.world import Tally, World
from syncd.engine.writes import Planned
from syncd.errors import ConfigError, Halted, Problem

__all__ = [
    "Outcome",
    "Proposal",
    "apply_now",
    "apply_plan",
    "keep_plan",
    "may_keep",
    "propose",
    "read_plan",
    "run_once",
    "shown",
]

Progress = Callable[[Tally], None]

_PLAN: Final = re.compile(rb'"form": *"plan-')
"""What every plan has among the first things that it says."""


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
    """Write the whole plan to a file that only its owner may read: it holds people's data.

    What stands there is replaced if it is a plan. Raises ConfigError, and leaves alone whatever else stands there.
    """
    may_keep(path)
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600 from the start
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(lines(plan))
            os.replace(draft, path)  # noqa: PTH105 - `draft` is a plain name
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")]) from error


def may_keep(path: Path) -> None:
    """Raise ConfigError if `keep_plan` would refuse the file: known before a rehearsal that takes long."""
    if path.exists() and not _is_plan(path):
        what = "is a folder" if path.is_dir() else "exists, and is no plan"
        raise ConfigError([Problem(str(path), what, "name another file with --out")])


def _is_plan(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _PLAN.search(file.read(1000)) is not None
    except OSError:
        return False


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
    return _outcome(apply(world, plan, by=by, progress=progress))


def apply_now(world: World, plan: Plan, *, by: str, progress: Progress) -> Outcome:
    """Write what a plan holds that was made a moment ago, and put the mappings in force."""
    recover(world)
    return _outcome(carry_out(world, plan, by=by, progress=progress))


def run_once(world: World, progress: Progress) -> Outcome:
    """Pull and deliver until it is quiet. Raises Halted where a mapping was never planned and applied."""
    clear_rehearsals(world.store)
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
