"""What came of many seeds: for a reader, and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from syncd.testing.simulator.coverage import CELLS, INTENTS, LINKS, MEASURED, ROWS, SHOWN, cells, unseen
from syncd.testing.simulator.many import Broken, Summary
from syncd.testing.simulator.profile import Profile

__all__ = ["coverage", "figures", "lines", "verdict"]

_LAST: Final = 25
"""So many lines of a story that went wrong are shown."""
_RAREST: Final = 5
_FAULTS: Final = tuple(fault.name for fault in fields(Profile))
_FAULT, _APP = "fault: ", "app: "


def figures(summary: Summary) -> dict[str, Any]:
    """All of it, as JSON has it."""
    own = {name: value for name, value in asdict(summary).items() if name != "seen"}
    return {**own, "per_second": round(summary.per_second, 1), "coverage": coverage(summary.seen)}


def coverage(seen: Mapping[str, int]) -> dict[str, Any]:
    """What the stories came by: the matrix and its empty cells, the rules and those never applied, faults, apps."""
    known = {*CELLS, *ROWS}
    return {
        "cells": {cell: count for cell, count in cells(seen) if count},
        "empty": [cell for cell, count in cells(seen) if not count],
        "sometimes": {row: seen.get(row, 0) for row in ROWS},
        "never": unseen(seen),
        "faults": {fault: seen.get(_FAULT + fault, 0) for fault in _FAULTS},
        "capabilities": _named(seen, _APP),
        "other": {n: c for n, c in seen.items() if n not in known and not n.startswith((_FAULT, _APP))},
    }


def lines(summary: Summary) -> Iterator[str]:
    """A page for a reader; the last line says it all."""
    for broken in summary.first:
        yield from _end(broken)
    if summary.measured:
        yield from _matrix(summary)
        yield from _sometimes(summary.seen)
        yield ""
    if summary.points:
        yield (
            f"{summary.points:,} points, {summary.kills:,} kills, {summary.edits:,} edits, {summary.writes:,} writes, "
            f"{summary.gaps:,} edits lost in the declared gap"
        )
    speed = f"in {summary.seconds:.1f} s, {summary.per_second:.1f} a second"
    yield f"{summary.schedules:,} schedules {speed}, {summary.retold:,} of them told twice: {verdict(summary)}"


def verdict(summary: Summary) -> str:
    """How many promises were broken."""
    match summary.violations:
        case 0:
            return "no violation"
        case 1:
            return "1 violation"
        case many:
            return f"{many:,} violations"


def _end(broken: Broken) -> Iterator[str]:
    """How a story that went wrong ended."""
    story = Path(broken.story)
    told = story.read_text(encoding="utf-8").splitlines() if story.exists() else []
    yield f"seed {broken.seed}" + (f", with {broken.steps} of its steps" if broken.steps is not None else "")
    yield from (f"    {line}" for line in told[-_LAST:] if line and line not in broken.violations)
    yield from (f"  {violation}" for violation in broken.violations)
    if told:
        yield f"  the whole story: {story}"
    if Path(broken.tape).exists():
        yield f"  again: python -m syncd.testing replay {broken.tape}"
    else:
        yield f"  again: python -m syncd.testing simulate --seeds {broken.seed}..{broken.seed}"
    yield ""


def _matrix(summary: Summary) -> Iterator[str]:
    """A row for each state of the link and of a write; a column for what the app showed."""
    seen = summary.seen
    rows = {
        f"{link} / {intent}": [seen.get(f"{link} / {intent} / {shown}", 0) for shown in SHOWN]
        for link in LINKS
        for intent in INTENTS
    }
    met = {row: counts for row, counts in rows.items() if any(counts)}
    first = max((len(row) for row in met), default=0)
    widths = [max(len(shown), *(len(f"{counts[at]:,}") for counts in met.values())) for at, shown in enumerate(SHOWN)]
    yield f"link / write x what the app showed, in one seed of {MEASURED} ({summary.measured:,} schedules):"
    yield "  ".join([" " * first, *(f"{shown:>{width}}" for shown, width in zip(SHOWN, widths, strict=True))])
    for row, counts in met.items():
        figures = (f"{f'{count:,}' if count else '.':>{width}}" for count, width in zip(counts, widths, strict=True))
        yield "  ".join([f"{row:<{first}}", *figures])
    empty = sum(not count for _, count in cells(seen))
    yield f"{empty} of {len(CELLS)} cells are empty{_listed('; nothing in', [r for r in rows if r not in met])}"


def _sometimes(seen: Mapping[str, int]) -> Iterator[str]:
    never = unseen(seen)
    yield f"rules: {len(ROWS) - len(never)} of {len(ROWS)} were applied{_listed('; never', never)}"
    yield f"  the rarest: {_rarest({row: seen[row] for row in ROWS if row in seen})}"
    faults = _named(seen, _FAULT)
    absent = [fault for fault in _FAULTS if fault not in faults]
    yield f"faults: {len(faults)} of {len(_FAULTS)} were on{_listed('; never', absent)}"
    yield f"  the rarest: {_rarest(faults)}"
    able = _named(seen, _APP)
    yield f"capabilities: {len(able)} were drawn"
    yield f"  the rarest: {_rarest(able)}"


def _named(seen: Mapping[str, int], group: str) -> dict[str, int]:
    return {name.removeprefix(group): count for name, count in seen.items() if name.startswith(group)}


def _rarest(counts: Mapping[str, int]) -> str:
    least = sorted(counts.items(), key=lambda item: (item[1], item[0]))[:_RAREST]
    return "; ".join(f"{name} ({count:,})" for name, count in least) or "none"


def _listed(word: str, names: list[str]) -> str:
    return f"{word}: {'; '.join(names)}" if names else ""
