"""Entities and links: read through a cache for the length of a transaction, written in batches at its end."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Connection, Row, bindparam, cast, delete, func, select, tuple_, type_coerce

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.lately import Lately
from syncd.core.match import Key
from syncd.core.record import EntityId, Ref, Version
from syncd.store.codec import dump, held_from, held_text, instant, load, seconds, value_from
from syncd.store.facts import Meta
from syncd.store.statements import Many, Upsert, among, chunks, counted, same
from syncd.store.tables import EntityRow, KeyRow, LinkRow, table

__all__ = ["Entities", "Links", "entity_row", "link_row"]

_REMEMBERED: Final = 4096
"""So many rows are remembered as what they stand for: those of two pages, or of several batches."""

ENTITY, KEY, LINK = table(EntityRow), table(KeyRow), table(LinkRow)

_ENTITIES: Final = select(ENTITY).where(among(ENTITY.c.id))
_ENTITIES_OF: Final = select(ENTITY).where(same(ENTITY.c.sync)).order_by(ENTITY.c.id)
_ALIVE: Final = same(ENTITY.c.sync) & ENTITY.c.deleted.is_(False)
_COUNT_ALIVE: Final = counted(ENTITY, _ALIVE)
_ALIVE_AFTER: Final = (
    select(ENTITY.c.id).where(_ALIVE, ENTITY.c.id > bindparam("after")).order_by(ENTITY.c.id).limit(bindparam("limit"))
)
_PUT_ENTITIES: Final = Upsert(ENTITY)

_KEYS: Final = select(KEY).where(same(KEY.c.sync, KEY.c.name), among(KEY.c.value))
_KEY: Final = select(KEY).where(same(KEY.c.name, KEY.c.value)).order_by(KEY.c.sync, KEY.c.entity)
_WITH_VALUE: Final = select(KEY.c.sync, KEY.c.entity).where(same(KEY.c.value)).distinct()
_LABELS: Final = select(KEY).where(among(KEY.c.entity)).order_by(KEY.c.name)
_DROP_KEYS: Final = delete(KEY).where(among(KEY.c.entity))
_PUT_KEYS: Final = Many(KEY.insert())

_IN_ORDER: Final = (LINK.c.app, LINK.c.object, LINK.c.record)
_LINKS: Final = select(LINK).where(same(LINK.c.sync, LINK.c.app, LINK.c.object), among(LINK.c.record))
_LINKS_OF: Final = select(LINK).where(among(LINK.c.entity))
_EVERY_LINK: Final = select(LINK).where(same(LINK.c.sync)).order_by(*_IN_ORDER)
_DROP_LINK: Final = delete(LINK).where(same(LINK.c.sync, LINK.c.app, LINK.c.object, LINK.c.record))
_NOT_GONE: Final = same(LINK.c.sync, LINK.c.app) & (LINK.c.state != LinkState.GONE.value)
_COUNT_LINKED: Final = counted(LINK, _NOT_GONE)
_STAMP: Final = (
    LINK.update()
    .where(same(LINK.c.sync, LINK.c.app, LINK.c.object, prefix="of_"), among(LINK.c.record, prefix="of_"))
    .values(swept=bindparam("sweep"))
)
_UNSWEPT: Final = _NOT_GONE & (LINK.c.swept < bindparam("sweep"))
_COUNT_UNSWEPT: Final = counted(LINK, _UNSWEPT)
_FIRST_UNSWEPT: Final = select(LINK).where(_UNSWEPT).order_by(LINK.c.object, LINK.c.record).limit(bindparam("limit"))
_NEXT_UNSWEPT: Final = _FIRST_UNSWEPT.where(
    tuple_(LINK.c.object, LINK.c.record) > tuple_(bindparam("object"), bindparam("record"))
)
_IN_STATE: Final = select(LINK).where(same(LINK.c.sync, LINK.c.app, LINK.c.state))
_MISSING: Final = _IN_STATE.order_by(*_IN_ORDER)
_CANARIES: Final = _IN_STATE.order_by(LINK.c.swept.desc(), LINK.c.record).limit(bindparam("limit"))
_PUT_LINKS: Final = Upsert(LINK, keep=("swept",))


class Entities:
    """Entities and the match keys by which they are found."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._known: dict[EntityId, Entity] = {}
        self._dirty: dict[EntityId, tuple[Key, ...]] = {}
        self._holders: dict[tuple[str, Key], list[EntityId]] = defaultdict(list)
        self._stored: dict[tuple[str, Key], list[EntityId]] = {}
        """Who is found by a key, as the tables say; good until the next flush."""

    def load(self, ids: Iterable[EntityId]) -> None:
        for part in chunks([i for i in dict.fromkeys(ids) if i not in self._known]):
            for row in self._db.execute(_ENTITIES, {"id": part}).all():
                self._known[row.id] = _entity(row)

    def get(self, id: EntityId) -> Entity:
        if id not in self._known:
            self.load([id])
        return self._known[id]

    def put(self, entity: Entity, keys: Sequence[Key]) -> None:
        self._known[entity.id] = entity
        self._dirty[entity.id] = tuple(keys)
        for key in keys:
            holders = self._holders[entity.sync, key]
            if entity.id not in holders:
                holders.append(entity.id)

    def holders(self, sync: str, keys: Iterable[Key]) -> Mapping[Key, tuple[EntityId, ...]]:
        found = self._all_holders(sync, keys)
        return {key: tuple(i for i in ids if not self._known[i].deleted) for key, ids in found.items()}

    def deleted_holders(self, sync: str, keys: Iterable[Key]) -> Mapping[Key, tuple[EntityId, ...]]:
        found = self._all_holders(sync, keys)
        return {key: tuple(i for i in ids if self._known[i].deleted) for key, ids in found.items()}

    def _all_holders(self, sync: str, keys: Iterable[Key]) -> Mapping[Key, Sequence[EntityId]]:
        asked = list(dict.fromkeys(keys))
        self._find(sync, [key for key in asked if (sync, key) not in self._stored])
        found = {
            key: [i for i in self._stored[sync, key] if i not in self._dirty] + self._holders.get((sync, key), [])
            for key in asked
        }
        self.load(i for ids in found.values() for i in ids)
        return {key: sorted(i for i in ids if self._holds(i, key)) for key, ids in found.items()}

    def _holds(self, id: EntityId, key: Key) -> bool:
        return id not in self._dirty or key in self._dirty[id]

    def _find(self, sync: str, keys: Sequence[Key]) -> None:
        by_name: dict[str, list[str]] = defaultdict(list)
        for name, value in keys:
            by_name[name].append(value)
            self._stored[sync, (name, value)] = []
        for name, values in by_name.items():
            for part in chunks(values):
                for row in self._db.execute(_KEYS, {"sync": sync, "name": name, "value": part}).all():
                    self._stored[sync, (row.name, row.value)].append(row.entity)

    def by_key(self, key: Key) -> Sequence[tuple[str, EntityId]]:
        self.flush()
        rows = self._db.execute(_KEY, {"name": key[0], "value": key[1]})
        return [(row.sync, row.entity) for row in rows]

    def by_value(self, value: str) -> Sequence[tuple[str, EntityId]]:
        self.flush()
        rows = self._db.execute(_WITH_VALUE, {"value": value})
        return sorted((row.sync, EntityId(row.entity)) for row in rows)

    def labels(self, ids: Iterable[EntityId]) -> dict[EntityId, str]:
        self.flush()
        found: dict[EntityId, str] = {}
        for part in chunks(list(dict.fromkeys(ids))):
            for row in self._db.execute(_LABELS, {"entity": part}):
                found.setdefault(EntityId(row.entity), row.value.replace("\x1f", " "))
        return found

    def all(self, sync: str) -> Sequence[Entity]:
        self.flush()
        return [_entity(row) for row in self._db.execute(_ENTITIES_OF, {"sync": sync})]

    def living(self, sync: str, after: str, limit: int) -> Sequence[EntityId]:
        self.flush()
        rows = self._db.execute(_ALIVE_AFTER, {"sync": sync, "after": after, "limit": limit})
        return [EntityId(id) for id in rows.scalars()]

    def count(self, sync: str) -> int:
        self.flush()
        return int(self._db.execute(_COUNT_ALIVE, {"sync": sync}).scalar_one())

    def flush(self) -> None:
        if not self._dirty:
            return
        entities = [self._known[i] for i in self._dirty]
        rows = [entity_row(entity) for entity in entities]
        _PUT_ENTITIES(self._db, rows)
        for row, entity in zip(rows, entities, strict=True):
            _LATELY_ENTITIES.keep(tuple(row.values()), entity)
        for part in chunks(list(self._dirty)):
            self._db.execute(_DROP_KEYS, {"entity": part})
        keys = [
            {"sync": self._known[i].sync, "name": name, "value": value, "entity": i}
            for i, own in self._dirty.items()
            for name, value in dict.fromkeys(own)
        ]
        _PUT_KEYS(self._db, keys)
        self._dirty.clear()
        self._holders.clear()
        self._stored.clear()


class Links:
    """Links, by record and by entity."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, Ref], Link | None] = {}
        self._dirty: dict[tuple[str, Ref], Link] = {}
        self._of: dict[EntityId, dict[Ref, Link]] = {}

    def load(self, sync: str, refs: Iterable[Ref]) -> None:
        unknown = [ref for ref in dict.fromkeys(refs) if (sync, ref) not in self._known]
        self._known.update({(sync, ref): None for ref in unknown})
        for these in _these(sync, unknown):
            for row in self._db.execute(_LINKS, these).all():
                link = _link(row)
                self._known[sync, link.ref] = link

    def get(self, sync: str, ref: Ref) -> Link | None:
        if (sync, ref) not in self._known:
            self.load(sync, [ref])
        return self._known[sync, ref]

    def load_of(self, entities: Iterable[EntityId]) -> None:
        for part in chunks([e for e in dict.fromkeys(entities) if e not in self._of]):
            self._of.update({entity: {} for entity in part})
            for row in self._db.execute(_LINKS_OF, {"entity": part}).all():
                link = _link(row)
                link = self._dirty.get((row.sync, link.ref), link)
                if link.entity in self._of:
                    self._of[link.entity][link.ref] = link
                self._known[row.sync, link.ref] = link
            for link in self._dirty.values():
                if link.entity in part:
                    self._of[link.entity][link.ref] = link

    def begin(self, entity: EntityId) -> None:
        self._of.setdefault(entity, {})

    def of(self, entity: EntityId) -> Sequence[Link]:
        return sorted(self._all_of(entity), key=attrgetter("ref"))

    def at(self, entity: EntityId, app: str) -> Link | None:
        return next((x for x in self._all_of(entity) if x.ref.app == app and x.state is not LinkState.GONE), None)

    def _all_of(self, entity: EntityId) -> Collection[Link]:
        if entity not in self._of:
            self.load_of([entity])
        return self._of[entity].values()

    def put(self, sync: str, link: Link) -> None:
        before = self._known.get((sync, link.ref))
        if before is not None and before.entity != link.entity and before.entity in self._of:
            self._of[before.entity].pop(link.ref, None)
        self._known[sync, link.ref] = link
        self._dirty[sync, link.ref] = link
        if link.entity in self._of:
            self._of[link.entity][link.ref] = link

    def drop(self, sync: str, ref: Ref) -> None:
        self.flush()
        self._db.execute(_DROP_LINK, {"sync": sync, "app": ref.app, "object": ref.object, "record": ref.id})
        before = self._known.get((sync, ref))
        self._known[sync, ref] = None
        if before is not None and before.entity in self._of:
            self._of[before.entity].pop(ref, None)

    def linked(self, sync: str, app: str) -> int:
        self.flush()
        return int(self._db.execute(_COUNT_LINKED, {"sync": sync, "app": app}).scalar_one())

    def stamp(self, sync: str, refs: Sequence[Ref], sweep: int) -> None:
        self.flush()
        for these in _these(sync, refs):
            self._db.execute(_STAMP, {f"of_{name}": value for name, value in these.items()} | {"sweep": sweep})

    def lacking(self, sync: str, app: str, sweep: int) -> int:
        self.flush()
        return int(self._db.execute(_COUNT_UNSWEPT, {"sync": sync, "app": app, "sweep": sweep}).scalar_one())

    def unswept(self, sync: str, app: str, sweep: int, after: Ref | None, limit: int) -> Sequence[Link]:
        self.flush()
        asked: dict[str, Any] = {"sync": sync, "app": app, "sweep": sweep, "limit": limit}
        if after is None:
            return [_link(row) for row in self._db.execute(_FIRST_UNSWEPT, asked)]
        asked |= {"object": after.object, "record": after.id}
        return [_link(row) for row in self._db.execute(_NEXT_UNSWEPT, asked)]

    def showing(self, sync: str, app: str, name: str, values: Sequence[str]) -> Sequence[Link]:
        self.flush()
        postgres = self._db.dialect.name == "postgresql"
        seen: ColumnElement[Any] = cast(LINK.c.seen, JSON) if postgres else type_coerce(LINK.c.seen, JSON)
        shown = select(LINK).where(
            _NOT_GONE, func.lower(seen[name].as_string()).in_(bindparam("shown", expanding=True))
        )
        asked = {"sync": sync, "app": app}
        rows = [row for part in chunks(values) for row in self._db.execute(shown, {**asked, "shown": part})]
        return sorted(map(_link, rows), key=attrgetter("ref"))

    def missing(self, sync: str, app: str) -> Sequence[Link]:
        self.flush()
        asked = {"sync": sync, "app": app, "state": LinkState.MISSING.value}
        return [_link(row) for row in self._db.execute(_MISSING, asked)]

    def canaries(self, sync: str, app: str, count: int) -> Sequence[Ref]:
        self.flush()
        asked = {"sync": sync, "app": app, "state": LinkState.LIVE.value, "limit": count}
        return [_link(row).ref for row in self._db.execute(_CANARIES, asked)]

    def all(self, sync: str) -> Sequence[Link]:
        self.flush()
        return [_link(row) for row in self._db.execute(_EVERY_LINK, {"sync": sync})]

    def flush(self) -> None:
        if self._dirty:
            # Those that are gone first: they make room for the one live link of an entity in an app.
            dirty = sorted(self._dirty.items(), key=lambda item: item[1].state is not LinkState.GONE)
            sweep = int(Meta(self._db).get("sweep") or 0)
            rows = [link_row(sync, link, sweep) for (sync, _), link in dirty]
            _PUT_LINKS(self._db, rows)
            for row, (_, link) in zip(rows, dirty, strict=True):
                _LATELY_LINKS.keep(tuple(row.values())[1:-1], link)
            self._dirty.clear()


def _these(sync: str, refs: Iterable[Ref]) -> Iterator[dict[str, Any]]:
    """What finds the links of these records along the primary key, as many at once as a statement takes."""
    by_object: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ref in refs:
        by_object[ref.app, ref.object].append(ref.id)
    for (app, object), ids in by_object.items():
        for part in chunks(ids):
            yield {"sync": sync, "app": app, "object": object, "record": part}


_LATELY_ENTITIES: Final = Lately[tuple[Any, ...], Entity](_REMEMBERED)
_LATELY_LINKS: Final = Lately[tuple[Any, ...], Link](_REMEMBERED)


def _entity(row: Row[Any]) -> Entity:
    own: tuple[Any, ...] = row[:]
    known = _LATELY_ENTITIES.get(own)
    return _LATELY_ENTITIES.keep(own, _entity_of(*own)) if known is None else known


def _entity_of(id: str, sync: str, held: str, deleted: Any) -> Entity:
    return Entity(EntityId(id), sync, held_from(held), bool(deleted))


def _link(row: Row[Any]) -> Link:
    own: tuple[Any, ...] = row[1:-1]  # of which sync it is, and when it was last swept, is no part of it
    known = _LATELY_LINKS.get(own)
    return _LATELY_LINKS.keep(own, _link_of(*own)) if known is None else known


def _link_of(
    app: str,
    object: str,
    record: str,
    entity: str,
    seen: str,
    sent: str,
    version: str,
    version_at: float | None,
    created: float | None,
    state: str,
    missed_at: float | None,
) -> Link:
    return Link(
        entity=EntityId(entity),
        ref=Ref(app, object, record),
        seen=load(seen),
        sent={name: value_from(value) for name, value in load(sent).items()},
        version=Version(version, instant(version_at)),
        created=instant(created),
        state=LinkState(state),
        missed_at=missed_at,
    )


def entity_row(entity: Entity) -> dict[str, Any]:
    """An entity as a row."""
    return {"id": entity.id, "sync": entity.sync, "held": held_text(entity.held), "deleted": entity.deleted}


def link_row(sync: str, link: Link, sweep: int) -> dict[str, Any]:
    """A link as a row, seen last by the full listing number `sweep`."""
    return {
        "sync": sync,
        "app": link.ref.app,
        "object": link.ref.object,
        "record": link.ref.id,
        "entity": link.entity,
        "seen": dump(dict(link.seen)),
        "sent": dump(dict(link.sent)),
        "version": link.version.token,
        "version_at": seconds(link.version.at),
        "created": seconds(link.created),
        "state": link.state.value,
        "missed_at": link.missed_at,
        "swept": sweep,  # a link made while a listing runs is not lacking from it
    }
