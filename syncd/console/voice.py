"""How a command speaks: one JSON document or tables on standard output, everything else on standard error.

What apps and people wrote is hostile to a terminal: control characters, and characters that turn the writing
direction, are replaced, and nothing of it is ever taken for markup.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from syncd.errors import ConfigError, SyncdError
from syncd.terminal import disarmed

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from syncd.engine.world import Tally

__all__ = ["clean", "errors", "fail", "json_text", "note", "output", "progress", "say_json", "say_line", "tables"]

_WIDE: Final = 100_000
"""Columns where nobody looks: a file or a pipe is not cut."""


def clean(text: object) -> str:
    """The text without anything that a terminal would obey."""
    return disarmed(str(text).replace("\n", " ").replace("\t", " "), lambda _: "\N{REPLACEMENT CHARACTER}")


def json_text(value: Any) -> str:
    """JSON with sorted keys, times as RFC 3339 in UTC, and no character that a terminal would obey."""
    import orjson

    form = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS
    text = orjson.dumps(value, default=_named, option=form).decode()
    return disarmed(text, lambda one: f"\\u{ord(one):04x}", but="\n")


def _named(value: Any) -> dict[str, Any]:
    """A dataclass by its fields: orjson would leave them in their own order."""
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no part of an answer")
    return {field.name: getattr(value, field.name) for field in fields(value)}


def say_json(value: Any) -> None:
    """Print a document."""
    sys.stdout.write(json_text(value) + "\n")
    sys.stdout.flush()


def say_line(value: Any) -> None:
    """Print one of several documents, on a line of its own."""
    sys.stdout.write(" ".join(part.strip() for part in json_text(value).splitlines()) + "\n")
    sys.stdout.flush()


def output() -> Console:
    """Standard output for people."""
    from rich.console import Console

    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=_width(sys.stdout.isatty()))


def errors() -> Console:
    """Standard error for people."""
    from rich.console import Console

    return Console(file=sys.stderr, markup=False, highlight=False, emoji=False, width=_width(sys.stderr.isatty()))


def tables(*parts: RenderableType) -> None:
    """Print tables and lines, one after another."""
    console = output()
    with console.capture() as drawn:  # rich would end the process where a reader such as `head` has left
        for part in parts:
            console.print(part)
    sys.stdout.write(drawn.get())
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something beside the answer, if there is anything to say."""
    if text:
        errors().print(clean(text), markup=False, highlight=False)


def fail(error: SyncdError, *, json: bool = False) -> int:
    """Say what went wrong and what to do about it; the exit code."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    if json:
        told = [{"where": p.where, "message": p.message, "hint": p.hint} for p in problems]
        about = {"kind": type(error).__name__, "message": error.message, "hint": error.hint, "problems": told}
        say_json({"error": {**about, "exit_code": error.exit_code}})
        return error.exit_code
    lines = [str(problem) for problem in problems if problem.where != "syncd"] or error.message.splitlines()
    for text in lines:
        sys.stderr.write(f"{clean(text)}\n")
    if error.hint:
        sys.stderr.write(f"  {clean(error.hint)}\n")
    return error.exit_code


@contextmanager
def progress(what: str, *, total: int | None = None, quiet: bool = False) -> Iterator[Callable[[Tally], None]]:
    """Show what long work has done so far, how fast, and what is left of `total` writes; only on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    bar = (BarColumn(), TimeRemainingColumn()) if total else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *bar, TimeElapsedColumn())
    with Progress(*columns, console=errors(), transient=True) as shown:
        task = shown.add_task(what, total=total)

        def step(tally: Tally) -> None:
            elapsed = shown.tasks[0].elapsed or 0.0
            done = tally.written if total else tally.read
            rate = f", {done / elapsed:.0f}/s" if elapsed > 1 else ""
            of = f" of {total}" if total else ""
            shown.update(
                task,
                completed=tally.written,
                description=f"{what}: {tally.read} read, {tally.written}{of} written{rate}",
            )

        yield step


def _width(terminal: bool) -> int | None:  # noqa: FBT001 - a fact about a stream, not a switch
    return None if terminal else _WIDE
