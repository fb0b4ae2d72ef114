"""Work on its way: hints, cursors, deliveries, intents."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, delete, func, or_, select

from syncd.core.record import Cursor, EntityId, Ref
from syncd.store.codec import dump, load, value_from
from syncd.store.statements import chunks, upsert
from syncd.store.tables import CursorRow, DeliveryRow, EntityRow, HintRow, IntentRow, table
from syncd.store.values import Delivery, Intent, IntentKind, IntentState, Progress

__all__ = ["Cursors", "Deliveries", "Hints", "Intents", "intent_row"]

DELIVERY, INTENT, HINT, CURSOR = table(DeliveryRow), table(IntentRow), table(HintRow), table(CursorRow)
ENTITY = table(EntityRow)


_DROP = delete(HINT).where(
    and_(
        HINT.c.app == bindparam("a"),
        HINT.c.object == bindparam("o"),
        HINT.c.record == bindparam("r"),
        HINT.c.due <= bindparam("t"),
    )
)
_SETTLE = delete(DELIVERY).where(
    and_(DELIVERY.c.sync == bindparam("s"), DELIVERY.c.app == bindparam("a"), DELIVERY.c.entity == bindparam("e"))
)


class Hints:
    """The inbox: records that should be read again, each at most once."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def add(self, refs: Iterable[Ref], due: float) -> None:
        upsert(self._db, HINT, [_hint(ref, due) for ref in dict.fromkeys(refs)], keep=("tries",))

    def due(self, app: str, object: str, now: float, limit: int) -> Sequence[Ref]:
        where = and_(HINT.c.app == app, HINT.c.object == object, HINT.c.due <= now)
        rows = self._db.execute(select(HINT).where(where).order_by(HINT.c.due, HINT.c.record).limit(limit))
        return [Ref(row.app, row.object, row.record) for row in rows]

    def between(self, app: str, object: str, since: float, until: float) -> Collection[Ref]:
        where = and_(HINT.c.app == app, HINT.c.object == object, HINT.c.due > since, HINT.c.due <= until)
        return frozenset(Ref(row.app, row.object, row.record) for row in self._db.execute(select(HINT).where(where)))

    def drop(self, refs: Sequence[Ref], read_at: float) -> None:
        gone = [{"a": ref.app, "o": ref.object, "r": ref.id, "t": read_at} for ref in refs]
        if gone:
            self._db.execute(_DROP, gone)

    def postpone(self, ref: Ref, until: float) -> None:
        upsert(self._db, HINT, [{**_hint(ref, until), "tries": 1}], joined={"tries": lambda _: HINT.c.tries + 1})

    def tries(self, ref: Ref) -> int:
        where = and_(HINT.c.app == ref.app, HINT.c.object == ref.object, HINT.c.record == ref.id)
        return int(self._db.execute(select(HINT.c.tries).where(where)).scalar() or 0)

    def count(self, app: str) -> int:
        return int(self._db.execute(select(func.count()).select_from(HINT).where(HINT.c.app == app)).scalar_one())


class Cursors:
    """Where to resume."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, sync: str, app: str) -> Progress:
        row = self._db.execute(select(CURSOR).where(and_(CURSOR.c.sync == sync, CURSOR.c.app == app))).first()
        return Progress(Cursor(row.value) if row.value else None, row.listed_at, row.polled_at) if row else Progress()

    def put(self, sync: str, app: str, progress: Progress) -> None:
        row = {"sync": sync, "app": app, "value": progress.cursor}
        upsert(self._db, CURSOR, [{**row, "listed_at": progress.listed_at, "polled_at": progress.polled_at}])


class Deliveries:
    """Who is owed something."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._new: dict[tuple[str, str, EntityId], Delivery] = {}
        self._settled: dict[tuple[str, str, EntityId], None] = {}

    def owe(self, delivery: Delivery) -> None:
        name = (delivery.sync, delivery.app, delivery.entity)
        before = self._new.get(name, delivery)
        due, urgent = min(before.due, delivery.due), before.urgent or delivery.urgent
        cause = before.cause if delivery.cause is None else delivery.cause
        self._new[name] = replace(delivery, due=due, urgent=urgent, cause=cause)

    def due(self, app: str, now: float, limit: int, *, sync: str = "") -> Sequence[Delivery]:
        self.flush()
        found: list[Delivery] = []
        for urgent in (True, False):  # each walks along the index as far as the limit, however much is owed
            if len(found) < limit:
                where = and_(*_owed(app, sync, now), DELIVERY.c.urgent.is_(urgent))
                order = (DELIVERY.c.due, DELIVERY.c.sync, DELIVERY.c.entity)
                rows = self._db.execute(select(DELIVERY).where(where).order_by(*order).limit(limit - len(found)))
                found += [_delivery(row) for row in rows]
        return found

    def get(self, sync: str, app: str, entity: EntityId) -> Delivery | None:
        self.flush()
        where = and_(DELIVERY.c.sync == sync, DELIVERY.c.app == app, DELIVERY.c.entity == entity)
        row = self._db.execute(select(DELIVERY).where(where)).first()
        return _delivery(row) if row else None

    def postpone(self, delivery: Delivery, until: float) -> None:
        self.flush()
        where = _same(delivery)
        self._db.execute(DELIVERY.update().where(where).values(due=until, attempts=DELIVERY.c.attempts + 1))

    def settle(self, delivery: Delivery) -> None:
        name = (delivery.sync, delivery.app, delivery.entity)
        self._new.pop(name, None)
        self._settled[name] = None

    def count(self, app: str, *, sync: str = "", until: float | None = None) -> int:
        self.flush()
        same = and_(*_owed(app, sync, until))
        return int(self._db.execute(select(func.count()).select_from(DELIVERY).where(same)).scalar_one())

    def removals(self, app: str, sync: str) -> int:
        self.flush()
        deleted = and_(ENTITY.c.id == DELIVERY.c.entity, ENTITY.c.deleted)
        where = and_(*_owed(app, sync, None), deleted)
        return int(self._db.execute(select(func.count()).select_from(DELIVERY, ENTITY).where(where)).scalar_one())

    def next_due(self, app: str) -> float | None:
        self.flush()
        statement = select(func.min(DELIVERY.c.due)).where(DELIVERY.c.app == app)
        earliest: float | None = self._db.execute(statement).scalar()
        return earliest

    def flush(self) -> None:
        gone = [{"s": sync, "a": app, "e": entity} for sync, app, entity in self._settled]
        if gone:
            self._db.execute(_SETTLE, gone)
            self._settled.clear()
        if not self._new:
            return
        rows = [
            {"sync": d.sync, "app": d.app, "entity": d.entity, "due": d.due, "cause": d.cause, "urgent": d.urgent}
            for d in self._new.values()
        ]
        earlier = {
            "due": lambda new: case((new.due < DELIVERY.c.due, new.due), else_=DELIVERY.c.due),
            "urgent": lambda new: or_(new.urgent, DELIVERY.c.urgent),
            "cause": lambda new: func.coalesce(new.cause, DELIVERY.c.cause),
        }
        upsert(self._db, DELIVERY, [{**row, "attempts": 0} for row in rows], keep=("attempts",), joined=earlier)
        self._new.clear()


class Intents:
    """Writes on their way, and those whose outcome is unknown. They are few: all of an app's are read at once."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._open: dict[str, dict[str, Intent]] = {}
        self._dropped: list[str] = []

    def put(self, intents: Sequence[Intent]) -> None:
        self.flush()
        upsert(self._db, INTENT, [intent_row(intent) for intent in intents])
        for intent in intents:
            if intent.app in self._open:
                self._open[intent.app][intent.key] = intent

    def drop(self, keys: Sequence[str]) -> None:
        self._dropped += keys
        for known in self._open.values():
            for key in keys:
                known.pop(key, None)

    def of_entities(self, entities: Sequence[EntityId], app: str) -> dict[EntityId, Intent]:
        by_entity = {intent.entity: intent for intent in self._in(app).values()}
        return {entity: by_entity[entity] for entity in entities if entity in by_entity}

    def of_refs(self, app: str, refs: Sequence[Ref]) -> dict[Ref, Intent]:
        by_ref = {intent.ref: intent for intent in self._in(app).values() if intent.ref is not None}
        return {ref: by_ref[ref] for ref in refs if ref in by_ref}

    def open(self, app: str = "", state: IntentState | None = None) -> Sequence[Intent]:
        known = self._in(app).values() if app else self._read()
        found = [intent for intent in known if state in (None, intent.state)]
        return sorted(found, key=lambda intent: (intent.at, intent.key))

    def keys(self, app: str) -> Collection[str]:
        self.flush()
        return frozenset(self._db.execute(select(INTENT.c.key).where(INTENT.c.app == app)).scalars())

    def flush(self) -> None:
        for part in chunks(self._dropped):
            self._db.execute(delete(INTENT).where(INTENT.c.key.in_(part)))
        self._dropped = []

    def _in(self, app: str) -> dict[str, Intent]:
        if app not in self._open:
            self._open[app] = {intent.key: intent for intent in self._read(INTENT.c.app == app)}
        return self._open[app]

    def _read(self, *where: ColumnElement[bool]) -> list[Intent]:
        self.flush()
        return [_intent(row) for row in self._db.execute(select(INTENT).where(*where))]


def _hint(ref: Ref, due: float) -> dict[str, Any]:
    return {"app": ref.app, "object": ref.object, "record": ref.id, "due": due, "tries": 0}


def _same(delivery: Delivery) -> Any:
    return and_(DELIVERY.c.sync == delivery.sync, DELIVERY.c.app == delivery.app, DELIVERY.c.entity == delivery.entity)


def _owed(app: str, sync: str, until: float | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [DELIVERY.c.app == app]
    if until is not None:
        where.append(DELIVERY.c.due <= until)
    if sync:
        where.append(DELIVERY.c.sync == sync)
    return where


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(row.sync, row.app, row.entity, row.due, row.cause, row.attempts, bool(row.urgent))


def intent_row(intent: Intent) -> dict[str, Any]:
    """An intent as a row."""
    return {
        "key": intent.key,
        "sync": intent.sync,
        "app": intent.app,
        "object": intent.object,
        "entity": intent.entity,
        "kind": intent.kind.value,
        "record": intent.ref.id if intent.ref else "",
        "patch": dump(dict(intent.patch)),
        "before": dump(dict(intent.before)),
        "goal": dump(dict(intent.goal)),
        "state": intent.state.value,
        "at": intent.at,
        "cause": intent.cause,
        "attempts": intent.attempts,
    }


def _intent(row: Row[Any]) -> Intent:
    return Intent(
        key=row.key,
        sync=row.sync,
        app=row.app,
        object=row.object,
        entity=EntityId(row.entity),
        kind=IntentKind(row.kind),
        ref=Ref(row.app, row.object, row.record) if row.record else None,
        patch=load(row.patch),
        before=load(row.before),
        goal={name: value_from(value) for name, value in load(row.goal).items()},
        state=IntentState(row.state),
        at=row.at,
        cause=row.cause,
        attempts=row.attempts,
    )
