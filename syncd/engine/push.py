"""Bringing an app up to date: look, compose from fresh state, make the write durable, send it, store its outcome.

One batch at a time, the app's turn held throughout, so that no listing fetched before a write is merged after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.core.compose import Composed, composed, first_fields
from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.match import keys
from syncd.core.record import Create, Delete, EntityId, Fields, Gone, Merged, Raws, Record, Ref, Update, Write
from syncd.engine import apart, calls
from syncd.engine.consent import heed
from syncd.engine.debts import claims, frozen, lacks, note_debts, waits
from syncd.engine.fuse import follow_merge, fuse
from syncd.engine.gone import probe
from syncd.engine.namesakes import ask_about_key
from syncd.engine.outcome import doubt_all, store_outcomes
from syncd.engine.take import READ, take
from syncd.engine.world import Tally, World
from syncd.errors import BrokenProtocol, ConnectorError, InDoubt, Throttled
from syncd.sdk.contract import Finds
from syncd.store.ports import Transaction
from syncd.store.values import Delivery, Intent, IntentKind, Parked, ParkedKind

__all__ = ["backoff", "find_records", "payable", "push"]

_BATCH = 500
_ONE_BY_ONE = 10
"""Where every write is a call of its own: few at a time, for what a person types between our read and our write is
overwritten unseen, and that gap grows with the batch."""


def push(world: World, app: str, *, sync: str = "") -> Tally:
    """Work off one batch of what an app is owed. An empty tally with nothing due means: up to date."""
    port, tally = world.apps[app], Tally()
    if port.read_only:
        return tally
    with port.turn:
        batches = {o.capabilities.write_batch for o in port.objects.values()}
        size = _ONE_BY_ONE if batches == {1} else _BATCH
        with world.store.read() as tx:
            due = payable(world, tx, app, size, sync=sync)
        by_sync: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in due:
            by_sync[delivery.sync].append(delivery)
        for name, deliveries in by_sync.items():
            tally += _deliver(world, world.syncs[name], app, deliveries)
    return tally


def payable(world: World, tx: Transaction, app: str, limit: int, *, sync: str = "") -> list[Delivery]:
    """What is due to an app by a mapping in force. What others have left behind waits, and keeps nobody waiting."""
    names = [name for name, own in world.syncs.items() if app in own.apps and sync in ("", name)]
    due = [delivery for name in names for delivery in tx.deliveries.due(app, tx.now, limit, sync=name)]
    return sorted(due, key=lambda delivery: (not delivery.urgent, delivery.due))[:limit]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A write composed and about to be made durable."""

    delivery: Delivery
    write: Write
    intent: Intent


def _deliver(world: World, sync: Sync, app: str, deliveries: Sequence[Delivery]) -> Tally:
    deliveries = _sift(world, sync, app, deliveries)
    if not deliveries:
        return Tally()
    current, unseen = _look(world, sync, app, deliveries)
    with world.store.begin() as tx:
        _load(tx, deliveries)
        for delivery in [one for one in deliveries if one.entity in unseen]:
            tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))
        seen = [delivery for delivery in deliveries if delivery.entity not in unseen]
        drafts = [draft for delivery in seen if (draft := _draft(world, tx, sync, app, delivery, current))]
        tx.intents.put([draft.intent for draft in drafts])
    if not drafts:
        return Tally()
    try:
        outcomes = calls.write(world, app, [draft.write for draft in drafts])
    except (InDoubt, BrokenProtocol) as doubt:
        doubt_all(world, sync, [draft.intent for draft in drafts], doubt.message)
        raise
    except ConnectorError as failed:
        with world.store.begin() as tx:
            tx.intents.drop([draft.intent.key for draft in drafts])
            for draft in drafts:
                tx.deliveries.postpone(draft.delivery, tx.now + backoff(world, draft.delivery, failed))
        raise
    pairs = [(draft.intent, draft.delivery) for draft in drafts]
    return store_outcomes(world, sync, app, pairs, outcomes)


def _load(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    ids = [delivery.entity for delivery in deliveries]
    tx.entities.load(ids)
    tx.links.load_of(ids)
    tx.parked.of(ids)


def _sift(world: World, sync: Sync, app: str, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Only what is still owed; what has settled itself since costs no call."""
    with world.store.begin() as tx:
        _load(tx, deliveries)
        left = []
        for delivery in deliveries:
            work = tx.parked.of([delivery.entity]).get(delivery.entity, [])
            if lacks(tx, sync, tx.entities.get(delivery.entity), app, work):
                left.append(delivery)
            else:
                tx.deliveries.settle(delivery)
    return left


def backoff(world: World, delivery: Delivery, failed: ConnectorError | None = None) -> float:
    """Seconds until the next try: as the app says, else doubling from five seconds to ten minutes, with jitter."""
    if isinstance(failed, Throttled) and failed.retry_after:
        return failed.retry_after * (1 + world.chance.random() * 0.1)
    doubled: float = min(600.0, 5.0 * 2.0 ** min(delivery.attempts, 8))
    return doubled * (0.75 + world.chance.random() / 2)


def _look(
    world: World, sync: Sync, app: str, deliveries: Sequence[Delivery]
) -> tuple[dict[Ref, Record], set[EntityId]]:
    """Read the records that are to be written, and look for those that are to be made; fold in what is found.

    Also: the entities of which nobody can tell for now whether the app has a record.
    """
    with world.store.read() as tx:
        _load(tx, deliveries)
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
                follow_merge(tx, sync, fact)
    probe(world, sync, app, [fact.ref for fact in facts.values() if isinstance(fact, Gone)])
    unseen = {e.id for e in unsure if e.id not in found or any(ref not in facts for ref in found[e.id])}
    return {ref: fact for ref, fact in facts.items() if isinstance(fact, Record)}, unseen


def _app_would_say(world: World, sync: Sync, app: str, entity: Entity) -> bool:
    """The app keeps a match field unique: a create of somebody who is there comes back as Exists, unasked."""
    unique = world.object(sync, app).capabilities.unique
    rules = (sync.rules[names[0]] for names in sync.match if len(names) == 1 and names[0] in sync.rules)
    return any(
        app in rule.lenses and rule.lenses[app].window[0] in unique and entity.value(rule.name) is not None
        for rule in rules
    )


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
    for entity in entities:
        for names in sync.match:
            rule = sync.rules.get(names[0])
            lens = rule.lenses.get(app) if rule and len(names) == 1 else None
            if lens is None or len(lens.window) != 1 or lens.window[0] not in findable:
                continue
            put = lens.put(entity.value(names[0]), {}) if entity.value(names[0]) else {}
            raw = put.get(lens.window[0]) if isinstance(put, dict) else None
            if isinstance(raw, str):
                wanted[lens.window[0]][raw].append(entity.id)
    for field, values in wanted.items():
        found = apart.find(world, sync, app, connector, field, list(values))
        for value, ids in values.items():
            for id in ids:
                if value not in found:
                    at.pop(id, None)
                elif id in at:
                    at[id] += found[value]
    return at


def _draft(
    world: World, tx: Transaction, sync: Sync, app: str, delivery: Delivery, current: dict[Ref, Record]
) -> _Draft | None:
    """Decide, from state as it is now, what one delivery comes to. None if it comes to nothing, for now or at all."""
    entity = heed(tx, sync, tx.entities.get(delivery.entity))
    if entity.id in tx.intents.of_entities([entity.id], app):
        tx.deliveries.postpone(delivery, tx.now + world.late(sync, app) / 4)
        return None
    work = tx.parked.of([entity.id]).get(entity.id, [])
    link = tx.links.at(entity.id, app)
    held = waits(work) and (link is None or entity.deleted)
    if held or (link is not None and link.state is LinkState.MISSING):
        tx.deliveries.settle(delivery)
        return None
    if link is None:
        return _creation(world, tx, sync, app, delivery, entity)
    fact = current.get(link.ref)
    if fact is None:
        tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))  # it was not there to be read just now
        return None
    if entity.deleted:
        write = Delete(link.ref, world.new_key(), fact.version)
        intent = _intent(tx, sync, app, IntentKind.DELETE, write.key, entity, link.ref, {}, link.seen, {}, delivery)
        return _Draft(delivery, write, intent)
    return _change(world, tx, sync, app, delivery, entity, link, fact)


def _change(
    world: World, tx: Transaction, sync: Sync, app: str, delivery: Delivery, entity: Entity, link: Link, fact: Record
) -> _Draft | None:
    work = tx.parked.of([entity.id]).get(entity.id, [])
    parked = frozen(sync, work, entity, app)
    wanted = claims(tx, sync, entity, link, parked)
    taken = ask_about_key(tx, sync, app, entity, wanted, delivery.cause)
    wanted = {name: value for name, value in wanted.items() if name not in taken}
    open_now = {name: value for name, value in wanted.items() if not _veiled(sync.rules[name], link, fact)}
    done = composed(entity, sync, app, fact.fields, open_now, parked)
    link = _without_misfits(tx, sync, link, entity, done, wanted, delivery)
    if not done.patch:
        if done.goal:
            tx.links.put(sync.name, replace(link, sent={**link.sent, **done.goal}))
        if len(open_now) < len(wanted):
            tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))
            return None
        tx.deliveries.settle(delivery)
        note_debts(tx, sync, entity, delivery.cause)
        return None
    before = {name: fact.fields[name] for name in done.patch if name in fact.fields}
    capabilities = world.object(sync, app).capabilities
    write = Update(link.ref, done.patch, world.new_key(), fact.version if capabilities.conditional else None)
    intent = _intent(
        tx, sync, app, IntentKind.UPDATE, write.key, entity, link.ref, done.patch, before, done.goal, delivery
    )
    return _Draft(delivery, write, intent)


def _veiled(rule: FieldRule, link: Link, fact: Record) -> bool:
    """The app does not show the field: what stands there is unseen, and would be written over.

    A field that is only written may never be shown at all; a reference is not shown while nobody knows whom it is to.
    """
    readable = rule.ways[link.ref.app] is Way.BOTH and not rule.refers
    return any(name not in fact.fields and (readable or name in link.seen) for name in rule.lenses[link.ref.app].window)


def _without_misfits(
    tx: Transaction, sync: Sync, link: Link, entity: Entity, done: Composed, wanted: Fields, delivery: Delivery
) -> Link:
    """Ask about values that the app cannot carry; where the mapping says that this is as it should be, owe them not."""
    partial = {name: wanted[name] for name in done.misfits if sync.rules[name].partial}
    for name, misfit in done.misfits.items():
        if name not in partial:
            _quarantine(tx, sync, link.ref.app, entity, name, misfit.reason, delivery)
    if partial:
        link = replace(link, sent={**link.sent, **partial})
        tx.links.put(sync.name, link)
    return link


def _creation(world: World, tx: Transaction, sync: Sync, app: str, delivery: Delivery, entity: Entity) -> _Draft | None:
    wants = sync.filters.get(app)
    stays_out = wants is not None and not wants(entity.fields)
    if entity.deleted or stays_out or app not in sync.creates or not keys(sync, entity.fields):
        tx.deliveries.settle(delivery)
        return None
    if any(entity.id in (w.detail.get("entity"), *w.detail.get("entities", ())) for w in tx.parked.rivals(app)):
        tx.deliveries.settle(delivery)  # one of several records there may be this one: a person says which
        return None
    namesake = _namesake(tx, sync, entity)
    if namesake is not None:
        fuse(tx, sync, namesake, entity, "both have the same match key")
        tx.deliveries.settle(delivery)
        return None
    done = composed(entity, sync, app, {}, calls.reachable(tx, sync, app, first_fields(entity, sync, app)))
    for name, misfit in done.misfits.items():
        if not sync.rules[name].partial:
            _quarantine(tx, sync, app, entity, name, misfit.reason, delivery)
    lacking = [
        field.name
        for field in world.object(sync, app).fields.values()
        if field.required and done.patch.get(field.name) in (None, "")
    ]
    if lacking:
        reason = f"{app} makes no record without {', '.join(lacking)}"
        _quarantine(tx, sync, app, entity, "", reason, delivery)
        tx.deliveries.settle(delivery)
        return None
    write = Create(app, sync.apps[app], done.patch, world.new_key())
    intent = _intent(tx, sync, app, IntentKind.CREATE, write.key, entity, None, done.patch, {}, done.goal, delivery)
    return _Draft(delivery, write, intent)


def _namesake(tx: Transaction, sync: Sync, entity: Entity) -> Entity | None:
    """Another entity with the same first key: one was deleted while the other was founded, and has come back."""
    first = keys(sync, entity.fields)[:1]
    others = [id for ids in tx.entities.holders(sync.name, first).values() for id in ids if id != entity.id]
    return tx.entities.get(others[0]) if others else None


def _intent(
    tx: Transaction,
    sync: Sync,
    app: str,
    kind: IntentKind,
    key: str,
    entity: Entity,
    ref: Ref | None,
    patch: Raws,
    before: Raws,
    goal: Fields,
    delivery: Delivery,
) -> Intent:
    return Intent(
        key=key,
        sync=sync.name,
        app=app,
        object=sync.apps[app],
        entity=entity.id,
        kind=kind,
        ref=ref,
        patch=patch,
        before=before,
        goal=goal,
        at=tx.now,
        cause=delivery.cause,
    )


def _quarantine(
    tx: Transaction, sync: Sync, app: str, entity: Entity, field: str, reason: str, delivery: Delivery
) -> None:
    value = entity.value(field) if field else None
    detail = {"value": list(value) if isinstance(value, tuple) else value}
    parked = Parked(kind=ParkedKind.QUARANTINE, sync=sync.name, app=app, entity=entity.id, field=field, reason=reason)
    tx.parked.park(replace(parked, detail=detail, cause=delivery.cause))
