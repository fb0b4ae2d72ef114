"""The change log: append-only, hash-chained, each entry naming the one that caused it."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, bindparam, func, not_, or_, select

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
from syncd.store.facts import Meta
from syncd.store.fields import ERASED, OLDER
from syncd.store.statements import Many, among, chunks, counted, given, same
from syncd.store.tables import ChangeRow, table
from syncd.store.values import QUOTING, Entry, Event

__all__ = ["Log", "tells_of", "verify"]

CHANGE = table(ChangeRow)

_END: Final = "log_end"
_ENTRY: Final = select(CHANGE).where(same(CHANGE.c.seq))
_PERSONS: Final = select(CHANGE.c.seq, CHANGE.c.by).where(among(CHANGE.c.seq))
_APPEND: Final = Many(CHANGE.insert())
_SINCE: Final = CHANGE.c.at >= bindparam("since")
_AFTER: Final = CHANGE.c.seq > bindparam("after")
_BY: Final[Mapping[str, ColumnElement[bool]]] = {
    "entity": same(CHANGE.c.entity),
    "ref": same(CHANGE.c.app, CHANGE.c.object, CHANGE.c.record, prefix="of_"),
    "app": same(CHANGE.c.app),
    "sync": same(CHANGE.c.sync),
    "event": among(CHANGE.c.event),
    "since": _SINCE,
}
_COUNT: Final = counted(CHANGE, same(CHANGE.c.app, CHANGE.c.sync, CHANGE.c.event), _SINCE)
_PUT_IN_FORCE: Final = select(CHANGE).where(same(CHANGE.c.app, CHANGE.c.event, CHANGE.c.sync)).order_by(CHANGE.c.seq)
_FOLLOWING: Final = (
    select(CHANGE)
    .where(same(CHANGE.c.app, CHANGE.c.sync), among(CHANGE.c.event), _SINCE, _AFTER)
    .order_by(CHANGE.c.seq)
)
_COUNTS: Final = select(CHANGE.c.event, func.count()).where(_AFTER).group_by(CHANGE.c.event)
_COUNTS_BEFORE: Final = _COUNTS.where(CHANGE.c.seq < bindparam("before"))
_OFTEN: Final = (
    select(CHANGE.c.entity)
    .where(among(CHANGE.c.entity), same(CHANGE.c.app), _SINCE, among(CHANGE.c.event))
    .group_by(CHANGE.c.entity)
    .having(func.count() >= bindparam("least"))
)
_LATEST: Final = select(CHANGE).order_by(CHANGE.c.seq.desc()).limit(bindparam("limit"))
_VOUCHING: Final = sorted(event.value for event in VOUCHING)
_QUOTING: Final = sorted(event.value for event in QUOTING)


class Log:
    """The change log within one transaction."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now
        self._end: ChainEnd | None = None
        self._new: list[dict[str, Any]] = []

    def append(self, entry: Entry) -> int:
        row = chained(self._end or _end(self._db), entry, self._now)
        self._end = ChainEnd(row["seq"], row["hash"])
        self._new.append(row)
        return self._end.seq

    def last(self) -> int:
        return (self._end or _end(self._db)).seq

    def get(self, seq: int) -> Entry | None:
        self.flush()
        row = self._db.execute(_ENTRY, {"seq": seq}).mappings().first()
        return told(row) if row else None

    def persons(self, seqs: Iterable[int]) -> Mapping[int, str]:
        self.flush()
        asked = list(dict.fromkeys(seqs))
        rows = (row for part in chunks(asked) for row in self._db.execute(_PERSONS, {"seq": part}).all())
        return {row.seq: row.by for row in rows}

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
        kinds = [event.value for event in events]
        asked = given(entity=entity, app=app, sync=sync, since=since, event=kinds, ref=ref)
        statement = _found(*asked)
        if field:
            statement = statement.where(tells_of(field))
        if value:
            statement = statement.where(func.lower(CHANGE.c.fields).contains(dump(value.lower()), autoescape=True))
        if ref is not None:
            asked |= {"of_app": ref.app, "of_object": ref.object, "of_record": ref.id}
        rows = self._db.execute(statement, asked | {"after": after, "limit": limit})
        return [told(row) for row in rows.mappings().all()]

    def follow(self, *, app: str, sync: str, events: Sequence[Event], since: float, after: int) -> Iterator[Entry]:
        self.flush()
        kinds = [event.value for event in events]
        asked = {"app": app, "sync": sync, "event": kinds, "since": since, "after": after}
        return map(told, self._db.execute(_FOLLOWING, asked).mappings())

    def count(self, *, app: str, sync: str, event: Event, since: float) -> int:
        self.flush()
        asked = {"app": app, "sync": sync, "event": event.value, "since": since}
        return int(self._db.execute(_COUNT, asked).scalar_one())

    def put_in_force(self, sync: str) -> Sequence[Entry]:
        self.flush()
        asked = {"app": "", "event": Event.APPLIED.value, "sync": sync}
        return [told(row) for row in self._db.execute(_PUT_IN_FORCE, asked).mappings()]

    def counts(self, *, after: int = 0, before: int | None = None) -> dict[str, int]:
        self.flush()
        statement = _COUNTS if before is None else _COUNTS_BEFORE
        rows = self._db.execute(statement, {"after": after, "before": before})
        return {event: int(count) for event, count in rows}

    def often(
        self, entities: Collection[EntityId], *, app: str, events: Sequence[Event], since: float, least: int
    ) -> Collection[EntityId]:
        self.flush()
        found: list[EntityId] = []
        asked = {"app": app, "since": since, "event": [event.value for event in events], "least": least}
        for part in chunks(list(entities)):
            found += [EntityId(row.entity) for row in self._db.execute(_OFTEN, {**asked, "entity": part})]
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
        rows = self._db.execute(_LATEST, {"limit": last + 1}).mappings().all()
        return loose_at(rows[::-1], last, self._end or _end(self._db))

    def flush(self) -> None:
        if self._new and self._end is not None:
            _APPEND(self._db, self._new)
            self._new.clear()
            Meta(self._db).put(_END, self._end.note)


@cache
def _found(*by: str) -> Select[*tuple[Any, ...]]:
    """The statement that finds entries by these, newest first."""
    where = (_BY[name] for name in by)
    return select(CHANGE).where(_AFTER, *where).order_by(CHANGE.c.seq.desc()).limit(bindparam("limit"))


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
    return noted(Meta(db).get(_END))
