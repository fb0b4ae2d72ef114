"""Entities and links: read through a cache for the length of a transaction, written in batches at its end."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Connection, Row, and_, cast, delete, func, select, tuple_, type_coerce

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.match import Key
from syncd.core.record import EntityId, Ref, Version
from syncd.store.codec import dump, held_from, held_text, instant, load, seconds, value_from
from syncd.store.statements import chunks, upsert
from syncd.store.tables import EntityRow, KeyRow, LinkRow, MetaRow, table

__all__ = ["Entities", "Links", "entity_row", "link_row"]

_REMEMBERED: Final = 2048
"""Rows that are remembered as what they stand for: those of a batch, which pass through half a dozen transactions."""

ENTITY, KEY, LINK, META = table(EntityRow), table(KeyRow), table(LinkRow), table(MetaRow)


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
            for row in self._db.execute(select(ENTITY).where(ENTITY.c.id.in_(part))):
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
        asked = list(dict.fromkeys(keys))
        self._find(sync, [key for key in asked if (sync, key) not in self._stored])
        found = {
            key: [i for i in self._stored[sync, key] if i not in self._dirty] + self._holders.get((sync, key), [])
            for key in asked
        }
        self.load(i for ids in found.values() for i in ids)
        return {key: tuple(sorted(i for i in ids if self._holds(i, key))) for key, ids in found.items()}

    def _holds(self, id: EntityId, key: Key) -> bool:
        return not self._known[id].deleted and (id not in self._dirty or key in self._dirty[id])

    def _find(self, sync: str, keys: Sequence[Key]) -> None:
        by_name: dict[str, list[str]] = defaultdict(list)
        for name, value in keys:
            by_name[name].append(value)
            self._stored[sync, (name, value)] = []
        for name, values in by_name.items():
            for part in chunks(values):
                same = and_(KEY.c.sync == sync, KEY.c.name == name, KEY.c.value.in_(part))
                for row in self._db.execute(select(KEY).where(same)):
                    self._stored[sync, (row.name, row.value)].append(row.entity)

    def by_key(self, key: Key) -> Sequence[tuple[str, EntityId]]:
        self.flush()
        where = and_(KEY.c.name == key[0], KEY.c.value == key[1])
        rows = self._db.execute(select(KEY).where(where).order_by(KEY.c.sync, KEY.c.entity))
        return [(row.sync, row.entity) for row in rows]

    def by_value(self, value: str) -> Sequence[tuple[str, EntityId]]:
        self.flush()
        rows = self._db.execute(select(KEY.c.sync, KEY.c.entity).where(KEY.c.value == value).distinct())
        return sorted((row.sync, EntityId(row.entity)) for row in rows)

    def labels(self, ids: Iterable[EntityId]) -> dict[EntityId, str]:
        self.flush()
        found: dict[EntityId, str] = {}
        for part in chunks(list(dict.fromkeys(ids))):
            rows = self._db.execute(select(KEY).where(KEY.c.entity.in_(part)).order_by(KEY.c.name))
            for row in rows:
                found.setdefault(EntityId(row.entity), row.value.replace("\x1f", " "))
        return found

    def all(self, sync: str) -> Sequence[Entity]:
        self.flush()
        rows = self._db.execute(select(ENTITY).where(ENTITY.c.sync == sync).order_by(ENTITY.c.id))
        return [_entity(row) for row in rows]

    def living(self, sync: str, after: str, limit: int) -> Sequence[EntityId]:
        self.flush()
        where = and_(ENTITY.c.sync == sync, ENTITY.c.deleted.is_(False), ENTITY.c.id > after)
        rows = self._db.execute(select(ENTITY.c.id).where(where).order_by(ENTITY.c.id).limit(limit))
        return [EntityId(id) for id in rows.scalars()]

    def count(self, sync: str) -> int:
        self.flush()
        where = and_(ENTITY.c.sync == sync, ENTITY.c.deleted.is_(False))
        return int(self._db.execute(select(func.count()).select_from(ENTITY).where(where)).scalar_one())

    def flush(self) -> None:
        if not self._dirty:
            return
        entities = [self._known[i] for i in self._dirty]
        upsert(self._db, ENTITY, [entity_row(entity) for entity in entities])
        for part in chunks(list(self._dirty)):
            self._db.execute(delete(KEY).where(KEY.c.entity.in_(part)))
        keys = [
            {"sync": self._known[i].sync, "name": name, "value": value, "entity": i}
            for i, own in self._dirty.items()
            for name, value in dict.fromkeys(own)
        ]
        if keys:
            self._db.execute(KEY.insert(), keys)
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
            for row in self._db.execute(select(LINK).where(these)):
                link = _link(row)
                self._known[sync, link.ref] = link

    def get(self, sync: str, ref: Ref) -> Link | None:
        if (sync, ref) not in self._known:
            self.load(sync, [ref])
        return self._known[sync, ref]

    def load_of(self, entities: Iterable[EntityId]) -> None:
        for part in chunks([e for e in dict.fromkeys(entities) if e not in self._of]):
            self._of.update({entity: {} for entity in part})
            for row in self._db.execute(select(LINK).where(LINK.c.entity.in_(part))):
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
        same = and_(LINK.c.sync == sync, LINK.c.app == ref.app, LINK.c.object == ref.object, LINK.c.record == ref.id)
        self._db.execute(delete(LINK).where(same))
        before = self._known.get((sync, ref))
        self._known[sync, ref] = None
        if before is not None and before.entity in self._of:
            self._of[before.entity].pop(ref, None)

    def linked(self, sync: str, app: str) -> int:
        self.flush()
        same = and_(LINK.c.sync == sync, LINK.c.app == app, LINK.c.state != LinkState.GONE)
        return int(self._db.execute(select(func.count()).select_from(LINK).where(same)).scalar_one())

    def stamp(self, sync: str, refs: Sequence[Ref], sweep: int) -> None:
        self.flush()
        for these in _these(sync, refs):
            self._db.execute(LINK.update().where(these).values(swept=sweep))

    def lacking(self, sync: str, app: str, sweep: int) -> int:
        self.flush()
        return int(self._db.execute(select(func.count()).where(_unswept(sync, app, sweep))).scalar_one())

    def unswept(self, sync: str, app: str, sweep: int, after: Ref | None, limit: int) -> Sequence[Link]:
        self.flush()
        where, place = _unswept(sync, app, sweep), tuple_(LINK.c.object, LINK.c.record)
        if after is not None:
            where = and_(where, place > (after.object, after.id))
        rows = self._db.execute(select(LINK).where(where).order_by(LINK.c.object, LINK.c.record).limit(limit))
        return [_link(row) for row in rows]

    def showing(self, sync: str, app: str, name: str, values: Sequence[str]) -> Sequence[Link]:
        self.flush()
        postgres = self._db.dialect.name == "postgresql"
        seen: ColumnElement[Any] = cast(LINK.c.seen, JSON) if postgres else type_coerce(LINK.c.seen, JSON)
        alive = and_(LINK.c.sync == sync, LINK.c.app == app, LINK.c.state != LinkState.GONE)
        shown = func.lower(seen[name].as_string())
        found = [link for part in chunks(values) for link in self._by_record(and_(alive, shown.in_(part)))]
        return sorted(found, key=attrgetter("ref"))

    def missing(self, sync: str, app: str) -> Sequence[Link]:
        self.flush()
        return self._by_record(and_(LINK.c.sync == sync, LINK.c.app == app, LINK.c.state == LinkState.MISSING))

    def canaries(self, sync: str, app: str, count: int) -> Sequence[Ref]:
        self.flush()
        where = and_(LINK.c.sync == sync, LINK.c.app == app, LINK.c.state == LinkState.LIVE)
        rows = self._db.execute(select(LINK).where(where).order_by(LINK.c.swept.desc(), LINK.c.record).limit(count))
        return [_link(row).ref for row in rows]

    def all(self, sync: str) -> Sequence[Link]:
        self.flush()
        return self._by_record(LINK.c.sync == sync)

    def flush(self) -> None:
        if self._dirty:
            # Those that are gone first: they make room for the one live link of an entity in an app.
            dirty = sorted(self._dirty.items(), key=lambda item: item[1].state is not LinkState.GONE)
            sweep = int(self._db.execute(select(META.c.value).where(META.c.name == "sweep")).scalar() or 0)
            upsert(self._db, LINK, [link_row(sync, link, sweep) for (sync, _), link in dirty], keep=("swept",))
            self._dirty.clear()

    def _by_record(self, where: ColumnElement[bool]) -> Sequence[Link]:
        rows = self._db.execute(select(LINK).where(where).order_by(LINK.c.app, LINK.c.object, LINK.c.record))
        return [_link(row) for row in rows]


def _unswept(sync: str, app: str, sweep: int) -> ColumnElement[bool]:
    return and_(LINK.c.sync == sync, LINK.c.app == app, LINK.c.swept < sweep, LINK.c.state != LinkState.GONE)


def _these(sync: str, refs: Iterable[Ref]) -> Iterator[ColumnElement[bool]]:
    """Conditions that find the links of these records along the primary key, as many at once as a statement takes."""
    by_object: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ref in refs:
        by_object[ref.app, ref.object].append(ref.id)
    for (app, object), ids in by_object.items():
        for part in chunks(ids):
            yield and_(LINK.c.sync == sync, LINK.c.app == app, LINK.c.object == object, LINK.c.record.in_(part))


def _entity(row: Row[Any]) -> Entity:
    return _known_entity(*row)


@lru_cache(maxsize=_REMEMBERED)
def _known_entity(id: str, sync: str, held: str, deleted: Any) -> Entity:
    return Entity(EntityId(id), sync, held_from(held), bool(deleted))


def _link(row: Row[Any]) -> Link:
    return _known_link(*row[1:-1])  # of which sync it is, and when it was last swept, is no part of it


@lru_cache(maxsize=_REMEMBERED)
def _known_link(
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
