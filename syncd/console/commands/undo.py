"""Commands that take changes back: runs, undo."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from syncd.console.commands import COMMON, DONE, PENDING, By, Common, person
from syncd.console.voice import note, tables
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.console.undo import Order
    from syncd.engine.undo import Chosen
    from syncd.engine.world import World

__all__ = ["runs", "undo"]


def runs(*, limit: int = 20, common: Common = COMMON) -> int:
    """List what has run: each `apply`, each `run --once`, each start of the daemon, and what it brought about.

    Parameters
    ----------
    limit
        At most so many, the latest.
    """
    from syncd.console.console import opened
    from syncd.console.show_undo import ran
    from syncd.console.undo import runs as ask

    if limit < 1:
        raise ConfigError(f"--limit is {limit}, expected at least 1")
    with opened(common.outline()) as store:
        found = ask(store, limit)
    return common.answer(list(found), lambda: ran(found))


def undo(
    *,
    change: int = 0,
    run: str = "",
    undo: int = 0,
    record: str = "",
    app: str = "",
    sync: str = "",
    field: str = "",
    since: str = "",
    until: str = "",
    out: Path | None = None,
    limit: int = 5,
    yes: Annotated[bool, Parameter(("--yes", "-y"), negative="")] = False,
    by: By = "",
    common: Common = COMMON,
) -> int:
    """Take changes back: what was agreed before them stands again, in every app. Shows what that comes to, then asks.

    What people have changed since stays, and is told; so do opt-outs, always. It is itself in the log, and can be
    taken back. Say at least one of --change, --run, --undo, --record or --since; the rest narrows it.

    Parameters
    ----------
    change
        This entry of the change log.
    run
        Everything since this run began, until the next one did: its number in `syncd runs`, or `last`.
    undo
        What an undo has taken back, by the entry that heads it.
    record
        One record: app/object/id, an entity's id, or a value it is matched by.
    app
        Only what was typed in this app.
    sync
        Only this sync.
    field
        Only this field.
    since
        Only what is newer: 30m, 2h, 7d, or a time such as 2030-01-31T12:00 (UTC).
    until
        Only what is older.
    out
        Keep it in this file, for `syncd apply`, and do nothing yet. It holds people's data; only you may read it.
    limit
        Show so many of the values.
    yes
        Do not ask.
    """
    from syncd.console.console import recalled
    from syncd.console.private import may_keep
    from syncd.console.show_undo import taken_back, undoing
    from syncd.console.undo import carry_out, keep_order, prepare, shown
    from syncd.console.waits import held

    if not any((change, run, undo, record, since)):
        hint = "say --change NUMBER, --run last, --undo NUMBER, --record WHOM or --since 2h; see: syncd undo --help"
        raise ConfigError("what is to be taken back?", hint=hint)
    if limit < 0:
        raise ConfigError(f"--limit is {limit}, expected at least 0")
    if out is not None:
        may_keep(out)
    with recalled(common.whole()) as world:
        chosen = _chosen(
            world,
            change=change,
            run=run,
            undo=undo,
            record=record,
            app=app,
            sync=sync,
            field=field,
            span=(since, until),
        )
        order = prepare(world, chosen)
        found = shown(world, order, samples=limit, out=str(out or ""))
        if out is not None:
            keep_order(order, out)
        if not found.pending or out is not None or (not yes and (common.json or not sys.stdin.isatty())):
            return common.answer(found, lambda: undoing(found), PENDING if found.pending else DONE)
        if not yes:
            tables(*undoing(found))
            if input("Take this back? [y/N] ").strip().lower() not in {"y", "yes"}:
                return PENDING
        done = carry_out(world, order, by=person(by))
        note(held(world.store))
    return common.answer(done, lambda: taken_back(done))


def undo_as_kept(path: Path, *, by: str, common: Common) -> int | None:
    """Take back just what `syncd undo --out` has kept in a file; None where the file holds something else."""
    from syncd.console.console import recalled
    from syncd.console.show_undo import taken_back
    from syncd.console.undo import carry_out, read_order
    from syncd.console.waits import held

    order: Order | None = read_order(path)
    if order is None:
        return None
    with recalled(common.working()) as world:
        done = carry_out(world, order, by=person(by))
        note(held(world.store))
    return common.answer(done, lambda: taken_back(done))


def _chosen(
    world: World,
    *,
    change: int,
    run: str,
    undo: int,
    record: str,
    app: str,
    sync: str,
    field: str,
    span: tuple[str, str],
) -> Chosen:
    from syncd.console.find import find
    from syncd.console.history import since as moment
    from syncd.console.undo import last_run
    from syncd.engine.undo import Chosen
    from syncd.spelling import suggest

    if app and app not in world.apps:
        raise ConfigError(f'there is no app "{app}"', hint=suggest(app, world.apps))
    if sync and sync not in world.syncs:
        raise ConfigError(f'there is no sync "{sync}"', hint=suggest(sync, world.syncs))
    whom = find(world.store, record, list(world.syncs)) if record else None
    note(whom.note if whom else "")
    fields = {name for one in world.syncs.values() for name in one.rules}
    if field and field not in fields:
        raise ConfigError(f'no sync has a field "{field}"', hint=suggest(field, fields))
    if run and run != "last" and not run.isdecimal():
        raise ConfigError(f'"{run}" is no run', hint="say its number in `syncd runs`, or: last")
    since, until = span
    return Chosen(
        seq=change,
        run=last_run(world.store) if run == "last" else int(run or 0),
        undo=undo,
        app=app,
        sync=sync,
        entity=whom.entity if whom else None,
        field=field,
        since=moment(since, time.time()) if since else None,
        until=moment(until, time.time()) if until else None,
    )
