"""Commands that move data: plan, apply, run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from syncd.console.commands import COMMON, DONE, PENDING, UNREACHED, By, Common, person
from syncd.console.voice import progress, tables
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.engine.plan import Plan
    from syncd.engine.world import World

__all__ = ["apply", "plan", "run"]


def plan(*, out: Path | None = None, limit: int = 5, common: Common = COMMON) -> int:
    """Show what a run would write, without writing anything. Exit code 2 when there is something to do.

    Parameters
    ----------
    out
        Keep the whole plan in this file, for `syncd apply`. It holds people's data; only you may read it.
    limit
        Show so many samples of each kind of write for each app.
    """
    from syncd.console import show
    from syncd.console.console import assembled
    from syncd.console.private import may_keep
    from syncd.console.runs import keep_plan, propose, shown

    if limit < 0:
        raise ConfigError(f"--limit is {limit}, expected at least 0")
    if out is not None:
        may_keep(out)
    with assembled(common.working()) as world:
        with progress("rehearsing", quiet=common.json) as step:
            made = propose(world, step)
        if out is not None:
            keep_plan(made, out)
        found = shown(world, made, samples=limit, out=str(out or ""))
    return common.answer(found, lambda: show.proposal(found), PENDING if found.pending else DONE)


def apply(
    plan_file: Path | None = None,
    /,
    *,
    yes: Annotated[bool, Parameter(("--yes", "-y"), negative="")] = False,
    by: By = "",
    common: Common = COMMON,
) -> int:
    """Write exactly what a plan holds and put the mappings in force; refuses if the world has moved since.

    Parameters
    ----------
    plan_file
        What `syncd plan --out` or `syncd undo --out` wrote. Without it a plan is made, shown and, after a yes, applied.
    yes
        Do not ask.
    """
    from syncd.console import show
    from syncd.console.commands.undo import undo_as_kept
    from syncd.console.console import alone
    from syncd.console.runs import apply_now, apply_plan, read_plan

    if plan_file is not None and (code := undo_as_kept(plan_file, by=by, common=common)) is not None:
        return code
    given = None if plan_file is None else read_plan(plan_file)
    if given is None and not yes and (common.json or not sys.stdin.isatty()):
        raise ConfigError(
            "nobody is here to say yes", hint="name a plan made with: syncd plan --out FILE; or say --yes"
        )
    with alone(common.working(), "apply") as world:
        chosen = given or _offered(world, common, yes=yes)
        if chosen is None:
            return PENDING
        with progress("writing", total=len(chosen.writes), quiet=common.json) as step:
            write = apply_plan if given else apply_now
            done = write(world, chosen, by=person(by), progress=step)
    return common.answer(done, lambda: show.outcome(done), UNREACHED if done.failing else DONE)


def run(*, once: Annotated[bool, Parameter(negative="")] = False, common: Common = COMMON) -> int:
    """Keep everything the same until stopped.

    Parameters
    ----------
    once
        Pull and deliver until it is quiet, then end.
    """
    if not once:
        from syncd.daemon.serving import serve
        from syncd.web.site import pages

        return serve(common.working(), pages=pages)
    from syncd.console import show
    from syncd.console.console import alone
    from syncd.console.runs import run_once

    with alone(common.working(), "run --once") as world, progress("syncing", quiet=common.json) as step:
        done = run_once(world, step, by=person(""))
    return common.answer(done, lambda: show.outcome(done), UNREACHED if done.failing else DONE)


def _offered(world: World, common: Common, *, yes: bool) -> Plan | None:
    """A plan made now, shown and agreed to; None after a no."""
    from syncd.console import show
    from syncd.console.runs import propose, shown

    with progress("rehearsing", quiet=common.json) as step:
        made = propose(world, step)
    if yes:
        return made
    tables(*show.proposal(shown(world, made, samples=5)))
    return made if input("Write this? [y/N] ").strip().lower() in {"y", "yes"} else None
