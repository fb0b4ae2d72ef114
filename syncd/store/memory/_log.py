"""The change log."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from syncd.core.record import EntityId, Ref
from syncd.store.chain import VOUCHING, ChainEnd, Erasable, chained, loose_at, says, told, vouched
from syncd.store.codec import dump
from syncd.store.fields import ERASED
from syncd.store.memory._tables import Tables
from syncd.store.values import QUOTING, Entry, Event


class Log:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def append(self, entry: Entry) -> int:
        tables = self._tables
        row = chained(tables.end.get(None, ChainEnd()), entry, self._tables.now)
        seq: int = row["seq"]
        tables.put(tables.changes, seq, row)
        counted = tables.counted.setdefault((row["app"], row["sync"], row["event"]), {})
        tables.put(counted, seq, row["at"])
        tables.put(tables.end, None, ChainEnd(seq, row["hash"]))
        return seq

    def last(self) -> int:
        return self._tables.end.get(None, ChainEnd()).seq

    def get(self, seq: int) -> Entry | None:
        row = self._tables.changes.get(seq)
        return None if row is None else told(row)

    def persons(self, seqs: Iterable[int]) -> Mapping[int, str]:
        return {seq: row["by"] for seq in seqs if (row := self._tables.changes.get(seq)) is not None}

    def find(
        self,
        *,
        entity: EntityId | None = None,
        ref: Ref | None = None,
        app: str = "",
        sync: str = "",
        events: Sequence[Event] = (),
        field: str = "",
        value: str = "",
        since: float | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Entry]:
        found: list[Entry] = []
        for row in reversed(self._tables.changes.values()):
            if len(found) >= limit:
                break
            if (
                row["seq"] > after
                and (entity is None or row["entity"] == entity)
                and (ref is None or (row["app"], row["object"], row["record"]) == (ref.app, ref.object, ref.id))
                and (not app or row["app"] == app)
                and (not sync or row["sync"] == sync)
                and (not events or row["event"] in events)
                and (not field or _tells_of(row, field))
                and (not value or dump(value.lower()) in row["fields"].lower())
                and (since is None or row["at"] >= since)
            ):
                found.append(told(row))
        return found

    def follow(self, *, app: str, sync: str, events: Sequence[Event], since: float, after: int) -> Iterator[Entry]:
        found = self.find(app=app, sync=sync, events=events, since=since, after=after, limit=sys.maxsize)
        return iter(found[::-1])

    def count(self, *, app: str, sync: str, event: Event, since: float) -> int:
        return sum(1 for at in self._tables.counted.get((app, sync, event.value), {}).values() if at >= since)

    def put_in_force(self, sync: str) -> Sequence[Entry]:
        return self.find(sync=sync, events=(Event.APPLIED,), limit=sys.maxsize)[::-1]

    def counts(self, *, after: int = 0, before: int | None = None) -> dict[str, int]:
        rows = self._tables.changes.values()
        return dict(Counter(r["event"] for r in rows if after < r["seq"] and (before is None or r["seq"] < before)))

    def often(
        self, entities: Collection[EntityId], *, app: str, events: Sequence[Event], since: float, least: int
    ) -> Collection[EntityId]:
        asked, told_of = set(entities), Counter[EntityId]()
        for row in reversed(self._tables.changes.values()):
            if row["at"] < since:
                break
            if row["app"] == app and row["event"] in events and row["entity"] in asked:
                told_of[row["entity"]] += 1
        return [entity for entity, count in told_of.items() if count >= least]

    def aged(self, before: float, after: int, limit: int) -> Sequence[Entry]:
        rows = (row for seq, row in self._tables.changes.items() if seq > after and row["at"] < before)
        return [told(row) for row in islice((row for row in rows if _still_says(row)), limit)]

    def erase(self, seqs: Iterable[int], columns: Sequence[Erasable], entry: Entry) -> int:
        rows = [row for seq in sorted(set(seqs)) if (row := self._tables.changes.get(seq)) is not None]
        left, voucher = vouched([row for row in rows if says(row, columns)], columns, entry)
        for row in left:
            self._tables.put(self._tables.changes, row["seq"], row)
        return self.append(voucher)

    def loose(self, last: int) -> int | None:
        rows = list(islice(reversed(self._tables.changes.values()), last + 1))
        return loose_at(rows[::-1], last, self._tables.end.get(None, ChainEnd()))

    def flush(self) -> None:
        pass


def _tells_of(row: dict[str, Any], field: str) -> bool:
    return f'"{field}":' in row["fields"]


def _still_says(row: dict[str, Any]) -> bool:
    if row["event"] in VOUCHING or row["fields"] == ERASED:
        return False
    return row["fields"] != "{}" or (row["event"] in QUOTING and row["note"] != "")
