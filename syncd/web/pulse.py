"""How much has happened lately, by app: what the overview draws. Spans that are over are counted once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

from syncd.console.status import moment
from syncd.store.store import Store
from syncd.store.survey import counted, delays, last_change
from syncd.store.values import Event

__all__ = ["HOURS", "Beat", "Pulse"]

HOURS: Final = 24
_WIDTH: Final = 1800.0
_SPANS: Final = int(HOURS * 3600 / _WIDTH)
_CHANGES: Final = (Event.LINKED, Event.MERGED)
_WRITES: Final = (Event.SENT, Event.COERCED)
_FAULTS: Final = (Event.REFUSED, Event.DOUBTED, Event.BROKEN)
_DELAYS: Final = 48
_FRESH: Final = 1.0
"""Seconds for which an answer is good enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One app over the last day; each sequence is of half hours, the newest last."""

    changes: Sequence[int]
    writes: Sequence[int]
    faults: Sequence[int]
    delays: Sequence[float]
    """Seconds from an edit elsewhere to this app, of the last few."""
    last_change: datetime | None

    @property
    def usual(self) -> float:
        """The median of the delays, in seconds."""
        return median(self.delays) if self.delays else 0.0


class Pulse:
    """The counts of every app. Safe to share between threads."""

    def __init__(self, store: Store, apps: Sequence[str]) -> None:
        self._store = store
        self._apps = apps
        self._counts: dict[str, Counter[tuple[int, Event]]] = {app: Counter() for app in apps}
        self._from: int | None = None
        """The first span that may have grown since it was counted."""
        self._beats: Mapping[str, Beat] = {}
        self._until = 0.0
        self._lock = threading.Lock()

    def beats(self, now: float) -> Mapping[str, Beat]:
        """Every app as it is now, or was a moment ago."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._beats = self._look(now)
                self._until = time.monotonic() + _FRESH
            return self._beats

    def forget(self) -> None:
        """Count anew when next asked."""
        with self._lock:
            self._until = 0.0

    def _look(self, now: float) -> Mapping[str, Beat]:
        last = int(now // _WIDTH)
        first = last - _SPANS + 1
        start = first if self._from is None else max(first, self._from)
        with self._store.read() as tx:
            for app, counts in self._counts.items():
                for key in [key for key in counts if not first <= key[0] < start]:
                    del counts[key]
                events = (*_CHANGES, *_WRITES, *_FAULTS)
                found = counted(tx.db, app, events, since=start * _WIDTH, width=_WIDTH)
                counts.update({(start + span, event): count for (span, event), count in found.items()})
            self._from = last - 1  # a commit may come a little after the time it bears
            return {
                app: Beat(
                    changes=_spans(counts, _CHANGES, first),
                    writes=_spans(counts, _WRITES, first),
                    faults=_spans(counts, _FAULTS, first),
                    delays=delays(tx.db, app, _DELAYS),
                    last_change=moment(last_change(tx.db, app)),
                )
                for app, counts in self._counts.items()
            }


def _spans(counts: Mapping[tuple[int, Event], int], events: Sequence[Event], first: int) -> list[int]:
    return [sum(counts.get((first + place, event), 0) for event in events) for place in range(_SPANS)]
