"""Taking much back: edits that have gone everywhere, undone, until every app shows again what it showed before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.stage import Stage, staged
from benchmarks.table import Row, median, row, spread

__all__ = ["undone"]

_MOST: Final = 300.0
"""Seconds that ten thousand changes may take."""
_HEAD: Final = "[safety]\nmass_change_share = 1.0\n\n"
"""Everybody's title is edited within the hour, on purpose."""


def undone(folder: Path, repeat: int, edits: int = 10_000) -> Iterator[Row]:
    """Edit so many people in one app, let it go to the other, and take that run back: the undo, and what it writes."""
    orders: list[float] = []
    writes: list[float] = []
    cpus: list[float] = []
    for number in range(repeat):
        with staged(folder / str(number), {"crm": (0, edits), "news": (0, edits)}, head=_HEAD) as stage:
            stage.syncd("apply", "--yes")
            before = _titles(stage)
            stage.apps["crm"].act("edit", first=0, count=edits, value="Edited in crm")
            stage.syncd("run", "--once")
            if (arrived := stage.apps["news"].act("same", field="title", prefix="Edited in crm")["count"]) != edits:
                raise RuntimeError(f"{arrived} of {edits} edits arrived; all of this run means nothing")
            order, write = stage.syncd("undo", "--run", "last", "--yes"), stage.syncd("run", "--once")
            if _titles(stage) != before:
                raise RuntimeError("not every title is what it was; all of this run means nothing")
            orders.append(order.wall)
            writes.append(write.wall)
            cpus.append(order.cpu + write.cpu)
    walls = [order + write for order, write in zip(orders, writes, strict=True)]
    value, limit = median(walls), _MOST * edits / 10_000
    goal = "10,000 changes taken back, in all apps, in under five minutes"
    more = {"runs": spread(walls), "undo": median(orders), "writing": median(writes), "cpu": median(cpus)}
    name = f"undo_{edits // 1000}k" if edits % 1000 == 0 else f"undo_{edits}"
    yield row(name, value, "s", goal, value < limit, limit=limit, edits=edits, **more)


def _titles(stage: Stage) -> dict[str, list[str]]:
    return {name: app.act("titled", prefix="")["titles"] for name, app in stage.apps.items()}
