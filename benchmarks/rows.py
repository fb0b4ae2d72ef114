"""The measurements. Each stages what it needs, measures syncd and its limit in turn, and gives rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from benchmarks.stage import Cost, Stage, staged
from benchmarks.table import Row, median, row, spread

__all__ = ["in_step", "three_apps"]

_MB = 1024 * 1024
_USUAL = 100_000
"""So many people are meant where a row names no number."""


def in_step(folder: Path, size: int, repeat: int) -> Iterator[Row]:
    """First sync of `size` people, half of them on both sides; then a sweep, an idle run, and edits on both sides."""
    shared, edits = size // 2, min(10_000, size // 10)
    firsts: list[Cost] = []
    copies: list[Cost] = []
    changes: list[Cost] = []
    idles: list[Cost] = []
    sweeps: list[Mapping[str, float]] = []
    calls = idle_calls = 0
    grown = 0.0
    figures: Mapping[str, float] = {}
    for number in range(repeat):
        copies.append(_copied(folder / f"copy{number}", size, "news"))
        counts = {"crm": (0, (size + shared) // 2), "news": ((size - shared) // 2, (size + shared) // 2)}
        with staged(folder / f"sync{number}", counts) as stage:
            firsts.append(stage.syncd("apply", "--yes"))
            figures = _store(stage, size)
            sweeps.append(_swept(stage))
            stage.syncd("run", "--once")  # which hears of what the first sync has written: the next one hears nothing
            before = {name: app.calls() for name, app in stage.apps.items()}
            idles.append(stage.syncd("run", "--once"))
            idle_calls = sum(app.calls() - before[name] for name, app in stage.apps.items())
            before = {name: app.calls() for name, app in stage.apps.items()}
            entries, bytes_before = _entries(stage), _log_bytes(stage)
            stage.apps["crm"].act("edit", first=0, count=edits, value="Edited in crm")
            stage.apps["news"].act("edit", first=shared // 2, count=edits, value="Edited in news")
            changes.append(stage.syncd("run", "--once"))
            calls = sum(app.calls() - before[name] for name, app in stage.apps.items()) - idle_calls
            mirrored = stage.apps["news"].act("same", field="title", prefix="Edited in crm")["count"]
            mirrored += stage.apps["crm"].act("same", field="title", prefix="Edited in news")["count"]
            if mirrored != 2 * edits:
                raise RuntimeError(f"{mirrored} of {2 * edits} edits arrived; all of this run means nothing")
            grown = (_log_bytes(stage) - bytes_before) / max(1, _entries(stage) - entries)
    yield from _first("first_sync", size, firsts, copies)
    rss = max(cost.rss for cost in firsts) / _MB
    yield row(f"peak_rss_{_short(size)}", rss, "MB", "under 250 MB, flat", rss < 250, limit=250.0)
    yield _swept_row(size, sweeps)
    yield from _changed(size, edits, changes, idles, calls)
    goal = "at most 1.5 kB per linked pair with 15 fields"
    per_link = figures["bytes"] / size
    yield row(_named("store_bytes_per_link", size), per_link, "B", goal, per_link <= 1500, limit=1500.0, **figures)
    yield row(_named("store_bytes_per_change", size), grown, "B", "at most 300 B per logged change", grown <= 300)
    wall = median([cost.wall for cost in idles])
    yield row(_named("idle_poll", size), wall, "s", "a process that starts, asks and ends", None, calls=idle_calls)


def three_apps(folder: Path, size: int, repeat: int) -> Iterator[Row]:
    """First sync of `size` people among three apps: a third of them is in all of them, the others are in two."""
    third = size // 3
    counts = {"crm": (0, size - third), "news": (third, size - third), "shop": (0, size)}
    firsts, copies = [], []
    for number in range(repeat):
        copies.append(_copied(folder / f"copy{number}", size, "news", "shop"))
        with staged(folder / f"sync{number}", counts) as stage:
            firsts.append(stage.syncd("apply", "--yes"))
            held = {name: app.act("stats")["rows"] for name, app in stage.apps.items()}
            if set(held.values()) != {size}:
                raise RuntimeError(f"not everybody is in every app: {held}")
    yield from _first("first_sync_three_apps", size, firsts, copies)


def _copied(folder: Path, size: int, *targets: str) -> Cost:
    """A bare copy of everybody into each of the targets."""
    with staged(folder, {"crm": (0, size), **dict.fromkeys(targets, (0, 0))}) as stage:
        urls = [stage.apps[name].url for name in ("crm", *targets)]
        return stage.python("-m", "benchmarks.copying", *urls)


def _first(what: str, size: int, firsts: list[Cost], copies: list[Cost]) -> Iterator[Row]:
    name = f"{what}_{_short(size)}_vs_copy"
    for kind, goal in (("wall", "at most 2.0 x the wall of a bare copy"), ("cpu", "at most 2.0 x its CPU")):
        ours, bare = ([getattr(cost, kind) for cost in costs] for costs in (firsts, copies))
        value, limit = median(ours), median(bare)
        label = name if kind == "wall" else f"{name}_cpu"
        yield row(
            label, value, "s", goal, value <= 2 * limit, limit=limit, runs=spread(ours), bare=spread(bare), people=size
        )


def _swept(stage: Stage) -> Mapping[str, float]:
    stage.python("-m", "benchmarks.sweeping", str(stage.config), "crm")
    told: Mapping[str, float] = json.loads((stage.folder / "said.txt").read_text().splitlines()[-1])
    return told


def _swept_row(size: int, sweeps: list[Mapping[str, float]]) -> Row:
    rates = [one["read"] / one["wall"] for one in sweeps]
    value = median(rates)
    busy = median([one["read"] / one["cpu"] for one in sweeps])
    name = _named("sweep_per_second", size)
    return row(
        name, value, "records/s", "at least 15,000 a second", value >= 15_000, runs=spread(rates), per_cpu_second=busy
    )


def _changed(size: int, edits: int, changes: list[Cost], idles: list[Cost], calls: int) -> Iterator[Row]:
    """What an idle run takes is taken off: a daemon has started long ago."""
    done = 2 * edits
    walls = [max(0.001, one.wall - idle.wall) for one, idle in zip(changes, idles, strict=True)]
    cpus = [max(0.0, one.cpu - idle.cpu) for one, idle in zip(changes, idles, strict=True)]
    rate, busy = done / median(walls), 1000 * median(cpus) / done
    name = _named("changes_per_second", size)
    yield row(
        name, rate, "changes/s", "at least 2,500 a second", rate >= 2500, limit=2500.0, runs=spread(walls), edits=done
    )
    yield row(_named("changes_cpu", size), busy, "ms CPU/change", "at most 0.3 ms a record", busy <= 0.3, limit=0.3)
    each = calls / done
    yield row(
        _named("calls_per_change", size), each, "calls", "at most 0.05, pre-read included", each <= 0.05, calls=calls
    )


def _store(stage: Stage, size: int) -> Mapping[str, float]:
    _checkpoint(stage)
    return {"bytes": float(stage.store.stat().st_size), "people": float(size)}


def _checkpoint(stage: Stage) -> None:
    with closing(sqlite3.connect(stage.store)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _log_bytes(stage: Stage) -> int:
    """Bytes of the change log and of its indexes."""
    asked = "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = 'change')"
    return _number(stage, asked)


def _entries(stage: Stage) -> int:
    return _number(stage, "SELECT count(*) FROM change")


def _number(stage: Stage, asked: str) -> int:
    """What the store answers to a question for one number."""
    with closing(sqlite3.connect(stage.store)) as db:
        return int(db.execute(asked).fetchone()[0])


def _named(name: str, size: int) -> str:
    return name if size == _USUAL else f"{name}_{_short(size)}"


def _short(size: int) -> str:
    return f"{size // 1_000_000}m" if size % 1_000_000 == 0 else f"{size // 1000}k" if size % 1000 == 0 else str(size)
