"""Whom guards have counted within their time, kept from page to page.

A guard counts a record once, however often it changed within the hour, and it is asked after each page. To read each
time what the hour has told would make a page the dearer, the busier the hour was. So whom it counted is kept, and only
what the change log has told since is read. It is a bound: what was erased since is still counted. Before a guard trips,
all of it is read once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from syncd.core.guard import Guard
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event

__all__ = ["Counting", "Recent"]

Counting: TypeAlias = Callable[[Sequence[Entry]], Iterable[tuple[Guard, Entry]]]
"""Which guards count which of these entries."""

_AN_ENTRY: Final = 2
"""So many links may go with one entry of the log: those of two records that were one."""
_GONE: Final = 0.1
_AT_ONCE: Final = 1000
"""Entries that are held in memory together."""


@dataclass(slots=True)
class _Counted:
    """Whom the entries of one app, sync and kind make guards count, up to one of them."""

    since: float
    after: int
    last: int
    """The last of the entries that were counted."""
    hash: str = ""
    """Its hash. Where the log has another entry at that place, it was rolled back, or put back from a copy."""
    records: dict[Guard, dict[str, float]] = field(default_factory=dict)
    """Records to when they counted last, longest ago first."""

    def holds(self, tx: Transaction, since: float, after: int) -> bool:
        """Whether this may be counted on from: the log has only grown, and the time only gone on."""
        if since < self.since or after != self.after:
            return False
        return not self.hash or _hash(tx, self.last) == self.hash

    def note(self, entries: Sequence[Entry], counting: Counting) -> None:
        """Count these on, which follow one another."""
        for guard, entry in counting(entries):
            if entry.ref is not None:
                told = self.records.setdefault(guard, {})
                known = told.pop(str(entry.ref), entry.at)
                told[str(entry.ref)] = max(known, entry.at)  # the clock may have been set back
        self.last, self.hash = entries[-1].seq, entries[-1].hash

    def forget(self, since: float) -> None:
        """Leave out who counted before that."""
        self.since = since
        for told in self.records.values():
            while told and (first := next(iter(told.items())))[1] < since:
                del told[first[0]]


def _hash(tx: Transaction, seq: int) -> str:
    entry = tx.log.get(seq)
    return entry.hash if entry is not None else ""


class Recent:
    """What is kept, for each app of a sync. It is in memory alone: a new process reads the hour once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, Sequence[Event]], _Counted] = {}
        self._linked: dict[tuple[str, str], tuple[int, int, str]] = {}
        """How many were linked, and the last entry of the log by then with its hash: it may be rolled back."""

    def linked(self, tx: Transaction, sync: str, app: str) -> int:
        """How many records are linked at least. To count them takes as long as there are many.

        They are counted once more when a tenth of them may have gone.
        """
        linked, last, mark = self._linked.get((sync, app), (0, 0, ""))
        grown = tx.log.last() - last
        if not last or not 0 <= grown * _AN_ENTRY <= linked * _GONE or _hash(tx, last) != mark:
            return self.recount(tx, sync, app)
        return linked - grown * _AN_ENTRY

    def recount(self, tx: Transaction, sync: str, app: str) -> int:
        """How many records are linked."""
        linked, last = tx.links.linked(sync, app), tx.log.last()
        self._linked[sync, app] = (linked, last, _hash(tx, last))
        return linked

    def counted(
        self,
        tx: Transaction,
        sync: str,
        app: str,
        events: Sequence[Event],
        counting: Counting,
        *,
        since: float,
        after: int,
    ) -> Mapping[Guard, Collection[str]]:
        """Whom each guard counts: of these entries of an app, since a time and after an entry. No guard, no records."""
        kept = self._kept.get((sync, app, events))
        if kept is None or not kept.holds(tx, since, after):
            kept = self._kept[sync, app, events] = _Counted(since, after, after)
        kept.forget(since)
        told = tx.log.follow(app=app, sync=sync, events=events, since=since, after=kept.last)
        while entries := list(islice(told, _AT_ONCE)):
            kept.note(entries, counting)
        return kept.records

    def drop(self, sync: str, app: str, events: Sequence[Event]) -> None:
        """So little was told that nobody need be counted."""
        self._kept.pop((sync, app, events), None)
