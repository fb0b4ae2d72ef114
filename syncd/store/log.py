"""The change log: append-only, hash-chained, each entry naming the one that caused it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, select

from syncd.core.record import EntityId, Ref
from syncd.store.codec import dump, load
from syncd.store.statements import upsert
from syncd.store.tables import ChangeRow, MetaRow, table
from syncd.store.values import Entry, Event

__all__ = ["ChainEnd", "Log", "verify"]

CHANGE, META = table(ChangeRow), table(MetaRow)

_END: Final = "log_end"


@dataclass(slots=True)
class ChainEnd:
    """The last entry's number and hash."""

    seq: int = 0
    hash: str = ""


class Log:
    """The change log within one transaction."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now
        self._end = _noted_end(db)
        self._new: list[dict[str, Any]] = []

    def append(self, entry: Entry) -> int:
        """Add an entry; its number."""
        row: dict[str, Any] = {
            "seq": self._end.seq + 1,
            "at": float(self._now),  # as the column gives it back, and the hash was made of
            "event": entry.event.value,
            "sync": entry.sync,
            "entity": entry.entity,
            "app": entry.app or (entry.ref.app if entry.ref else ""),
            "object": entry.ref.object if entry.ref else "",
            "record": entry.ref.id if entry.ref else "",
            "fields": dump({name: dict(what) for name, what in entry.fields.items()}),
            "cause": entry.cause,
            "note": entry.note,
            "by": entry.by,
            "mapping": entry.mapping,
        }
        row["hash"] = _digest(self._end.hash, row)
        self._end = ChainEnd(row["seq"], row["hash"])
        self._new.append(row)
        return self._end.seq

    def get(self, seq: int) -> Entry | None:
        """One entry."""
        self.flush()
        row = self._db.execute(select(CHANGE).where(CHANGE.c.seq == seq)).first()
        return _entry(row) if row else None

    def find(
        self,
        *,
        entity: EntityId | None = None,
        app: str = "",
        sync: str = "",
        events: Sequence[Event] = (),
        field: str = "",
        since: float | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Entry]:
        """Entries by what they are about, newest first. `field`: those that tell of this canonical field."""
        self.flush()
        where = [CHANGE.c.seq > after]
        if entity is not None:
            where.append(CHANGE.c.entity == entity)
        if app:
            where.append(CHANGE.c.app == app)
        if sync:
            where.append(CHANGE.c.sync == sync)
        if events:
            where.append(CHANGE.c.event.in_([event.value for event in events]))
        if field:
            where.append(CHANGE.c.fields.contains(f'"{field}":{{', autoescape=True))  # values in it are never objects
        if since is not None:
            where.append(CHANGE.c.at >= since)
        rows = self._db.execute(select(CHANGE).where(and_(*where)).order_by(CHANGE.c.seq.desc()).limit(limit))
        return [_entry(row) for row in rows]

    def count(self, *, app: str, sync: str, event: Event, since: float) -> int:
        """How many entries of one event an app brought about since a time."""
        self.flush()
        where = and_(CHANGE.c.app == app, CHANGE.c.sync == sync, CHANGE.c.event == event.value, CHANGE.c.at >= since)
        return int(self._db.execute(select(func.count()).select_from(CHANGE).where(where)).scalar_one())

    def counts(self) -> dict[str, int]:
        """How many entries there are of each event."""
        self.flush()
        rows = self._db.execute(select(CHANGE.c.event, func.count()).group_by(CHANGE.c.event))
        return {event: int(count) for event, count in rows}

    def flush(self) -> None:
        """Write what was appended."""
        if self._new:
            self._db.execute(CHANGE.insert(), self._new)
            self._new.clear()
            upsert(self._db, META, [{"name": _END, "value": f"{self._end.seq} {self._end.hash}"}])


def verify(db: Connection) -> int | None:
    """The number of the first entry that is not as it was written, or None if the whole chain holds."""
    last = ChainEnd()
    rows = select(CHANGE).order_by(CHANGE.c.seq)
    with db.execution_options(yield_per=1000).execute(rows) as entries:
        for row in entries.mappings():
            if row["seq"] != last.seq + 1 or _digest(last.hash, row) != row["hash"]:
                return last.seq + 1
            last = ChainEnd(row["seq"], row["hash"])
    noted = _noted_end(db)
    return None if noted == last else min(noted.seq, last.seq) + 1


def _noted_end(db: Connection) -> ChainEnd:
    """Where the log ends by a note kept beside it: the last entries, too, cannot go missing unnoticed."""
    noted = db.execute(select(META.c.value).where(META.c.name == _END)).scalar()
    if noted is None:
        return ChainEnd()
    seq, _, digest = noted.partition(" ")
    return ChainEnd(int(seq), digest)


def _digest(before: str, row: Any) -> str:
    text = dump({name: value for name, value in row.items() if name != "hash"})
    return hashlib.blake2b(f"{before}\n{text}".encode(), digest_size=16).hexdigest()


def _entry(row: Row[Any]) -> Entry:
    ref = Ref(row.app, row.object, row.record) if row.record else None
    entry = Entry(event=Event(row.event), sync=row.sync, entity=row.entity, ref=ref, app=row.app)
    return replace(
        entry,
        fields=load(row.fields),
        cause=row.cause,
        note=row.note,
        by=row.by,
        mapping=row.mapping,
        seq=row.seq,
        at=row.at,
        hash=row.hash,
    )
