"""Work on its way: hints, cursors, deliveries, intents."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, delete, func, or_, select

from syncd.core.record import Cursor, EntityId, Ref
from syncd.store.codec import dump, load, value_from
from syncd.store.statements import Many, Upsert, among, chunks, counted, given, same
from syncd.store.tables import CursorRow, DeliveryRow, EntityRow, HintRow, IntentRow, table
from syncd.store.values import Delivery, Intent, IntentKind, IntentState, Progress

__all__ = ["Cursors", "Deliveries", "Hints", "Intents", "intent_row"]

DELIVERY, INTENT, HINT, CURSOR = table(DeliveryRow), table(IntentRow), table(HintRow), table(CursorRow)
ENTITY = table(EntityRow)


_IN_APP: Final = same(HINT.c.app, HINT.c.object)
_HINTS_DUE: Final = (
    select(HINT)
    .where(_IN_APP, HINT.c.due <= bindparam("now"))
    .order_by(HINT.c.due, HINT.c.record)
    .limit(bindparam("limit"))
)
_HINTS_BETWEEN: Final = select(HINT).where(_IN_APP, HINT.c.due > bindparam("since"), HINT.c.due <= bindparam("until"))
_DROP_HINT: Final = Many(delete(HINT).where(_IN_APP, same(HINT.c.record), HINT.c.due <= bindparam("read_at")))
_TRIES: Final = select(HINT.c.tries).where(_IN_APP, same(HINT.c.record))
_COUNT_HINTS: Final = counted(HINT, same(HINT.c.app))
_PUT_HINTS: Final = Upsert(HINT, keep=("tries",))
_POSTPONE_HINT: Final = Upsert(HINT, joined={"tries": lambda _: HINT.c.tries + 1})

_CURSOR: Final = select(CURSOR).where(same(CURSOR.c.sync, CURSOR.c.app))
_PUT_CURSOR: Final = Upsert(CURSOR)

_ONE: Final = (DELIVERY.c.sync, DELIVERY.c.app, DELIVERY.c.entity)
_DELIVERY: Final = select(DELIVERY).where(same(*_ONE))
_SETTLE: Final = Many(delete(DELIVERY).where(same(*_ONE)))
_POSTPONE: Final = (
    DELIVERY.update().where(same(*_ONE, prefix="of_")).values(due=bindparam("until"), attempts=DELIVERY.c.attempts + 1)
)
_BY: Final[Mapping[str, ColumnElement[bool]]] = {
    "app": same(DELIVERY.c.app),
    "sync": same(DELIVERY.c.sync),
    "until": DELIVERY.c.due <= bindparam("until"),
    "urgent": same(DELIVERY.c.urgent),
}
_NEXT_DUE: Final = select(func.min(DELIVERY.c.due)).where(same(DELIVERY.c.app))
_PUT_DELIVERIES: Final = Upsert(
    DELIVERY,
    keep=("attempts",),
    joined={
        "due": lambda new: case((new.due < DELIVERY.c.due, new.due), else_=DELIVERY.c.due),
        "urgent": lambda new: or_(new.urgent, DELIVERY.c.urgent),
        "cause": lambda new: func.coalesce(new.cause, DELIVERY.c.cause),
    },
)

_INTENTS: Final = select(INTENT)
_INTENTS_IN: Final = _INTENTS.where(same(INTENT.c.app))
_INTENT_KEYS: Final = select(INTENT.c.key).where(same(INTENT.c.app))
_DROP_INTENTS: Final = delete(INTENT).where(among(INTENT.c.key))
_PUT_INTENTS: Final = Upsert(INTENT)


class Hints:
    """The inbox: records that should be read again, each at most once."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def add(self, refs: Iterable[Ref], due: float) -> None:
        _PUT_HINTS(self._db, [_hint(ref, due) for ref in dict.fromkeys(refs)])

    def due(self, app: str, object: str, now: float, limit: int) -> Sequence[Ref]:
        rows = self._db.execute(_HINTS_DUE, {"app": app, "object": object, "now": now, "limit": limit})
        return [Ref(row.app, row.object, row.record) for row in rows]

    def between(self, app: str, object: str, since: float, until: float) -> Collection[Ref]:
        rows = self._db.execute(_HINTS_BETWEEN, {"app": app, "object": object, "since": since, "until": until})
        return frozenset(Ref(row.app, row.object, row.record) for row in rows)

    def drop(self, refs: Sequence[Ref], read_at: float) -> None:
        gone = [{"app": ref.app, "object": ref.object, "record": ref.id, "read_at": read_at} for ref in refs]
        _DROP_HINT(self._db, gone)

    def postpone(self, ref: Ref, until: float) -> None:
        _POSTPONE_HINT(self._db, [{**_hint(ref, until), "tries": 1}])

    def tries(self, ref: Ref) -> int:
        asked = {"app": ref.app, "object": ref.object, "record": ref.id}
        return int(self._db.execute(_TRIES, asked).scalar() or 0)

    def count(self, app: str) -> int:
        return int(self._db.execute(_COUNT_HINTS, {"app": app}).scalar_one())


class Cursors:
    """Where to resume."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, sync: str, app: str) -> Progress:
        row = self._db.execute(_CURSOR, {"sync": sync, "app": app}).first()
        return Progress(Cursor(row.value) if row.value else None, row.listed_at, row.polled_at) if row else Progress()

    def put(self, sync: str, app: str, progress: Progress) -> None:
        row = {"sync": sync, "app": app, "value": progress.cursor}
        _PUT_CURSOR(self._db, [{**row, "listed_at": progress.listed_at, "polled_at": progress.polled_at}])


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
                asked = given(app=app, sync=sync, until=now, urgent=urgent)
                rows = self._db.execute(_due(*asked), {**asked, "limit": limit - len(found)})
                found += [_delivery(row) for row in rows.all()]
        return found

    def get(self, sync: str, app: str, entity: EntityId) -> Delivery | None:
        self.flush()
        row = self._db.execute(_DELIVERY, {"sync": sync, "app": app, "entity": entity}).first()
        return _delivery(row) if row else None

    def postpone(self, delivery: Delivery, until: float) -> None:
        self.flush()
        of = {"of_sync": delivery.sync, "of_app": delivery.app, "of_entity": delivery.entity}
        self._db.execute(_POSTPONE, {**of, "until": until})

    def settle(self, delivery: Delivery) -> None:
        name = (delivery.sync, delivery.app, delivery.entity)
        self._new.pop(name, None)
        self._settled[name] = None

    def count(self, app: str, *, sync: str = "", until: float | None = None, most: int | None = None) -> int:
        self.flush()
        asked = given(app=app, sync=sync, until=until)
        if most is None:
            return int(self._db.execute(_count_owed(*asked), asked).scalar_one())
        return int(self._db.execute(_count_some_owed(*asked), {**asked, "limit": most}).scalar_one())

    def removals(self, app: str, sync: str) -> int:
        self.flush()
        asked = given(app=app, sync=sync)
        return int(self._db.execute(_count_removals(*asked), asked).scalar_one())

    def next_due(self, app: str) -> float | None:
        self.flush()
        earliest: float | None = self._db.execute(_NEXT_DUE, {"app": app}).scalar()
        return earliest

    def flush(self) -> None:
        gone = [{"sync": sync, "app": app, "entity": entity} for sync, app, entity in self._settled]
        _SETTLE(self._db, gone)
        self._settled.clear()
        if not self._new:
            return
        rows = [
            {"sync": d.sync, "app": d.app, "entity": d.entity, "due": d.due, "cause": d.cause, "urgent": d.urgent}
            for d in self._new.values()
        ]
        _PUT_DELIVERIES(self._db, [{**row, "attempts": 0} for row in rows])
        self._new.clear()


class Intents:
    """Writes on their way, and those whose outcome is unknown. They are few: all of an app's are read at once."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._open: dict[str, dict[str, Intent]] = {}
        self._dropped: list[str] = []

    def put(self, intents: Sequence[Intent]) -> None:
        self.flush()
        _PUT_INTENTS(self._db, [intent_row(intent) for intent in intents])
        for intent in intents:
            if intent.app in self._open:
                self._open[intent.app][intent.key] = intent

    def drop(self, keys: Sequence[str]) -> None:
        self._dropped += keys
        for known in self._open.values():
            for key in keys:
                known.pop(key, None)

    def get(self, app: str, key: str) -> Intent | None:
        return self._in(app).get(key)

    def of_entities(self, entities: Sequence[EntityId], app: str) -> dict[EntityId, Intent]:
        by_entity = {intent.entity: intent for intent in self._in(app).values()}
        return {entity: by_entity[entity] for entity in entities if entity in by_entity}

    def of_refs(self, app: str, refs: Sequence[Ref]) -> dict[Ref, Intent]:
        by_ref = {intent.ref: intent for intent in self._in(app).values() if intent.ref is not None}
        return {ref: by_ref[ref] for ref in refs if ref in by_ref}

    def open(self, app: str = "", state: IntentState | None = None) -> Sequence[Intent]:
        known = self._in(app).values() if app else self._read(_INTENTS)
        found = [intent for intent in known if state in (None, intent.state)]
        return sorted(found, key=lambda intent: (intent.at, intent.key))

    def keys(self, app: str) -> Collection[str]:
        self.flush()
        return frozenset(self._db.execute(_INTENT_KEYS, {"app": app}).scalars())

    def flush(self) -> None:
        for part in chunks(self._dropped):
            self._db.execute(_DROP_INTENTS, {"key": part})
        self._dropped = []

    def _in(self, app: str) -> dict[str, Intent]:
        if app not in self._open:
            self._open[app] = {intent.key: intent for intent in self._read(_INTENTS_IN, app=app)}
        return self._open[app]

    def _read(self, statement: Select[*tuple[Any, ...]], **of: str) -> list[Intent]:
        self.flush()
        return [_intent(row) for row in self._db.execute(statement, of).all()]


def _hint(ref: Ref, due: float) -> dict[str, Any]:
    return {"app": ref.app, "object": ref.object, "record": ref.id, "due": due, "tries": 0}


@cache
def _due(*by: str) -> Select[*tuple[Any, ...]]:
    order = (DELIVERY.c.due, DELIVERY.c.sync, DELIVERY.c.entity)
    return select(DELIVERY).where(*_owed(by)).order_by(*order).limit(bindparam("limit"))


@cache
def _count_owed(*by: str) -> Select[int]:
    return counted(DELIVERY, *_owed(by))


@cache
def _count_some_owed(*by: str) -> Select[int]:
    some = select(DELIVERY.c.entity).where(*_owed(by)).limit(bindparam("limit")).subquery()
    return select(func.count()).select_from(some)


@cache
def _count_removals(*by: str) -> Select[int]:
    deleted = ENTITY.c.id == DELIVERY.c.entity, ENTITY.c.deleted
    return select(func.count()).select_from(DELIVERY, ENTITY).where(*_owed(by), *deleted)


def _owed(by: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    return (_BY[name] for name in by)


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
