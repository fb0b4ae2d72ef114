"""Entities and links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.match import Key
from syncd.core.record import EntityId, Ref
from syncd.errors import StoreError
from syncd.store.memory._tables import Name, Tables

_BY_REF = attrgetter("ref")


class Entities:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def load(self, ids: Iterable[EntityId]) -> None:
        pass

    def get(self, id: EntityId) -> Entity:
        return self._tables.entities[id]

    def put(self, entity: Entity, keys: Sequence[Key]) -> None:
        tables, own = self._tables, tuple(dict.fromkeys(keys))
        before = tables.keys.get(entity.id, ())
        tables.put(tables.entities, entity.id, entity)
        if own == before:
            return
        for key in before:
            tables.drop(tables.holders[key], entity.id)
        for key in own:
            tables.put(tables.holders.setdefault(key, {}), entity.id, None)
        tables.put(tables.keys, entity.id, own)

    def holders(self, sync: str, keys: Iterable[Key]) -> Mapping[Key, tuple[EntityId, ...]]:
        return {
            key: tuple(e.id for e in self._found(key) if e.sync == sync and not e.deleted)
            for key in dict.fromkeys(keys)
        }

    def deleted_holders(self, sync: str, keys: Iterable[Key]) -> Mapping[Key, tuple[EntityId, ...]]:
        return {
            key: tuple(e.id for e in self._found(key) if e.sync == sync and e.deleted) for key in dict.fromkeys(keys)
        }

    def by_key(self, key: Key) -> Sequence[tuple[str, EntityId]]:
        return sorted((entity.sync, entity.id) for entity in self._found(key))

    def by_value(self, value: str) -> Sequence[tuple[str, EntityId]]:
        keys = [key for key in self._tables.holders if key[1] == value]
        return sorted({(entity.sync, entity.id) for key in keys for entity in self._found(key)})

    def labels(self, ids: Iterable[EntityId]) -> dict[EntityId, str]:
        own = {id: self._tables.keys.get(id) for id in ids}
        return {id: min(keys)[1].replace("\x1f", " ") for id, keys in own.items() if keys}

    def all(self, sync: str) -> Sequence[Entity]:
        return sorted((e for e in self._tables.entities.values() if e.sync == sync), key=attrgetter("id"))

    def living(self, sync: str, after: str, limit: int) -> Sequence[EntityId]:
        there = (e.id for e in self._tables.entities.values() if e.sync == sync and not e.deleted and e.id > after)
        return sorted(there)[:limit]

    def count(self, sync: str) -> int:
        return sum(1 for e in self._tables.entities.values() if e.sync == sync and not e.deleted)

    def flush(self) -> None:
        pass

    def _found(self, key: Key) -> list[Entity]:
        return [self._tables.entities[id] for id in sorted(self._tables.holders.get(key, ()))]


class Links:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def load(self, sync: str, refs: Iterable[Ref]) -> None:
        pass

    def get(self, sync: str, ref: Ref) -> Link | None:
        return self._tables.links.get((sync, ref))

    def load_of(self, entities: Iterable[EntityId]) -> None:
        pass

    def begin(self, entity: EntityId) -> None:
        pass

    def of(self, entity: EntityId) -> Sequence[Link]:
        return sorted(self._tables.links_of.get(entity, {}).values(), key=_BY_REF)

    def at(self, entity: EntityId, app: str) -> Link | None:
        own = self._tables.links_of.get(entity, {}).values()
        return min((x for x in own if x.ref.app == app and x.state is not LinkState.GONE), key=_BY_REF, default=None)

    def put(self, sync: str, link: Link) -> None:
        tables, name = self._tables, (sync, link.ref)
        before = tables.links.get(name)
        if before is None:  # a link made while a listing runs is not lacking from it
            tables.put(tables.swept, name, int(tables.meta.get("sweep", 0)))
        elif before.entity != link.entity:
            tables.drop(tables.links_of[before.entity], name)
        tables.put(tables.links, name, link)
        tables.put(tables.links_of.setdefault(link.entity, {}), name, link)
        tables.unheld[name] = link

    def drop(self, sync: str, ref: Ref) -> None:
        self.flush()
        tables, name = self._tables, (sync, ref)
        link = tables.links.get(name)
        if link is None:
            return
        tables.drop(tables.links, name)
        tables.drop(tables.links_of[link.entity], name)
        tables.drop(tables.swept, name)
        self._leave(name)

    def linked(self, sync: str, app: str) -> int:
        return len(self._where(sync, app, lambda _, link: link.state is not LinkState.GONE))

    def stamp(self, sync: str, refs: Sequence[Ref], sweep: int) -> None:
        for ref in refs:
            if (sync, ref) in self._tables.links:
                self._tables.put(self._tables.swept, (sync, ref), sweep)

    def lacking(self, sync: str, app: str, sweep: int) -> int:
        return len(self._unswept(sync, app, sweep))

    def unswept(self, sync: str, app: str, sweep: int, after: Ref | None, limit: int) -> Sequence[Link]:
        return [link for link in self._unswept(sync, app, sweep) if after is None or link.ref > after][:limit]

    def _unswept(self, sync: str, app: str, sweep: int) -> list[Link]:
        swept = self._tables.swept
        return self._where(sync, app, lambda name, link: link.state is not LinkState.GONE and swept[name] < sweep)

    def showing(self, sync: str, app: str, name: str, values: Sequence[str]) -> Sequence[Link]:
        wanted = frozenset(values)

        def shows(_: tuple[str, Ref], link: Link) -> bool:
            return link.state is not LinkState.GONE and str(link.seen.get(name) or "").casefold() in wanted

        return self._where(sync, app, shows)

    def missing(self, sync: str, app: str) -> Sequence[Link]:
        return self._where(sync, app, lambda _, link: link.state is LinkState.MISSING)

    def canaries(self, sync: str, app: str, count: int) -> Sequence[Ref]:
        alive = self._where(sync, app, lambda _, link: link.state is LinkState.LIVE)
        alive.sort(key=lambda link: (-self._tables.swept[sync, link.ref], link.ref.id))
        return [link.ref for link in alive[:count]]

    def all(self, sync: str) -> Sequence[Link]:
        self.flush()
        return sorted((link for (own, _), link in self._tables.links.items() if own == sync), key=_BY_REF)

    def flush(self) -> None:
        if self._tables.unheld:
            self._hold()

    def _hold(self) -> None:
        """Hold what was put against the rule that an entity has one link at most in an app that is not gone.

        In the order in which a database does: those that are gone make room first.
        """
        tables = self._tables
        for name, link in sorted(tables.unheld.items(), key=lambda item: item[1].state is not LinkState.GONE):
            place = (link.entity, link.ref.app)
            if link.state is not LinkState.GONE and tables.places.get(name) == place:
                continue
            self._leave(name)
            if link.state is LinkState.GONE:
                continue
            if place in tables.living:
                raise StoreError(f"store memory: {link.entity} would have two links in {link.ref.app}")
            tables.put(tables.living, place, name)
            tables.put(tables.places, name, place)
        tables.unheld.clear()

    def _leave(self, name: Name) -> None:
        place = self._tables.places.get(name)
        if place is not None:
            self._tables.drop(self._tables.living, place)
            self._tables.drop(self._tables.places, name)

    def _where(self, sync: str, app: str, holds: Callable[[Name, Link], bool]) -> list[Link]:
        self.flush()
        found = [
            link
            for name, link in self._tables.links.items()
            if link.ref.app == app and name[0] == sync and holds(name, link)
        ]
        return sorted(found, key=_BY_REF)
