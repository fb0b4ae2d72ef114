"""The change log: append-only, hash-chained, each entry naming the one that caused it."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, func, not_, or_, select

from syncd.core.record import EntityId, Ref
from syncd.store.chain import (
    VOUCHING,
    ChainEnd,
    Erasable,
    broken_at,
    chained,
    loose_at,
    noted,
    told,
    vouched,
)
from syncd.store.codec import dump
from syncd.store.fields import ERASED, OLDER
from syncd.store.statements import chunks, upsert
from syncd.store.tables import ChangeRow, MetaRow, table
from syncd.store.values import QUOTING, Entry, Event

__all__ = ["Log", "tells_of", "verify"]

CHANGE, META = table(ChangeRow), table(MetaRow)

_END: Final = "log_end"
_VOUCHING: Final = sorted(event.value for event in VOUCHING)
_QUOTING: Final = sorted(event.value for event in QUOTING)


class Log:
    """The change log within one transaction."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now
        self._end = _end(db)
        self._new: list[dict[str, Any]] = []

    def append(self, entry: Entry) -> int:
        row = chained(self._end, entry, self._now)
        self._end = ChainEnd(row["seq"], row["hash"])
        self._new.append(row)
        return self._end.seq

    def get(self, seq: int) -> Entry | None:
        self.flush()
        row = self._db.execute(select(CHANGE).where(CHANGE.c.seq == seq)).mappings().first()
        return told(row) if row else None

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
        self.flush()
        where = [CHANGE.c.seq > after]
        if entity is not None:
            where.append(CHANGE.c.entity == entity)
        if ref is not None:
            where += [CHANGE.c.app == ref.app, CHANGE.c.object == ref.object, CHANGE.c.record == ref.id]
        if app:
            where.append(CHANGE.c.app == app)
        if sync:
            where.append(CHANGE.c.sync == sync)
        if events:
            where.append(CHANGE.c.event.in_([event.value for event in events]))
        if field:
            where.append(tells_of(field))
        if value:
            where.append(func.lower(CHANGE.c.fields).contains(dump(value.lower()), autoescape=True))
        if since is not None:
            where.append(CHANGE.c.at >= since)
        rows = self._db.execute(select(CHANGE).where(and_(*where)).order_by(CHANGE.c.seq.desc()).limit(limit))
        return [told(row) for row in rows.mappings()]

    def count(self, *, app: str, sync: str, event: Event, since: float) -> int:
        self.flush()
        where = and_(CHANGE.c.app == app, CHANGE.c.sync == sync, CHANGE.c.event == event.value, CHANGE.c.at >= since)
        return int(self._db.execute(select(func.count()).select_from(CHANGE).where(where)).scalar_one())

    def counts(self, *, after: int = 0, before: int | None = None) -> dict[str, int]:
        self.flush()
        where = CHANGE.c.seq > after if before is None else and_(CHANGE.c.seq > after, CHANGE.c.seq < before)
        rows = self._db.execute(select(CHANGE.c.event, func.count()).where(where).group_by(CHANGE.c.event))
        return {event: int(count) for event, count in rows}

    def often(
        self, entities: Collection[EntityId], *, app: str, events: Sequence[Event], since: float, least: int
    ) -> Collection[EntityId]:
        self.flush()
        found: list[EntityId] = []
        for part in chunks(list(entities)):
            where = and_(CHANGE.c.entity.in_(part), CHANGE.c.app == app, CHANGE.c.at >= since)
            known = where & CHANGE.c.event.in_([event.value for event in events])
            rows = select(CHANGE.c.entity).where(known).group_by(CHANGE.c.entity).having(func.count() >= least)
            found += [EntityId(row.entity) for row in self._db.execute(rows)]
        return found

    def aged(self, before: float, after: int, limit: int) -> Sequence[Entry]:
        self.flush()
        quotes = and_(CHANGE.c.event.in_(_QUOTING), CHANGE.c.fields != ERASED, CHANGE.c.note != "")
        told_of = and_(CHANGE.c.event.not_in(_VOUCHING), CHANGE.c.fields.not_in((ERASED, "{}")))
        where = and_(CHANGE.c.seq > after, CHANGE.c.at < before, or_(told_of, quotes))
        rows = self._db.execute(select(CHANGE).where(where).order_by(CHANGE.c.seq).limit(limit))
        return [told(row) for row in rows.mappings()]

    def erase(self, seqs: Iterable[int], columns: Sequence[Erasable], entry: Entry) -> int:
        self.flush()
        found: list[RowMapping] = []
        still = or_(CHANGE.c.fields != ERASED, *(CHANGE.c[name] != "" for name in columns if name != "fields"))
        for part in chunks(sorted(set(seqs))):
            these = and_(CHANGE.c.seq.in_(part), still, CHANGE.c.event.not_in(_VOUCHING))
            found += self._db.execute(select(CHANGE).where(these).order_by(CHANGE.c.seq)).mappings()
        left, voucher = vouched(found, columns, entry)
        if left:
            named: dict[str, Any] = {name: bindparam(f"left_{name}") for name in ("fields", "note", "record")}
            known = [{"this": row["seq"], **{f"left_{name}": row[name] for name in named}} for row in left]
            self._db.execute(CHANGE.update().where(CHANGE.c.seq == bindparam("this")).values(**named), known)
        return self.append(voucher)

    def loose(self, last: int) -> int | None:
        self.flush()
        rows = self._db.execute(select(CHANGE).order_by(CHANGE.c.seq.desc()).limit(last + 1)).mappings().all()
        return loose_at(rows[::-1], last, self._end)

    def flush(self) -> None:
        if self._new:
            self._db.execute(CHANGE.insert(), self._new)
            self._new.clear()
            upsert(self._db, META, [{"name": _END, "value": self._end.note}])


def tells_of(field: str) -> ColumnElement[bool]:
    """Entries about a field, in either form of the text; no value in it is an object."""
    older = CHANGE.c.fields.startswith(OLDER)
    named = CHANGE.c.fields.contains(f'"{field}":', autoescape=True)
    return and_(named, or_(not_(older), CHANGE.c.fields.contains(f'"{field}":{{', autoescape=True)))


def verify(db: Connection) -> int | None:
    """The number of the first entry that is not as it was written, or None if the whole chain holds."""
    rows = select(CHANGE).order_by(CHANGE.c.seq)
    vouchers = db.execute(rows.where(CHANGE.c.event.in_(_VOUCHING))).mappings().all()
    with db.execution_options(yield_per=1000).execute(rows) as entries:
        return broken_at(entries.mappings(), _end(db), vouchers)


def _end(db: Connection) -> ChainEnd:
    return noted(db.execute(select(META.c.value).where(META.c.name == _END)).scalar())
