"""What a running daemon takes and owes, at one moment: from /proc, from its files, and from its own figures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["PROC", "Sample", "sampled"]

PROC: Final = Path("/proc")
_WRITES: Final = ("syncd_records_created_total", "syncd_records_updated_total", "syncd_records_deleted_total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look. Sizes in bytes, times in seconds; -1 where the daemon gave no answer just then."""

    at: float
    """Since people began."""
    phase: str
    """`busy` while people are at it, `settling` until all is done, `quiet` after that."""
    weather: str
    rss: int
    descriptors: int
    threads: int
    cpu: float
    """Used so far."""
    wal: int
    store: int
    owed: int
    """Deliveries that wait."""
    hints: int
    """Records to be read again."""
    unknown: int
    """Writes whose outcome is not known."""
    parked: int
    """Work that waits for a person."""
    writes: int
    """Records created, updated and deleted since the daemon started."""
    lag: float | None = None
    """The longest time an edit took that came to stand in the other app since the last look."""


def sampled(pid: int, url: str, store: Path, *, at: float, phase: str, weather: str, lag: float | None) -> Sample:
    """Look at a daemon. OSError if the process is gone."""
    home = PROC / str(pid)
    told = dict(line.split(":", 1) for line in (home / "status").read_text().splitlines())
    used = (home / "stat").read_text().rpartition(")")[2].split()
    figures = _figures(url)
    wal = store.with_name(f"{store.name}-wal")
    return Sample(
        at=round(at, 1),
        phase=phase,
        weather=weather,
        rss=int(told["VmRSS"].split()[0]) * 1024,
        descriptors=len(list((home / "fd").iterdir())),
        threads=int(told["Threads"]),
        cpu=(int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK"),
        wal=wal.stat().st_size if wal.exists() else 0,
        store=store.stat().st_size,
        owed=_sum(figures, "syncd_deliveries_owed"),
        hints=_sum(figures, "syncd_hints_waiting"),
        unknown=_sum(figures, "syncd_writes_unknown"),
        parked=_sum(figures, "syncd_parked_open"),
        writes=_sum(figures, *_WRITES),
        lag=lag,
    )


def _figures(url: str) -> dict[str, float] | None:
    try:
        text = httpx.get(f"{url}/metrics", timeout=10).raise_for_status().text
    except httpx.HTTPError:
        return None
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found[one.name] = found.get(one.name, 0.0) + one.value
    return found


def _sum(figures: dict[str, float] | None, *names: str) -> int:
    return -1 if figures is None else int(sum(figures.get(name, 0.0) for name in names))
