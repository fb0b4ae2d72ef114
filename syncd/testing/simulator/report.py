"""What came of many seeds: for a reader, and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from syncd.testing.simulator.coverage import (
    APP,
    CELLS,
    INTENTS,
    LINKS,
    OFTEN,
    ROWS,
    SHOWN,
    cells,
    impossible,
    rare,
    unseen,
)
from syncd.testing.simulator.many import Broken, Summary
from syncd.testing.simulator.profile import Profile

__all__ = ["coverage", "figures", "lines", "verdict"]

_LAST: Final = 25
"""So many lines of a story that went wrong are shown."""
_RAREST: Final = 5
_FAULTS: Final = tuple(fault.name for fault in fields(Profile))
_FAULT: Final = "fault: "


def figures(summary: Summary) -> dict[str, Any]:
    """All of it, as JSON has it."""
    own = {name: value for name, value in asdict(summary).items() if name != "seen"}
    return {**own, "per_second": round(summary.per_second, 1), "coverage": coverage(summary.seen, summary.measured)}


def coverage(seen: Mapping[str, int], stories: int) -> dict[str, Any]:
    """What so many stories came by: the matrix and its empty cells, the rules and those never applied, faults, apps."""
    known = {*CELLS, *ROWS, *impossible(seen)}
    return {
        "cells": {cell: count for cell, count in cells(seen) if count},
        "empty": [cell for cell, count in cells(seen) if not count],
        "impossible": impossible(seen),
        "sometimes": {row: seen.get(row, 0) for row in ROWS},
        "never": unseen(seen),
        "rare": rare(seen, stories),
        "faults": {fault: seen.get(_FAULT + fault, 0) for fault in _FAULTS},
        "capabilities": _named(seen, APP),
        "other": {n: c for n, c in seen.items() if n not in known and not n.startswith((_FAULT, APP))},
    }


def lines(summary: Summary) -> Iterator[str]:
    """A page for a reader; the last line says it all."""
    for broken in summary.first:
        yield from _end(broken)
    if summary.measured:
        yield from _matrix(summary)
        yield from _sometimes(summary.seen, summary.measured)
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
    yield f"link / write x what the app showed, in {summary.measured:,} schedules:"
    yield "  ".join([" " * first, *(f"{shown:>{width}}" for shown, width in zip(SHOWN, widths, strict=True))])
    for row, counts in met.items():
        told = [_told(f"{row} / {shown}", count) for shown, count in zip(SHOWN, counts, strict=True)]
        yield "  ".join([f"{row:<{first}}", *(f"{one:>{width}}" for one, width in zip(told, widths, strict=True))])
    empty = [cell for cell, count in cells(seen) if not count]
    wrong = impossible(seen)
    if wrong:
        yield f"met, though it cannot be: {'; '.join(wrong)}"
    yield f"{len(empty)} of {len(CELLS)} cells that can be met are empty{_listed('', empty)}"


def _told(cell: str, count: int) -> str:
    """A dot for what can be met and was not, a dash for what cannot be met."""
    return f"{count:,}" if count else "." if cell in CELLS else "-"


def _sometimes(seen: Mapping[str, int], stories: int) -> Iterator[str]:
    never = unseen(seen)
    yield f"rules: {len(ROWS) - len(never)} of {len(ROWS)} were applied{_listed('; never', never)}"
    yield f"  the rarest: {_rarest({row: seen[row] for row in ROWS if row in seen})}"
    faults = _named(seen, _FAULT)
    absent = [fault for fault in _FAULTS if fault not in faults]
    yield f"faults: {len(faults)} of {len(_FAULTS)} were on{_listed('; never', absent)}"
    yield f"  the rarest: {_rarest(faults)}"
    able = _named(seen, APP)
    yield f"capabilities: {len(able)} were drawn"
    yield f"  the rarest: {_rarest(able)}"
    seldom = rare(seen, stories)
    yield f"less than once in {OFTEN:,} schedules: {len(seldom)} rules and capabilities{_listed('', seldom)}"


def _named(seen: Mapping[str, int], group: str) -> dict[str, int]:
    return {name.removeprefix(group): count for name, count in seen.items() if name.startswith(group)}


def _rarest(counts: Mapping[str, int]) -> str:
    least = sorted(counts.items(), key=lambda item: (item[1], item[0]))[:_RAREST]
    return "; ".join(f"{name} ({count:,})" for name, count in least) or "none"


def _listed(word: str, names: list[str]) -> str:
    return f"{word}: {'; '.join(names)}" if names else ""
