"""The rows of a simulated portal: what stands now, what stood before, and what the search index shows of it.

Rows are immutable, so that the index may go on showing an old one for as long as it lags.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Final

__all__ = ["Row", "Standing", "Table", "normal"]

_LAST_ID: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Standing:
    """A value that stood in a property, since when, and who put it there (HubSpot's source type)."""

    value: str
    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """One record. Times are epoch milliseconds; a property without a value is missing from `values`."""

    id: str
    values: Mapping[str, str]
    created: int
    modified: int
    archived: int | None = None
    merged: tuple[str, ...] = ()
    """Ids of the records that were merged into this one."""
    past: Mapping[str, tuple[Standing, ...]] = field(default_factory=dict)
    """Every value of the properties that ever changed, newest first."""

    def history(self, name: str) -> tuple[Standing, ...]:
        """All values of a property, newest first."""
        if name in self.past:
            return self.past[name]
        return (Standing(self.values[name], self.created, "CRM_UI"),) if name in self.values else ()

    def changed(self, changes: Mapping[str, str], at: int, source: str) -> Row:
        """The row with other values; "" takes a value away."""
        values = {name: value for name, value in {**self.values, **changes}.items() if value}
        past = {name: (Standing(value, at, source), *self.history(name)) for name, value in changes.items()}
        return replace(self, values=values, modified=at, past={**self.past, **past})


def normal(name: str, value: str) -> str:
    """The form in which a unique property compares."""
    return value.strip().lower() if name == "email" else value.strip()


class Table:
    """The rows of one object type, with its unique properties and its search index.

    `lag` gives the milliseconds by which the index follows; it is asked at each change.
    """

    def __init__(self, unique: Sequence[str], lag: Callable[[], int]) -> None:
        self.live: dict[str, Row] = {}
        self.archived: dict[str, Row] = {}
        self.survivor: dict[str, str] = {}
        """Id of a record that was merged away to the id of the record it went into."""
        self.owners: dict[str, dict[str, str]] = {name: {} for name in unique}
        """Unique property to its values to the id that has the value."""
        self._lag = lag
        self._ids: list[int] = []
        self._shown: dict[str, Row] = {}
        self._order: list[tuple[int, int]] = []
        self._owed: list[tuple[int, int, str, Row | None]] = []
        self._changes = 0
        self._latest: dict[str, int] = {}

    def put(self, row: Row) -> None:
        """Let a new or changed row stand."""
        before = self.live.get(row.id)
        self._disown(before)
        if before is None:
            insort(self._ids, int(row.id))
        self.live[row.id] = row
        for name, owners in self.owners.items():
            for value in _claims(name, row):
                owners[normal(name, value)] = row.id
        self._owe(row.modified, row.id, row)

    def drop(self, row: Row, at: int) -> None:
        """Take a row out of what stands; the index hears of it later."""
        del self.live[row.id]
        del self._ids[bisect_left(self._ids, int(row.id))]
        self._disown(row)
        self._owe(at, row.id, None)

    def find(self, id: str) -> Row | None:
        """The row with this id, or the one that a row with this id was merged into."""
        known = id
        while known in self.survivor:
            known = self.survivor[known]
        return self.live.get(known)

    def by(self, name: str, value: str) -> Row | None:
        """The row that has this value of a unique property."""
        owner = self.owners[name].get(normal(name, value))
        return None if owner is None else self.live.get(owner)

    def after(self, last: int, limit: int) -> Sequence[int]:
        """Up to `limit` ids of live rows beyond `last`, in their order."""
        place = bisect_right(self._ids, last)
        return self._ids[place : place + limit]

    def settle(self, now: int) -> None:
        """Let the index show what it owes by now. A change that comes late never hides a later one."""
        while self._owed and self._owed[0][0] <= now:
            _, change, id_, row = heappop(self._owed)
            if change < self._latest.get(id_, 0):
                continue
            self._latest[id_] = change
            old = self._shown.pop(id_, None)
            if old is not None:
                place = bisect_left(self._order, (old.modified, int(id_)))
                del self._order[place]
            if row is not None:
                self._shown[id_] = row
                insort(self._order, (row.modified, int(id_)))

    def between(self, first: int, last: int) -> Sequence[tuple[int, int]]:
        """(modified, id) of what the index shows, modified from `first` to `last`, both inclusive, sorted."""
        return self._order[bisect_left(self._order, (first, 0)) : bisect_right(self._order, (last, _LAST_ID))]

    def shown(self, id: str) -> Row | None:
        """A row as the index shows it."""
        return self._shown.get(id)

    def all_shown(self) -> Iterator[Row]:
        """Every row the index shows."""
        return iter(self._shown.values())

    def _owe(self, at: int, id: str, row: Row | None) -> None:
        self._changes += 1
        heappush(self._owed, (at + self._lag(), self._changes, id, row))

    def _disown(self, row: Row | None) -> None:
        if row is None:
            return
        for name, owners in self.owners.items():
            for value in _claims(name, row):
                if owners.get(normal(name, value)) == row.id:
                    del owners[normal(name, value)]


def _claims(name: str, row: Row) -> list[str]:
    """The values of a unique property that a row keeps others from having."""
    values = [row.values.get(name, "")]
    if name == "email":
        values += row.values.get("hs_additional_emails", "").split(";")
    return [value for value in values if value]
