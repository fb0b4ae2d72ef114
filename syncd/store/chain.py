"""The chain of the change log: each entry as a row, its hash covering the row before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.core.record import Ref
from syncd.store.codec import dump
from syncd.store.fields import fields_from, fields_text
from syncd.store.values import Entry, Event

__all__ = ["ChainEnd", "broken_at", "chained", "loose_at", "noted", "told"]


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last entry's number and hash."""

    seq: int = 0
    hash: str = ""

    @property
    def note(self) -> str:
        """As it is kept beside the log: the last entries, too, cannot go missing unnoticed."""
        return f"{self.seq} {self.hash}"


def noted(note: str | None) -> ChainEnd:
    """Where the log ends by the note beside it."""
    if note is None:
        return ChainEnd()
    seq, _, digest = note.partition(" ")
    return ChainEnd(int(seq), digest)


def chained(end: ChainEnd, entry: Entry, now: float) -> dict[str, Any]:
    """The row of an entry that follows `end`."""
    row: dict[str, Any] = {
        "seq": end.seq + 1,
        "at": float(now),  # as the column gives it back, and the hash was made of
        "event": entry.event.value,
        "sync": entry.sync,
        "entity": entry.entity,
        "app": entry.app or (entry.ref.app if entry.ref else ""),
        "object": entry.ref.object if entry.ref else "",
        "record": entry.ref.id if entry.ref else "",
        "fields": fields_text(entry.fields),
        "cause": entry.cause,
        "note": entry.note,
        "by": entry.by,
        "mapping": entry.mapping,
    }
    row["hash"] = _digest(end.hash, row)
    return row


def told(row: Mapping[Any, Any]) -> Entry:
    """The entry of a row."""
    return Entry(
        event=Event(row["event"]),
        sync=row["sync"],
        entity=row["entity"],
        ref=Ref(row["app"], row["object"], row["record"]) if row["record"] else None,
        app=row["app"],
        fields=fields_from(row["fields"]),
        cause=row["cause"],
        note=row["note"],
        by=row["by"],
        mapping=row["mapping"],
        seq=row["seq"],
        at=row["at"],
        hash=row["hash"],
    )


def broken_at(rows: Iterable[Mapping[Any, Any]], end: ChainEnd) -> int | None:
    """The number of the first row that is not as it was written, or None if the whole chain holds up to `end`."""
    return _unfit(rows, ChainEnd(), end)


def loose_at(rows: Sequence[Mapping[Any, Any]], last: int, end: ChainEnd) -> int | None:
    """The same for the `last` rows; the one before them is taken as it is, and where there is none, that is all."""
    if len(rows) > last:
        return _unfit(rows[1:], ChainEnd(rows[0]["seq"], rows[0]["hash"]), end)
    return _unfit(rows, ChainEnd(), end)


def _unfit(rows: Iterable[Mapping[Any, Any]], last: ChainEnd, end: ChainEnd) -> int | None:
    for row in rows:
        if row["seq"] != last.seq + 1 or _digest(last.hash, row) != row["hash"]:
            return last.seq + 1
        last = ChainEnd(row["seq"], row["hash"])
    return None if end == last else min(end.seq, last.seq) + 1


def _digest(before: str, row: Mapping[Any, Any]) -> str:
    text = dump({name: value for name, value in row.items() if name != "hash"})
    return hashlib.blake2b(f"{before}\n{text}".encode(), digest_size=16).hexdigest()
