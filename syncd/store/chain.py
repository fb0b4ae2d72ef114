"""The chain of the change log: each entry as a row, its hash covering the row before.

An entry whose values were erased keeps its hash, which no longer fits what is left of it, but which the next one still
covers. So it is sound only if a later entry vouches for it: one that names it, and bears a digest of all that was left
of the entries it names. Whoever erases a value by another hand is found out, and so is whoever alters what was left.

Of an entry more may be erased later: the second voucher then says what the first had left of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from syncd.core.record import Ref
from syncd.store.codec import dump
from syncd.store.fields import ERASED, fields_from, fields_text
from syncd.store.values import Entry, Event

__all__ = [
    "DIGITS",
    "VOUCHING",
    "ChainEnd",
    "Erasable",
    "broken_at",
    "chained",
    "loose_at",
    "noted",
    "says",
    "told",
    "vouched",
]

Erasable: TypeAlias = Literal["fields", "note", "record"]
"""What of an entry may say something of somebody."""
DIGITS: Final = 16
"""So many digits of a mapping's digest are kept: enough to tell it from any other."""
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
        "mapping": entry.mapping[:DIGITS],
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


def says(row: Mapping[Any, Any], columns: Sequence[Erasable]) -> bool:
    """Whether there is anything in these columns of a row that may be erased."""
    whole = row["fields"] != ERASED or any(row[name] for name in columns if name != "fields")
    return whole and row["event"] not in VOUCHING


def vouched(
    rows: Sequence[Mapping[Any, Any]], columns: Sequence[Erasable], entry: Entry
) -> tuple[list[dict[str, Any]], Entry]:
    """What is left of these rows, in order, once these columns are erased, and the entry that vouches for it.

    The fields of a row are always erased, for that is how it is known for one that was.
    """
    left = [{**row, **dict.fromkeys(columns, ""), "fields": ERASED} for row in rows]
    runs: list[list[int]] = []
    seal = hashlib.blake2b(digest_size=16)
    for row in left:
        seal.update(_left(row))
        if runs and runs[-1][1] == row["seq"] - 1:
            runs[-1][1] = row["seq"]
        else:
            runs.append([row["seq"], row["seq"]])
    was = {str(row["seq"]): _left(row).hex() for row in rows if row["fields"] == ERASED}
    told = {"runs": runs, "count": len(left), "left": seal.hexdigest(), "was": was}
    return left, replace(entry, fields={"erased": told})


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
        self._coming = sorted(((*run, seq) for seq, what in self._named.items() for run in what["runs"]), reverse=True)
        """First and last row of each run and its voucher; the run that begins first is the last of them."""
        self._here: list[tuple[int, int, int]] = []

    def take(self, row: Mapping[Any, Any]) -> bool:
        """Whether somebody vouches for an erased row. Rows are given in order."""
        at: int = row["seq"]
        while self._coming and self._coming[-1][0] <= at:
            self._here.append(self._coming.pop())
        self._here = [run for run in self._here if run[1] >= at]
        left = _left(row)
        for _, _, voucher in sorted(self._here, key=lambda run: -run[2]):
            self._seals[voucher].update(left)
            self._seen[voucher] += 1
            left = self._named[voucher]["was"].get(str(at), b"")
        return bool(self._here)

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
        was = {seq: bytes.fromhex(left) for seq, left in told["was"].items()}
        return {"runs": runs, "count": int(told["count"]), "left": str(told["left"]), "was": was}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {"runs": [], "count": 0, "left": "", "was": {}}


def _left(row: Mapping[Any, Any]) -> bytes:
    """A digest of what is left of a row."""
    return hashlib.blake2b(dump(dict(row)).encode(), digest_size=16).digest()


def _digest(before: str, row: Mapping[Any, Any]) -> str:
    text = dump({name: value for name, value in row.items() if name != "hash"})
    return hashlib.blake2b(f"{before}\n{text}".encode(), digest_size=16).hexdigest()
