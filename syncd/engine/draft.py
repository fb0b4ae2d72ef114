"""What one delivery comes to, from state as it is now: a write and its intent, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from syncd.core.compose import Composed, composed, first_fields
from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import FieldRule, Sync, Way, told
from syncd.core.match import keys
from syncd.core.record import Create, Delete, Fields, Raws, Record, Ref, Update, Write
from syncd.engine import calls
from syncd.engine.consent import heed
from syncd.engine.debts import claims, frozen, lacks, note_debts, note_freed, waits
from syncd.engine.deletes import gone_everywhere
from syncd.engine.fuse import fuse
from syncd.engine.namesakes import ask_about_key, being_made, moves_on
from syncd.engine.revive import is_to_go
from syncd.engine.setback import ask_again
from syncd.engine.sight import Sight, asked_about
from syncd.engine.strangers import is_strange
from syncd.engine.take import bind, in_force
from syncd.engine.world import World
from syncd.errors import ConnectorError, Throttled
from syncd.store.ports import Transaction
from syncd.store.values import Delivery, Intent, IntentKind, Parked, ParkedKind

__all__ = ["Draft", "backoff", "drafted"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A write composed and about to be made durable."""

    delivery: Delivery
    write: Write
    intent: Intent
    entity: Entity
    """As it was when this was composed."""


def drafted(world: World, tx: Transaction, sync: Sync, app: str, delivery: Delivery, sight: Sight) -> Draft | None:
    """Decide, from state as it is now, what one delivery comes to. None if it comes to nothing, for now or at all."""
    entity = heed(tx, sync, tx.entities.get(delivery.entity))
    link = tx.links.at(entity.id, app)
    if entity.id in tx.intents.of_entities([entity.id], app) or (link and _in_doubt(world, tx, link.ref)):
        tx.deliveries.postpone(delivery, tx.now + world.late(sync, app) / 4)
        return None
    work = tx.parked.of([entity.id]).get(entity.id, [])
    held = waits(work) and (link is None or entity.deleted)
    if held or (link is not None and link.state is LinkState.MISSING):
        tx.deliveries.settle(delivery)
        return None
    if link is None:
        if not entity.deleted and sight.keys.get(entity.id) != keys(sync, entity.fields):
            tx.deliveries.postpone(delivery, tx.now)  # it has got another key since: by that nobody has looked
            return None
        if gone_everywhere(tx, sync, entity):  # and what had been on its way then never came
            tx.deliveries.settle(delivery)
            return None
        if _others_record(world, tx, sync, delivery, entity, sight):
            return None
        if _still_taken(tx, sync, app, entity):
            tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))
            return None
        return _creation(world, tx, sync, app, delivery, entity)
    fact = sight.records.get(link.ref)
    if fact is None:
        tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))  # it was not there to be read just now
        return None
    if not link.seen and link.state is not LinkState.OUT_OF_SCOPE:  # just tied, when two were fused: not taken in yet
        tx.deliveries.postpone(delivery, tx.now)
        return None
    if entity.deleted and link.state is not LinkState.OUT_OF_SCOPE:
        if ask_again(tx, sync, entity, delivery):
            tx.deliveries.settle(delivery)
            return None
        if _hides(world, sync, link, fact, delivery):
            tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))  # what is not shown could not be logged
            return None
        write = Delete(link.ref, world.new_key(), fact.version)
        before = {**link.seen, **fact.fields}  # all that is shown, mapped or not: the record is about to be no more
        intent = _intent(tx, sync, app, IntentKind.DELETE, write.key, entity, link.ref, {}, before, {}, delivery)
        return Draft(delivery, write, intent, entity)
    return _change(world, tx, sync, app, delivery, entity, link, fact, sight.late.get(entity.id, ()))


def _hides(world: World, sync: Sync, link: Link, fact: Record, delivery: Delivery) -> bool:
    """A field is not shown that was shown before, or that the app was to show, and may yet."""
    app = link.ref.app
    readable = {name for rule in sync.mapped(app) if _readable(rule, app) for name in rule.lenses[app].window}
    patient = delivery.attempts < world.safety.attempts
    missing = [name for name in sync.window(app) if name not in fact.fields]
    return any(name in link.seen or (patient and name in readable) for name in missing)


def _in_doubt(world: World, tx: Transaction, ref: Ref) -> bool:
    """Another sync has written to the record, and nothing was merged from it since."""
    other = tx.intents.of_refs(ref.app, [ref]).get(ref)
    return other is not None and in_force(world, other)


def _change(
    world: World,
    tx: Transaction,
    sync: Sync,
    app: str,
    delivery: Delivery,
    entity: Entity,
    link: Link,
    fact: Record,
    late: Sequence[Ref],
) -> Draft | None:
    work = tx.parked.of([entity.id]).get(entity.id, [])
    parked = frozen(sync, work, entity, app)
    wanted = claims(tx, sync, entity, link, parked)
    showing = [known for ref in late if (known := tx.links.get(sync.name, ref))]
    taken = ask_about_key(tx, sync, app, entity, wanted, showing, delivery.cause)
    waiting = being_made(tx, sync, app, entity, wanted)
    if taken or waiting:  # what is said of an address is not said either
        wanted = claims(tx, sync, entity, link, parked | taken | waiting)
    open_now = {name: value for name, value in wanted.items() if not _unseen(sync.rules[name], link, fact)}
    done = composed(entity, sync, app, fact.fields, open_now, parked)
    link = _without_misfits(tx, sync, link, entity, done, wanted, delivery)
    if not done.patch:
        if done.goal:
            shown = {name for field in done.goal for name in sync.rules[field].lenses[app].window}
            seen = {**link.seen, **{name: fact.fields[name] for name in shown if name in fact.fields}}
            tx.links.put(sync.name, replace(link, seen=seen, sent={**link.sent, **done.goal}))
        if waiting or len(open_now) < len(wanted):
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
    return Draft(delivery, write, intent, entity)


def _readable(rule: FieldRule, app: str) -> bool:
    """Is the app to show the field at all?"""
    return rule.ways[app] is Way.BOTH and not rule.refers


def _unseen(rule: FieldRule, link: Link, fact: Record) -> bool:
    """The app does not show the field, and may never have: what stands there would be written over.

    A field that is only written may never be shown at all; a reference is not shown while nobody knows whom it is to.
    """
    readable = _readable(rule, link.ref.app)
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


def _others_record(world: World, tx: Transaction, sync: Sync, delivery: Delivery, entity: Entity, sight: Sight) -> bool:
    """A record with this entity's key is there: it is theirs, or another's, and then the two are one, or a person says.

    Either way nothing is made; whatever is owed then is owed anew.
    """
    app = delivery.app
    shown = [ref for ref in sight.found.get(entity.id, ()) if ref in sight.records]
    found = [tx.links.get(sync.name, ref) for ref in shown]
    for ref, link in zip(shown, found, strict=True):
        if link is None and is_strange(tx, sync, ref, entity.id):
            continue  # the app says so itself, where it makes no other beside it
        asked = [work for work in tx.parked.rivals(app) if work.ref == ref]
        if link is None and not any(_may_be(tx, sync, work, sight.records[ref]) for work in asked):
            # Its own values keep it outside the filter: it is theirs all the same, and no other is made beside it.
            tx.parked.withdraw(asked, "it shows the key of another by now")
            tx.deliveries.settle(delivery)
            bind(world, tx, sync, entity, sight.records[ref], "found by its key")
            note_freed(tx, sync, asked, delivery.cause)
            return True
    late = (tx.links.get(sync.name, ref) for ref in sight.late.get(entity.id, ()))
    for link in [*found, *late, *_keeping(tx, sync, app, entity)]:
        if link is None or link.state is LinkState.GONE or link.entity == entity.id:
            continue
        going = moves_on(tx, sync, link, entity) or is_to_go(tx, tx.entities.get(link.entity))
        if going or _is_being_deleted(tx, link.ref):
            tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))
        else:
            tx.deliveries.settle(delivery)
            note = f"{link.ref.app} keeps one record for both"
            fuse(world, tx, sync, tx.entities.get(link.entity), entity, note)
        return True
    return False


def _may_be(tx: Transaction, sync: Sync, asked: Parked, fact: Record) -> bool:
    """Whether the record still shows a key of any of those of whom it was asked whether it is theirs."""
    shown = set(keys(sync, told(sync, fact)))
    return any(shown & set(keys(sync, tx.entities.get(id).fields)) for id in asked.concerned)


def _is_being_deleted(tx: Transaction, ref: Ref) -> bool:
    """Whether a delete of the record is on its way, or may have been applied."""
    under_way = tx.intents.of_refs(ref.app, [ref]).get(ref)
    return under_way is not None and under_way.kind is IntentKind.DELETE


def _still_taken(tx: Transaction, sync: Sync, app: str, entity: Entity) -> bool:
    """Somebody with the same first key was deleted, and their record there is about to go, or to be found alive.

    A search that is late does not show it, and a write to it may be in doubt: until that is settled nobody is made.
    """
    first = keys(sync, entity.fields)[:1]
    deleted = chain.from_iterable(tx.entities.deleted_holders(sync.name, first).values())
    return any(
        tx.deliveries.get(sync.name, app, link.entity) is not None or tx.intents.of_refs(app, [link.ref])
        for other in deleted
        if (link := tx.links.at(other, app)) is not None
    )


def _keeping(tx: Transaction, sync: Sync, app: str, entity: Entity) -> Iterator[Link | None]:
    """Records that keep this entity's key while that is a question, which may have been asked just now.

    Those of other apps count where it is to be made as well: whether it is theirs comes first, whichever app is
    written to first.
    """
    work = tx.parked.of([entity.id]).get(entity.id, [])
    for other in sync.apps:
        if other == app or lacks(tx, sync, entity, other, work):
            yield from (tx.links.get(sync.name, ref) for ref in asked_about(tx, sync, other, entity))


def _creation(world: World, tx: Transaction, sync: Sync, app: str, delivery: Delivery, entity: Entity) -> Draft | None:
    wants = sync.filters.get(app)
    stays_out = wants is not None and not wants(entity.fields)
    if entity.deleted or stays_out or app not in sync.creates or not keys(sync, entity.fields):
        tx.deliveries.settle(delivery)
        return None
    if any(entity.id in work.concerned for work in tx.parked.rivals(app)):
        tx.deliveries.settle(delivery)  # one of several records there may be this one: a person says which
        return None
    namesake = _namesake(tx, sync, entity)
    if namesake is not None:
        fuse(world, tx, sync, namesake, entity, "both have the same match key")
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
    return Draft(delivery, write, intent, entity)


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


def backoff(world: World, delivery: Delivery, failed: ConnectorError | None = None) -> float:
    """Seconds until the next try: as the app says, else doubling from five seconds to ten minutes, with jitter."""
    if isinstance(failed, Throttled) and failed.retry_after:
        return failed.retry_after * (1 + world.chance.random() * 0.1)
    doubled: float = min(600.0, 5.0 * 2.0 ** min(delivery.attempts, 8))
    return doubled * (0.75 + world.chance.random() / 2)
