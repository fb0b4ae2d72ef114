"""What a reader asks of the whole change log, however long it is: searched page by page, counted by time.

A search goes back from the newest entry and stops after a while; it says from where to go on. So it needs no index of
its own, costs nothing while entries are written, and answers at once however seldom what is looked for may be.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, func, literal, or_, select

from syncd.core.record import EntityId
from syncd.store.chain import told
from syncd.store.codec import dump
from syncd.store.fields import RULES
from syncd.store.log import tells_of
from syncd.store.tables import ChangeRow, table
from syncd.store.values import Entry, Event

__all__ = ["Hits", "Wanted", "counted", "delays", "last_change", "newest", "search"]

CHANGE = table(ChangeRow)

_STRIDE: Final = 20_000
"""Entries that are looked through at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; empty means any. Times are seconds since the epoch.

    `field`: a canonical field. `rule`: the rule by which a value came to stand, or a part of its name. `text`: a part
    of a value, of the reason, or of a record's id, in whatever case.
    """

    app: str = ""
    sync: str = ""
    entity: EntityId | None = None
    events: tuple[Event, ...] = ()
    field: str = ""
    rule: str = ""
    text: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Some of what was looked for, newest first. `further`: before which entry to go on; 0 where the log began."""

    entries: tuple[Entry, ...]
    further: int
    reached: float | None = None
    """The time of the oldest entry that was looked at."""


def search(db: Connection, wanted: Wanted, *, before: int = 0, limit: int = 50, patience: float = 0.4) -> Hits:
    """Up to `limit` entries before entry number `before`; 0: from the newest on. Looks for `patience` seconds or so."""
    top = before or newest(db) + 1
    if wanted.until is not None:
        top = min(top, _first_at(db, wanted.until))
    floor = 1 if wanted.since is None else _first_at(db, wanted.since)
    where, indexed = _conditions(wanted)
    stop, found, low = time.monotonic() + patience, list[Any](), top
    while low > floor and len(found) <= limit and (low == top or time.monotonic() < stop):
        high, low = low, floor if indexed else max(floor, low - _STRIDE)
        part = and_(CHANGE.c.seq >= low, CHANGE.c.seq < high, *where)
        rows = select(CHANGE).where(part).order_by(CHANGE.c.seq.desc()).limit(limit + 1 - len(found))
        found += db.execute(rows).mappings().all()
    entries = tuple(told(row) for row in found[:limit])
    further = entries[-1].seq if len(found) > limit else low
    reached = db.execute(select(CHANGE.c.at).where(CHANGE.c.seq == further)).scalar()
    return Hits(entries=entries, further=further if further > floor else 0, reached=reached)


def _conditions(wanted: Wanted) -> tuple[list[ColumnElement[bool]], bool]:
    """What an entry must be, and whether an index leads to the few that can be."""
    fields = func.lower(CHANGE.c.fields)
    where: list[ColumnElement[bool]] = []
    if wanted.entity is not None:
        where.append(CHANGE.c.entity == wanted.entity)
    if wanted.app:
        where.append(_plain(CHANGE.c.app) == wanted.app)
    if wanted.sync:
        where.append(_plain(CHANGE.c.sync) == wanted.sync)
    if wanted.events:
        where.append(_plain(CHANGE.c.event).in_([event.value for event in wanted.events]))
    if wanted.field:
        where.append(tells_of(wanted.field))
    if wanted.rule:
        begun = dump(wanted.rule)[:-1]
        signs = (f'"{sign}":{begun}' for sign in RULES)
        where.append(or_(*(CHANGE.c.fields.contains(sign, autoescape=True) for sign in signs)))
    if wanted.text:
        part = wanted.text.lower()
        said = fields.contains(dump(part)[1:-1], autoescape=True)
        where.append(
            said
            | func.lower(CHANGE.c.note).contains(part, autoescape=True)
            | func.lower(CHANGE.c.record).contains(part, autoescape=True)
        )
    return where, wanted.entity is not None


def _plain(column: ColumnElement[str]) -> ColumnElement[str]:
    """The column without its index: what is looked through are the newest entries, not all of an app's."""
    return column + literal("")


def newest(db: Connection) -> int:
    """The number of the last entry; 0 where there is none."""
    return int(db.execute(select(func.coalesce(func.max(CHANGE.c.seq), 0))).scalar_one())


def _first_at(db: Connection, at: float) -> int:
    """The number of the first entry at a time or later, by halving: entries stand in the order in which they came."""
    low, high = 1, newest(db) + 1
    while low < high:
        middle = (low + high) // 2
        when = db.execute(select(CHANGE.c.at).where(CHANGE.c.seq >= middle).order_by(CHANGE.c.seq).limit(1)).scalar()
        low, high = (middle + 1, high) if when is not None and when < at else (low, middle)
    return low


def counted(
    db: Connection, app: str, events: Sequence[Event], *, since: float, width: float
) -> Mapping[tuple[int, Event], int]:
    """How many entries of each event an app brought about, in spans of `width` seconds, numbered from `since` on."""
    span = cast(func.round((CHANGE.c.at - since) / width - 0.4999999), Integer)
    named = CHANGE.c.event.in_([event.value for event in events])
    rows = (
        select(span.label("span"), CHANGE.c.event, func.count())
        .where(and_(CHANGE.c.app == app, named, CHANGE.c.at >= since))
        .group_by(span, CHANGE.c.event)
    )
    return {(number, Event(event)): int(count) for number, event, count in db.execute(rows)}


def delays(db: Connection, app: str, limit: int) -> Sequence[float]:
    """Seconds from each of the last edits that reached an app to the write that took it there, oldest first."""
    sent = (
        select(CHANGE.c.seq, CHANGE.c.at, CHANGE.c.cause)
        .where(and_(CHANGE.c.app == app, CHANGE.c.event == Event.SENT.value))
        .order_by(CHANGE.c.at.desc())
        .limit(limit)
        .subquery()
    )
    cause = CHANGE.alias()
    rows = select(sent.c.at - cause.c.at).join(cause, cause.c.seq == sent.c.cause).order_by(sent.c.seq)
    return [max(0.0, float(seconds)) for seconds in db.execute(rows).scalars()]


def last_change(db: Connection, app: str) -> float | None:
    """When an app last changed something."""
    where = and_(CHANGE.c.app == app, CHANGE.c.event == Event.MERGED.value)
    at: float | None = db.execute(select(func.max(CHANGE.c.at)).where(where)).scalar()
    return at
