"""The chain of the change log: each entry as a row, its hash covering the row before.

An entry whose values were erased keeps its hash, which no longer fits what is left of it, but which the next one still
covers. So it is sound only if a later entry vouches for it: one that names it, and bears a digest of all that was left
of the entries it names. Whoever erases a value by another hand is found out, and so is whoever alters what was left.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from syncd.core.record import Ref
from syncd.store.codec import dump
from syncd.store.fields import ERASED, fields_from, fields_text
from syncd.store.values import Entry, Event

__all__ = [
    "VOUCHING",
    "ChainEnd",
    "Erasable",
    "broken_at",
    "chained",
    "erased",
    "loose_at",
    "noted",
    "told",
    "vouching",
]

Erasable: TypeAlias = Literal["fields", "note", "record"]
"""What of an entry may say something of somebody."""
VOUCHING: Final = frozenset({Event.FORGOTTEN, Event.EXPIRED})
"""Entries that say which others were erased."""


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


def erased(row: Mapping[Any, Any], columns: Sequence[Erasable]) -> dict[str, Any]:
    """What is left of a row. Its fields are always erased, for that is how it is known for one that was."""
    return {**row, **dict.fromkeys(columns, ""), "fields": ERASED}


def vouching(rows: Sequence[Mapping[Any, Any]], entry: Entry) -> Entry:
    """The entry that vouches for these rows, in order, as they were left."""
    runs: list[list[int]] = []
    seal = hashlib.blake2b(digest_size=16)
    for row in rows:
        seal.update(_left(row))
        if runs and runs[-1][1] == row["seq"] - 1:
            runs[-1][1] = row["seq"]
        else:
            runs.append([row["seq"], row["seq"]])
    return replace(entry, fields={"erased": {"runs": runs, "count": len(rows), "left": seal.hexdigest()}})


def broken_at(rows: Iterable[Mapping[Any, Any]], end: ChainEnd, vouchers: Iterable[Mapping[Any, Any]]) -> int | None:
    """The number of the first row that is not as it was written, or None if the whole chain holds up to `end`.

    `vouchers`: the rows among them that vouch for others.
    """
    known = _Vouchers(vouchers)
    wrong = _unfit(rows, ChainEnd(), end, known)
    return wrong if wrong is not None else known.wrong(whole=True)


def loose_at(rows: Sequence[Mapping[Any, Any]], last: int, end: ChainEnd) -> int | None:
    """The same for the `last` rows; the one before them is taken as it is, and where there is none, that is all."""
    known = _Vouchers(row for row in rows if row["event"] in VOUCHING)
    if len(rows) > last:
        wrong = _unfit(rows[1:], ChainEnd(rows[0]["seq"], rows[0]["hash"]), end, known)
    else:
        wrong = _unfit(rows, ChainEnd(), end, known)
    return wrong if wrong is not None else known.wrong(whole=False)


class _Vouchers:
    """Which rows were erased, by what the chain itself says, and whether they are as they were left."""

    def __init__(self, rows: Iterable[Mapping[Any, Any]]) -> None:
        self._named = {row["seq"]: _names(row) for row in rows}
        self._seals = {seq: hashlib.blake2b(digest_size=16) for seq in self._named}
        self._seen = dict.fromkeys(self._named, 0)
        self._runs = sorted((*run, seq) for seq, what in self._named.items() for run in what["runs"])

    def take(self, row: Mapping[Any, Any]) -> bool:
        """Whether somebody vouches for an erased row."""
        at = bisect_right(self._runs, (row["seq"], float("inf"))) - 1
        first, last, voucher = self._runs[at] if at >= 0 else (0, 0, 0)
        if not first <= row["seq"] <= last:
            return False
        self._seals[voucher].update(_left(row))
        self._seen[voucher] += 1
        return True

    def wrong(self, *, whole: bool) -> int | None:
        """The first row that is named by a voucher whose rows are not as they were left.

        Where not the `whole` log was looked at, only those vouchers count all of whose rows were.
        """
        wrong = [
            what["runs"][0][0]
            for seq, what in self._named.items()
            if (whole or self._seen[seq] == what["count"])
            and (self._seen[seq], self._seals[seq].hexdigest()) != (what["count"], what["left"])
            and what["count"]
        ]
        return min(wrong, default=None)


def _unfit(rows: Iterable[Mapping[Any, Any]], last: ChainEnd, end: ChainEnd, vouchers: _Vouchers) -> int | None:
    for row in rows:
        fits = vouchers.take(row) if row["fields"] == ERASED else _digest(last.hash, row) == row["hash"]
        if row["seq"] != last.seq + 1 or not fits:
            return last.seq + 1
        last = ChainEnd(row["seq"], row["hash"])
    return None if end == last else min(end.seq, last.seq) + 1


def _names(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    """What a voucher names; nothing where it makes no sense, for then it was altered, which its own hash tells."""
    try:
        told = fields_from(row["fields"])["erased"]
        runs = [(int(first), int(last)) for first, last in told["runs"]]
        return {"runs": runs, "count": int(told["count"]), "left": str(told["left"])}
    except (ValueError, TypeError, KeyError):
        return {"runs": [], "count": 0, "left": ""}


def _left(row: Mapping[Any, Any]) -> bytes:
    return dump(dict(row)).encode() + b"\n"


def _digest(before: str, row: Mapping[Any, Any]) -> str:
    text = dump({name: value for name, value in row.items() if name != "hash"})
    return hashlib.blake2b(f"{before}\n{text}".encode(), digest_size=16).hexdigest()
