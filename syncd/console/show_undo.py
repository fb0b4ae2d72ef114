"""Tables of what an undo comes to, of what it has done, and of what has run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from syncd.console.show import grid, when, words
from syncd.console.tell import said

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.console.undo import Reason, Run, TakenBack, Undoing

__all__ = ["ran", "taken_back", "undoing"]


def undoing(found: Undoing) -> Iterable[RenderableType]:
    """What an undo would come to."""
    yield words(f"to take back: {found.words}", "bold")
    if not found.pending:
        yield words("nothing can be taken back", "yellow")
        yield from _stay(found.stay)
        return
    yield words(_said(found.values, found.returns))
    for name, counts in (("by field", found.fields), ("records to write, by app", found.apps)):
        if counts:
            yield words(f"  {name}: " + ", ".join(f"{key} {count}" for key, count in counts.items()))
    rows = (
        (
            one.label,
            one.field or "deleted",
            f"{said(one.now)} → {said(one.then)}" if one.field else "made anew",
            ", ".join(one.apps) or "nobody is told",
            one.undoes,
        )
        for one in found.samples
    )
    yield grid(("record", "field", "now → then", "written in", "entry"), rows)
    more = found.values + found.returns - len(found.samples)
    if more:
        yield words(f"  … and {more} more: --limit shows more of them, --json all that is shown")
    yield from _stay(found.stay)
    yield from (words(line, "yellow") for line in found.unread)
    if found.out:
        yield words(f"to do exactly this: syncd apply {found.out}")
    else:
        yield words("to do this: say it again with --yes")


def taken_back(found: TakenBack) -> Iterable[RenderableType]:
    """What an undo has done."""
    yield words(f"{_said(found.values, found.returns)}, by entry {found.entry}", "green")
    yield from _stay(found.stay)
    yield words("the daemon writes it to the apps; without one: syncd run --once")
    yield words(f"to take this back in turn: syncd undo --undo {found.entry}")


def ran(found: Sequence[Run]) -> Iterable[RenderableType]:
    """What has run."""
    rows = (
        (
            run.entry,
            when(run.at),
            run.what,
            run.by,
            ", ".join(f"{n} {event}" for event, n in sorted(run.events.items())),
        )
        for run in found
    )
    yield grid(("run", "began", "what", "by", "entries of the log"), rows)
    if found:
        yield words(f"to take one back: syncd undo --run {found[-1].entry}")


def _said(values: int, returns: int) -> str:
    parts = []
    if values:
        parts.append("1 value stands as before" if values == 1 else f"{values} values stand as before")
    if returns:
        parts.append("1 deleted record is made anew" if returns == 1 else f"{returns} deleted records are made anew")
    return " and ".join(parts) or "nothing was taken back"


def _stay(reasons: Sequence[Reason]) -> Iterable[RenderableType]:
    if reasons:
        yield words("stays as it is:")
    for one in reasons:
        first = f"{one.field or 'record'} of {one.label}, entry {one.seq}"
        yield words(f"  {one.count} × {one.reason} ({first}{', …' if one.count > 1 else ''})")
