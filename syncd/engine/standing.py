"""What would stand in an app if a rehearsal had written in earnest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson

from syncd.core.record import Gone, Record, Ref, Version
from syncd.engine.scratch import Scratch

__all__ = ["Standing"]

_TABLES: Final = (
    "CREATE TABLE stand (place INTEGER PRIMARY KEY, object, id, record, UNIQUE (object, id))",
    "CREATE TABLE shown (field, value, place, PRIMARY KEY (field, value, place)) WITHOUT ROWID",
    "CREATE INDEX shown_place ON shown (place)",
    "CREATE TABLE tie (object, id, kind, there, PRIMARY KEY (object, id, kind)) WITHOUT ROWID",
)


class Standing:
    """The records that a rehearsal made, changed or removed in one app, and whom it tied. Kept in a file."""

    def __init__(self, folder: Path, app: str) -> None:
        self._app = app
        self._scratch = Scratch(folder, f"standing-{app}.db", _TABLES)
        self._searched: set[tuple[str, str]] = set()
        """Object and field that records were looked for by: only these are kept apart."""
        self.count = 0
        """How many records there are."""

    def of(self, refs: Sequence[Ref]) -> dict[Ref, Record | Gone]:
        """Those of them that would stand otherwise than they do, or not at all."""
        if not self.count:
            return {}
        asked = "SELECT record FROM stand WHERE object = ? AND id = ?"
        rows = ((ref, self._scratch.one(asked, (ref.object, ref.id))) for ref in refs)
        return {ref: _fact(ref, row[0]) for ref, row in rows if row}

    def put(self, fact: Record | Gone) -> None:
        """So it would stand from now on."""
        row = _row(fact) if isinstance(fact, Record) else None
        ref = fact.ref
        changed = self._scratch.put(
            "UPDATE stand SET record = ? WHERE object = ? AND id = ?", (row, ref.object, ref.id)
        )
        if changed.rowcount:
            if self._searched:
                (place,) = self._scratch.one(
                    "SELECT place FROM stand WHERE object = ? AND id = ?", (ref.object, ref.id)
                )
                self._scratch.put("DELETE FROM shown WHERE place = ?", (place,))
                self._show(fact, place)
            return
        made = self._scratch.put("INSERT INTO stand (object, id, record) VALUES (?, ?, ?)", (ref.object, ref.id, row))
        self.count += 1
        self._show(fact, made.lastrowid)

    def showing(self, object: str, field: str, value: str) -> Iterator[Ref]:
        """The records of an object that would show a value in a field, in whatever case; the first written first."""
        if (object, field) not in self._searched:
            self._searched.add((object, field))
            for place, id, row in self._scratch.rows("SELECT place, id, record FROM stand WHERE object = ?", (object,)):
                self._show_in(field, _fact(Ref(self._app, object, id), row), place)
        found = (
            "SELECT id FROM shown JOIN stand USING (place) WHERE field = ? AND value = ? AND object = ? ORDER BY place"
        )
        for (id,) in self._scratch.rows(found, (field, value.casefold(), object)):
            yield Ref(self._app, object, id)

    def _show(self, fact: Record | Gone, place: int | None) -> None:
        for object, field in self._searched:
            if object == fact.ref.object:
                self._show_in(field, fact, place)

    def _show_in(self, field: str, fact: Record | Gone, place: int | None) -> None:
        value = str(fact.fields.get(field, "")).casefold() if isinstance(fact, Record) else ""
        if value:
            self._scratch.put("INSERT OR IGNORE INTO shown VALUES (?, ?, ?)", (field, value, place))

    def tie(self, one: Ref, kind: str, other: Ref | None) -> None:
        """So a record would be tied to one of another object, or to none."""
        there = other.id if other is not None else None
        self._scratch.put("INSERT OR REPLACE INTO tie VALUES (?, ?, ?, ?)", (one.object, one.id, kind, there))

    def ends(self, refs: Sequence[Ref], kind: str) -> dict[Ref, Sequence[Ref]]:
        """Whom each of these would be tied to, where that would be otherwise than it is."""
        asked = "SELECT there FROM tie WHERE object = ? AND id = ? AND kind = ?"
        rows = ((ref, self._scratch.one(asked, (ref.object, ref.id, kind))) for ref in refs)
        return {ref: [Ref(self._app, kind, row[0])] if row[0] is not None else () for ref, row in rows if row}


def _row(record: Record) -> bytes:
    version = record.version
    return orjson.dumps([record.fields, version.token, version.at, record.created], default=str)


def _fact(ref: Ref, row: bytes | None) -> Record | Gone:
    if row is None:
        return Gone(ref)
    fields, token, at, created = orjson.loads(row)
    return Record(ref, fields, Version(token, _instant(at)), _instant(created))


def _instant(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)
