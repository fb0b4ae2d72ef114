"""Rows: a figure, its limit, its goal, and whether it was met."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.stage import ROOT

__all__ = ["Row", "kept", "lines", "median", "row", "spread"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `ratio` is the value in units of the limit; `goal` says in words what was to be reached."""

    name: str
    value: float
    unit: str
    limit: float | None
    ratio: float | None
    goal: str
    met: bool | None
    more: dict[str, Any] = field(default_factory=dict)
    """What it was made of: every single measurement, and counts."""


def row(
    name: str, value: float, unit: str, goal: str, met: bool | None, *, limit: float | None = None, **more: Any
) -> Row:
    """A row, rounded to what means something."""
    ratio = round(value / limit, 3) if limit else None
    return Row(name, _rounded(value), unit, None if limit is None else _rounded(limit), ratio, goal, met, more)


def median(values: Sequence[float]) -> float:
    """Of all runs."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> list[float]:
    """Every run, rounded: how far they lie apart is for the reader to see."""
    return [_rounded(value) for value in values]


def kept(rows: Iterable[Row], path: Path) -> None:
    """Write them, with the machine and the revision; rows of the same name in the file are replaced, others stay.

    Each row keeps the revision that it was measured of: one of a million people takes hours.
    """
    before = json.loads(path.read_text())["rows"] if path.exists() else []
    revision = _revision()
    new = {one.name: asdict(replace(one, more={**one.more, "revision": revision})) for one in rows}
    merged = [new.pop(one["name"], one) for one in before] + list(new.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"machine": _machine(), "revision": revision, "rows": merged}
    path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")


def lines(rows: Iterable[Row]) -> Iterable[str]:
    """A table for people."""
    form = "{:<34} {:>12} {:<14} {:>12} {:>7}  {:<5} {}"
    yield form.format("row", "value", "unit", "limit", "ratio", "met", "goal")
    for one in rows:
        met = "" if one.met is None else ("yes" if one.met else "NO")
        limit, ratio = ("" if x is None else f"{x:g}" for x in (one.limit, one.ratio))
        yield form.format(one.name, f"{one.value:g}", one.unit, limit, ratio, met, one.goal)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _machine() -> dict[str, Any]:
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = cpus[0].partition(": ")[2] if cpus else platform.processor()
    return {"cpu": model, "cores": len(cpus), "python": platform.python_version(), "system": platform.system()}


def _revision() -> str:
    told = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return told.stdout.strip()
