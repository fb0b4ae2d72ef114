"""What an app shows just before it is written to: the records themselves, and whether somebody is there already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncd.core.entity import Entity, Link
from syncd.core.fieldmap import Sync
from syncd.core.match import Key, keys
from syncd.core.record import EntityId, Fields, Gone, Merged, Record, Ref
from syncd.engine import apart
from syncd.engine.consent import register
from syncd.engine.fuse import follow_merge
from syncd.engine.gone import probe
from syncd.engine.namesakes import key_field, shows
from syncd.engine.take import READ, take
from syncd.engine.world import World
from syncd.sdk.contract import Finds
from syncd.store.ports import Transaction
from syncd.store.values import Delivery

__all__ = ["Sight", "asked_about", "find_records", "load", "look", "searchable"]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the app shows just before it is written to."""

    records: Mapping[Ref, Record]
    found: Mapping[EntityId, Sequence[Ref]]
    """Records that have the match keys of entities without one."""
    late: Mapping[EntityId, Sequence[Ref]]
    """Records that showed the match keys of entities that have none, or none with these keys, when last seen."""
    keys: Mapping[EntityId, tuple[Key, ...]]
    """The match keys of entities without a record, by which one was looked for."""
    unseen: frozenset[EntityId]
    """Entities of which nobody can tell for now whether the app has a record."""


def look(world: World, sync: Sync, app: str, deliveries: Sequence[Delivery]) -> Sight:
    """Read the records that are to be written, and look for those that are to be made; fold in what is found."""
    with world.store.read() as tx:
        load(tx, sync, deliveries)
        links = {delivery.entity: tx.links.at(delivery.entity, app) for delivery in deliveries}
        doubtful = tx.intents.of_entities(list(links), app)
        missing = [tx.entities.get(id) for id, link in links.items() if link is None and id not in doubtful]
        tried = {delivery.entity for delivery in deliveries if delivery.attempts}
    refs = [link.ref for id, link in links.items() if link and id not in doubtful]
    asked = apart.read(world, sync, app, refs)
    facts, failed = dict(asked.found), dict(asked.failed)
    unsure = [e for e in missing if not e.deleted and (e.id in tried or not _app_would_say(world, sync, app, e))]
    found = find_records(world, sync, app, unsure)
    strangers = list(dict.fromkeys(ref for at in found.values() for ref in at if ref not in facts))
    asked = apart.read(world, sync, app, strangers)
    facts.update(asked.found)
    failed.update(asked.failed)
    with world.store.begin() as tx:
        apart.put_off(world, tx, sync, failed)
        take(world, tx, sync, [fact for fact in facts.values() if isinstance(fact, Record)], READ)
        for fact in facts.values():
            if isinstance(fact, Merged):
                follow_merge(world, tx, sync, fact)
    probe(world, sync, app, [fact.ref for fact in facts.values() if isinstance(fact, Gone)])
    with world.store.read() as tx:
        unfound = [e for e in missing if not searchable(world, sync, app, e.fields)]
        tx.entities.load(links)
        moved = [tx.entities.get(id) for id, link in links.items() if link and _moved(tx, sync, link)]
        late = _late(tx, sync, app, [*unfound, *moved])
        if missing:  # a search may not show what is new, and a question keeps an old key where it is
            tx.links.load_of(links)
            read = [link for id in links if (link := tx.links.at(id, app))]
            for e in missing:
                late[e.id] = [*late.get(e.id, ()), *asked_about(tx, sync, app, e), *_bearing(sync, app, e, read)]
    unseen = {e.id for e in unsure if e.id not in found or any(_unseen(facts.get(ref)) for ref in found[e.id])}
    records = {ref: fact for ref, fact in facts.items() if isinstance(fact, Record)}
    return Sight(records, found, late, {e.id: keys(sync, e.fields) for e in missing}, frozenset(unseen))


def _moved(tx: Transaction, sync: Sync, link: Link) -> bool:
    """The record shows another match key than its entity has by now."""
    names = ((key[0], key_field(sync, link.ref.app, key)) for key in sync.match)
    fields = tx.entities.get(link.entity).fields
    return any(name and not shows(link, name, fields.get(own)) for own, name in names)


def _bearing(sync: Sync, app: str, entity: Entity, links: Iterable[Link]) -> Iterator[Ref]:
    """Whichever of these records shows one of this entity's keys."""
    for own, value in keys(sync, entity.fields):
        name = key_field(sync, app, (own,))
        yield from (link.ref for link in links if name and shows(link, name, value))


def asked_about(tx: Transaction, sync: Sync, app: str, entity: Entity) -> Iterator[Ref]:
    """Records that still show this entity's first key, since it is a question whether they may have another."""
    for own, value in keys(sync, entity.fields)[:1]:
        name = key_field(sync, app, (own,))
        for work in tx.parked.rivals(app) if name else ():
            link = tx.links.at(work.entity, app) if work.field and work.entity else None
            if link is not None and name and shows(link, name, value):
                yield link.ref


def _late(tx: Transaction, sync: Sync, app: str, entities: Sequence[Entity]) -> dict[EntityId, list[Ref]]:
    """Whose records there showed the match keys of these when they were last seen, whatever key they have by now."""
    late: dict[EntityId, list[Ref]] = defaultdict(list)
    for key in sync.match:
        name = key_field(sync, app, key)
        own = {str(entity.value(key[0])).casefold(): entity.id for entity in entities if entity.value(key[0])}
        if name is None or not own:
            continue
        for link in tx.links.showing(sync.name, app, name, list(own)):
            late[own[str(link.seen[name]).casefold()]].append(link.ref)
    return late


def _unseen(fact: Record | Gone | Merged | None) -> bool:
    """A search has found it, and a read does not show it: one of the two is wrong for now."""
    return fact is None or isinstance(fact, Gone)


def _app_would_say(world: World, sync: Sync, app: str, entity: Entity) -> bool:
    """The app keeps a match field unique: a create of somebody who is there comes back as Exists, unasked."""
    unique = world.object(sync, app).capabilities.unique
    rules = (sync.rules[names[0]] for names in sync.match if len(names) == 1 and names[0] in sync.rules)
    return any(
        app in rule.lenses and rule.lenses[app].window[0] in unique and entity.value(rule.name) is not None
        for rule in rules
    )


def searchable(world: World, sync: Sync, app: str, fields: Fields) -> bool:
    """Can somebody with these values be looked for in the app by one of the match keys?"""
    connector = world.apps[app].connector
    findable = set(connector.findable(sync.apps[app])) if isinstance(connector, Finds) else set()
    return any(key_field(sync, app, key) in findable and fields.get(key[0]) for key in sync.match)


def find_records(world: World, sync: Sync, app: str, entities: Sequence[Entity]) -> Mapping[EntityId, Sequence[Ref]]:
    """For each entity, the records in the app that have its match keys.

    Whoever is missing from the answer could not be looked for: a record there may be or not.
    """
    at: dict[EntityId, list[Ref]] = {entity.id: [] for entity in entities}
    connector = world.apps[app].connector
    if not entities or not isinstance(connector, Finds):
        return at
    findable = set(connector.findable(sync.apps[app]))
    wanted: dict[str, dict[str, list[EntityId]]] = defaultdict(lambda: defaultdict(list))
    for key in sync.match:
        name = key_field(sync, app, key)
        if name is None or name not in findable:
            continue
        lens = sync.rules[key[0]].lenses[app]
        for entity in entities:
            put = lens.put(entity.value(key[0]), {}) if entity.value(key[0]) else {}
            raw = put.get(name) if isinstance(put, dict) else None
            if isinstance(raw, str):
                wanted[name][raw].append(entity.id)
    for field, values in wanted.items():
        found = apart.find(world, sync, app, connector, field, list(values))
        for value, ids in values.items():
            for id in ids:
                if value not in found:
                    at.pop(id, None)
                elif id in at:
                    at[id] += found[value]
    return at


def load(tx: Transaction, sync: Sync, deliveries: Sequence[Delivery]) -> None:
    """Read what these deliveries are about, at once."""
    ids = [delivery.entity for delivery in deliveries]
    tx.entities.load(ids)
    tx.links.load_of(ids)
    tx.parked.of(ids)
    known = [tx.entities.get(id).fields for id in ids]
    tx.entities.holders(sync.name, [key for fields in known for key in keys(sync, fields)])
    register(tx, sync, known)
