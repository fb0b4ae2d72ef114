"""Reading a whole list by offset while people add to it and take from it, without stepping over a row.

BottleCRM pages by offset only, downwards by a field that never changes (the time of creation, or the id). A row that
is deleted before the offset moves the rest up, and the next page would begin too late. So every page begins a little
before the end of the one before, and counts only if it reaches back to a row that was seen; if not, one goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from syncd.errors import Unavailable
from syncd.sdk.pages import MOST_PAGES

__all__ = ["OVERLAP", "Part", "Row", "walk"]

Row: TypeAlias = dict[str, Any]

OVERLAP: Final = 5
"""Rows that a page shares with the one before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows from an offset on, and how many the app says there are in all."""

    rows: Sequence[Row]
    total: int


def walk(fetch: Callable[[int], Part], place: Callable[[Row], Any]) -> Iterator[Part]:
    """Every row that stood in the list all the while, each once, in parts of the size that `fetch` has.

    `fetch` reads from an offset; `place` is what the list goes down by. Raises Unavailable if the list does not
    come to an end.
    """
    offset, step = 0, OVERLAP
    seen: set[str] = set()
    lowest: Any = None
    for _ in range(MOST_PAGES):
        part = fetch(offset)
        if offset and (not part.rows or place(part.rows[0]) < lowest):
            # The rows that were here went up: what stands between the last page and this one is not known.
            offset, step = max(0, offset - step), step * 2
            continue
        fresh = [row for row in part.rows if row["id"] not in seen]
        seen.update(row["id"] for row in fresh)
        yield Part(fresh, part.total)
        end = offset + len(part.rows)
        if not part.rows or end >= part.total:
            return
        lowest = place(part.rows[-1])
        offset, step = max(offset + 1, end - OVERLAP), OVERLAP
    raise Unavailable(f"the list does not end, or changes faster than it can be read: {MOST_PAGES} pages read")
