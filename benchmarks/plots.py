"""Processor time and memory of a first sync against the number of people: `python -m benchmarks.plots`.

Drawn from the rows in `benchmarks/results/latest.json`, as SVG that any browser opens.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from benchmarks.stage import ROOT

__all__ = ["Points", "drawn", "main", "series"]

Points = Sequence[tuple[float, float]]
"""How many people, and what that took."""

_RESULTS: Final = ROOT / "benchmarks" / "results" / "latest.json"
_WIDTH: Final = 640
_HIGH: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 180, 40, 40
_COLOURS: Final = ("#d1495b", "#00798c", "#8a8a8a")
_THOUSANDS: Final[Mapping[str, int]] = {"": 1, "k": 1_000, "m": 1_000_000}


def main(words: list[str]) -> int:
    """Draw both plots anew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description="Draw what was measured.")
    parser.add_argument("--rows", type=Path, default=_RESULTS, help="the rows that the benchmark has kept")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "figures", help="where the plots go")
    asked = parser.parse_args(words)
    rows = json.loads(asked.rows.read_text())["rows"]
    cpu, memory = series(rows, r"first_sync_(\d+)([km]?)_vs_copy_cpu"), series(rows, r"peak_rss_(\d+)([km]?)")
    copy = series([{**row, "value": row["limit"]} for row in rows], r"first_sync_(\d+)([km]?)_vs_copy_cpu")
    goal = [(people, 2 * seconds) for people, seconds in copy]
    asked.out.mkdir(parents=True, exist_ok=True)
    plots = {
        "first-sync-cpu": ("CPU of a first sync, seconds", {"syncd": cpu, "goal: twice the copy": goal, "copy": copy}),
        "first-sync-memory": ("most memory, MB", {"syncd": memory, "goal": [(people, 250.0) for people, _ in memory]}),
    }
    for name, (title, lines) in plots.items():
        (asked.out / f"{name}.svg").write_text(drawn(title, lines), encoding="utf-8")
    return 0


def series(rows: Iterable[Mapping[str, Any]], pattern: str) -> Points:
    """The values of rows by the number of people that their name ends in (10k), the fewest first."""
    named = ((re.fullmatch(pattern, row["name"]), row["value"]) for row in rows)
    return sorted((float(int(name[1]) * _THOUSANDS[name[2]]), float(value)) for name, value in named if name)


def drawn(title: str, lines: Mapping[str, Points]) -> str:
    """Lines by name over the number of people, both axes logarithmic."""
    points = [point for line in lines.values() for point in line]
    wide = _span([people for people, _ in points])
    tall = _span([value for _, value in points])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HIGH}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{_WIDTH}" height="{_HIGH}" fill="white"/>\n'
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>'
    )
    return "\n".join([head, *_axes(wide, tall), *_lines(lines, wide, tall), "</svg>", ""])


def _axes(wide: tuple[int, int], tall: tuple[int, int]) -> Iterator[str]:
    for power in range(wide[0], wide[1] + 1):
        x = _x(10.0**power, wide)
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HIGH - _BOTTOM}" stroke="#dddddd"/>'
        yield f'<text x="{x:.1f}" y="{_HIGH - _BOTTOM + 18}" text-anchor="middle">{10**power:,} people</text>'
    for power in range(tall[0], tall[1] + 1):
        y = _y(10.0**power, tall)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>'


def _lines(lines: Mapping[str, Points], wide: tuple[int, int], tall: tuple[int, int]) -> Iterator[str]:
    for place, (name, line) in enumerate(lines.items()):
        if not line:
            continue
        colour = _COLOURS[place % len(_COLOURS)]
        path = " ".join(f"{_x(people, wide):.1f},{_y(value, tall):.1f}" for people, value in line)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for people, value in line:
            yield (
                f'<circle cx="{_x(people, wide):.1f}" cy="{_y(value, tall):.1f}" r="3" fill="{colour}">'
                f"<title>{escape(name)}, {people:,.0f} people: {value:,g}</title></circle>"
            )
        people, value = line[-1]
        yield (
            f'<text x="{_x(people, wide) + 8:.1f}" y="{_y(value, tall) + 4:.1f}" fill="{colour}">'
            f"{escape(name)}: {value:,.3g}</text>"
        )


def _span(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten between which all values lie."""
    least, most = min(values, default=1.0), max(values, default=10.0)
    low = math.floor(math.log10(least))
    return low, max(low + 1, math.ceil(math.log10(most)))


def _x(people: float, wide: tuple[int, int]) -> float:
    return _LEFT + (math.log10(people) - wide[0]) / (wide[1] - wide[0]) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, tall: tuple[int, int]) -> float:
    return _HIGH - _BOTTOM - (math.log10(value) - tall[0]) / (tall[1] - tall[0]) * (_HIGH - _TOP - _BOTTOM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
