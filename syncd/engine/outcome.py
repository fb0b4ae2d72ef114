"""Storing what became of writes: from the app's own answer, all of a batch in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncd.core.compose import settled
from syncd.core.entity import Link, LinkState
from syncd.core.fieldmap import Sync, Way
from syncd.core.record import Exists, Outcome, Record, Ref, Refused, Stale, Stored, Unknown, Unsent, Version
from syncd.engine import calls
from syncd.engine.consent import all_keys
from syncd.engine.debts import note_debt
from syncd.engine.fuse import free_sharers, fuse, make_anew
from syncd.engine.gap import Look, watch
from syncd.engine.namesakes import moves_on, part, tells_apart
from syncd.engine.pointers import note_gone, note_referrers
from syncd.engine.promises import expected, one_each
from syncd.engine.strangers import ask_whose, is_strange
from syncd.engine.take import READ, succeeded, take
from syncd.engine.tombs import bury
from syncd.engine.world import Tally, World
from syncd.errors import ConnectorError
from syncd.store.codec import plain
from syncd.store.ports import Transaction
from syncd.store.values import Delivery, Entry, Event, Intent, IntentKind, IntentState, Parked, ParkedKind

__all__ = ["applied", "doubt_all", "removed", "store_outcomes"]


@dataclass(frozen=True, slots=True)
class _Taken:
    """A write that an app has taken, and what it shows of the record now."""

    intent: Intent
    fact: Record | None
    cause: int | None


def store_outcomes(
    world: World,
    sync: Sync,
    app: str,
    sent: Sequence[tuple[Intent, Delivery]],
    outcomes: Sequence[Outcome],
    look: Look,
) -> Tally:
    """Store the outcome of every write that was sent; a write without an outcome is in doubt.

    `look`: what was read before, for who may have written in between.
    """
    by_key = {outcome.key: outcome for outcome in outcomes}
    records = _read_back(world, app, sent, by_key)
    tally = Tally()
    with world.store.begin() as tx:
        expected(tx, app, [intent for intent, _ in sent])
        refs = [outcome.ref for outcome in outcomes if isinstance(outcome, Stored)]
        tx.links.load(sync.name, refs)
        waits = [_waited(tx, delivery) for intent, delivery in sent if isinstance(by_key.get(intent.key), Stored)]
        touched = [intent.entity for intent, _ in sent]
        tx.entities.load(touched)
        tx.links.load_of(touched)
        tx.parked.of(touched)
        taken: list[_Taken] = []
        for intent, delivery in sent:
            outcome = by_key.get(intent.key, Unknown(intent.key, "the connector gave no outcome"))
            tally += _store(world, tx, sync, intent, delivery, outcome, records, taken)
        take(world, tx, sync, [one.fact for one in taken if one.fact is not None], READ)
        for one in taken:
            note_debt(tx, sync, tx.entities.get(one.intent.entity), app, one.cause)
            if one.intent.kind is IntentKind.CREATE:
                note_referrers(tx, world.syncs, sync.name, one.intent.entity)
    for seconds in waits:
        world.counts.mirrored(app, seconds)
    stored = [intent for intent, _ in sent if isinstance(by_key.get(intent.key), Stored)]
    shown = [outcome.record for outcome in outcomes if isinstance(outcome, Stored) and outcome.record is not None]
    watch(world, sync, app, look, stored, records | {record.ref: record for record in shown})
    return tally


def _waited(tx: Transaction, delivery: Delivery) -> float:
    """Seconds since what is delivered was taken in. A delivery that was put off is due later than it was owed."""
    entry = tx.log.get(delivery.cause) if delivery.attempts and delivery.cause is not None else None
    return max(0.0, tx.now - (delivery.due if entry is None else entry.at))


def doubt_all(world: World, sync: Sync, intents: Sequence[Intent], reason: str) -> None:
    """None of these writes has a known outcome."""
    with world.store.begin() as tx:
        for intent in intents:
            _doubt(world, tx, sync, intent, reason)


def applied(tx: Transaction, sync: Sync, intent: Intent, ref: Ref, record: Record | None, cause: int | None) -> Link:
    """The write stands in the app: settle its values, and take in whatever else the app showed."""
    entity = tx.entities.get(intent.entity)
    link = tx.links.get(sync.name, ref)
    if link is not None and intent.kind is IntentKind.CREATE and link.state is LinkState.GONE:
        bury(tx, sync.name, link)  # the app has given a new record the id of one that is gone
        link = None
    link = link or Link(entity.id, ref)
    shown = record.fields if record else {}
    kept = {name: shown.get(name, raw) for name, raw in intent.patch.items()}
    state = LinkState.OUT_OF_SCOPE if link.state is LinkState.OUT_OF_SCOPE else LinkState.LIVE
    link = replace(link, seen={**link.seen, **kept}, state=state, missed_at=None)
    sent, coerced = settled(entity, link, sync, intent.goal)
    link = replace(link, sent=sent)
    if record is not None:
        link = replace(link, created=record.created or link.created)
        if all(shown.get(name) == link.seen.get(name) for name in sync.window(ref.app) if name in shown):
            link = replace(link, version=record.version)
    one_each(tx, entity.id, ref)
    tx.links.put(sync.name, link)
    fields: dict[str, dict[str, Any]] = {name: {"new": plain(value)} for name, value in intent.goal.items()}
    for name, raw in coerced.items():
        fields[name]["kept"] = plain(raw)
    event = Event.COERCED if coerced else Event.SENT
    tx.log.append(
        Entry(
            event=event,
            sync=sync.name,
            entity=entity.id,
            ref=ref,
            fields=fields,
            cause=cause,
            note=intent.kind.value,
            mapping=sync.digest,
        )
    )
    return link


def removed(world: World, tx: Transaction, sync: Sync, intent: Intent, ref: Ref, note: str = "") -> None:
    """Our own delete stands in the app: remembered, so that the record's absence is never taken for a person's deed.

    Whoever was brought back while it was on its way is made there anew.
    """
    entity = tx.entities.get(intent.entity)
    known = tx.links.get(sync.name, ref)
    link = known if known is not None and known.entity == entity.id else None  # else the id is somebody else's by now
    if link is not None:
        note_gone(tx, world.syncs, sync.name, ref)
    fields = {name: {"old": raw, "new": None} for name, raw in intent.before.items()}
    tx.log.append(
        Entry(
            event=Event.REMOVED,
            sync=sync.name,
            entity=intent.entity,
            ref=ref,
            fields=fields,
            cause=intent.cause,
            note=note,
        )
    )
    if link is not None:
        tx.links.put(sync.name, replace(link, state=LinkState.GONE))
    if not entity.deleted:
        make_anew(tx, sync, entity, ref.app, intent.cause)
    free_sharers(tx, sync, entity.id, ref.app, intent.cause)


def _read_back(
    world: World,
    app: str,
    sent: Sequence[tuple[Intent, Delivery]],
    outcomes: dict[str, Outcome],
) -> dict[Ref, Record]:
    """For an app that does not return what it stored: read it, still in our turn.

    If that fails, nothing is lost: the records are read when the app answers again.
    """
    mute = [
        outcome.ref
        for intent, _ in sent
        if isinstance(outcome := outcomes.get(intent.key), Stored)
        and outcome.record is None
        and intent.kind is not IntentKind.DELETE
    ]
    if not mute:
        return {}
    try:
        found = calls.read(world, app, mute)
    except ConnectorError as failed:
        world.log.warning("not read back", app=app, records=len(mute), reason=failed.message)
        return {}
    return {ref: fact for ref, fact in found.items() if isinstance(fact, Record)}


def _store(
    world: World,
    tx: Transaction,
    sync: Sync,
    intent: Intent,
    delivery: Delivery,
    outcome: Outcome,
    records: dict[Ref, Record],
    taken: list[_Taken],
) -> Tally:
    if tx.entities.get(intent.entity).deleted:  # it may have been fused with another while the app was writing
        intent = next((known for known in tx.intents.open(intent.app) if known.key == intent.key), intent)
    tx.intents.drop([intent.key])
    match outcome:
        case Stored(_, ref, record) if intent.kind is IntentKind.DELETE:
            tx.deliveries.settle(delivery)
            removed(world, tx, sync, intent, ref)
            return Tally(deleted=1)
        case Stored(_, ref, record):
            created = intent.kind is IntentKind.CREATE
            fact = record or records.get(ref)
            known = tx.links.get(sync.name, ref)
            if created and fact is not None and known is not None:
                succeeded(world, tx, sync, known, fact)
            if created and fact is None and _elses(tx, sync, intent, ref):
                tx.hints.add([ref], tx.now)  # of an older record, or the same: only a read tells
                _doubt(world, tx, sync, intent, "the record has an id that is known, and could not be read")
                return Tally(doubted=1)
            if created and _collides(world, tx, sync, intent, ref):
                return Tally(parked=1)
            applied(tx, sync, intent, ref, record or _only_written(sync, intent, fact), delivery.cause)
            _accepted(tx, intent)
            tx.deliveries.settle(delivery)
            if not created and tells_apart(sync, intent.goal):
                part(tx, sync, intent.entity, f"{intent.app} has been told of the other's new key")
            if fact is None:
                tx.hints.add([ref], tx.now)
            taken.append(_Taken(intent, fact, delivery.cause))
            return Tally(created=1) if created else Tally(updated=1)
        case Refused(_, reason, field, code):
            _refused(tx, sync, intent, delivery, reason, field, code)
            return Tally(refused=1)
        case Exists(_, ref):
            return _exists(world, tx, sync, intent, delivery, ref)
        case Stale():
            if intent.ref is not None:
                tx.hints.add([intent.ref], tx.now)
            _later(world, tx, sync, intent, delivery, 0.0, "the record moved on again and again")
        case Unsent(_, _, wait):
            tx.deliveries.postpone(delivery, tx.now + (wait or 5.0))
        case Unknown(_, reason):
            _doubt(world, tx, sync, intent, reason)
            return Tally(doubted=1)
    return Tally()


def _only_written(sync: Sync, intent: Intent, fact: Record | None) -> Record | None:
    """Of a record that was read back: the fields that are only ever written.

    Whatever the app shows there is what it made of our value: taken for an edit it would be written over, for ever.
    """
    if fact is None:
        return None
    rules = [rule for rule in sync.mapped(intent.app) if rule.ways[intent.app] is Way.WRITE]
    names = {name for rule in rules for name in rule.lenses[intent.app].window}
    fields = {name: raw for name, raw in fact.fields.items() if name in names}
    return replace(fact, fields=fields, version=Version()) if fields else None


def _doubt(world: World, tx: Transaction, sync: Sync, intent: Intent, reason: str) -> None:
    """Nothing is written to the record, nor merged from it, until a read has settled this."""
    tx.intents.put([replace(intent, state=IntentState.UNKNOWN, at=tx.now)])
    tx.log.append(
        Entry(
            event=Event.DOUBTED,
            sync=sync.name,
            entity=intent.entity,
            ref=intent.ref,
            app=intent.app,
            cause=intent.cause,
            note=f"{intent.kind.value}: {reason}",
        )
    )
    debt = tx.deliveries.get(sync.name, intent.app, intent.entity)
    if debt is not None:
        tx.deliveries.postpone(debt, tx.now + world.late(sync, intent.app))


def _elses(tx: Transaction, sync: Sync, intent: Intent, ref: Ref) -> Link | None:
    """The link by which another live entity has the record."""
    other = tx.links.get(sync.name, ref)
    return None if other is None or other.state is LinkState.GONE or other.entity == intent.entity else other


def _collides(world: World, tx: Transaction, sync: Sync, intent: Intent, ref: Ref) -> bool:
    """The "new" record is one that another live entity has: the two are one, or a person says."""
    other = _elses(tx, sync, intent, ref)
    if other is None:
        return False
    mine, theirs = tx.entities.get(intent.entity), tx.entities.get(other.entity)
    debt = tx.deliveries.get(sync.name, intent.app, intent.entity)
    if debt is not None:
        tx.deliveries.settle(debt)
    tx.hints.add([ref], tx.now)
    if not fuse(world, tx, sync, theirs, mine, f"{intent.app} keeps one record for both"):
        reason = f"{intent.app} already keeps record {ref.id} of another entity for this one"
        parked = Parked(kind=ParkedKind.DUPLICATE, sync=sync.name, app=intent.app, entity=mine.id, reason=reason)
        tx.parked.park(replace(parked, detail={"entity": mine.id, "entities": [mine.id, theirs.id]}))
    return True


def _exists(world: World, tx: Transaction, sync: Sync, intent: Intent, delivery: Delivery, ref: Ref | None) -> Tally:
    """The app has such a record already: tie it, rather than make another."""
    known = tx.links.get(sync.name, ref) if ref is not None else None
    if known is not None and moves_on(tx, sync, known, tx.entities.get(intent.entity)):
        tx.deliveries.postpone(delivery, tx.now + world.late(sync, intent.app) / 4)
        return Tally()
    if ref is not None and _collides(world, tx, sync, intent, ref):
        return Tally(parked=1)
    entity = tx.entities.get(intent.entity)
    if ref is not None and is_strange(tx, sync, ref, entity.id):
        tx.deliveries.settle(delivery)
        ask_whose(tx, sync, ref, entity.id, "key")
        return Tally(parked=1)
    if ref is not None and tx.links.get(sync.name, ref) is None:
        tx.links.put(sync.name, Link(entity.id, ref))
        note = "the app said that it has such a record"
        tx.log.append(Entry(event=Event.LINKED, sync=sync.name, entity=entity.id, ref=ref, note=note))
        tx.entities.put(entity, all_keys(sync, entity.fields))
    if ref is not None:
        tx.hints.add([ref], tx.now)
    _later(world, tx, sync, intent, delivery, 1.0, f"{intent.app} says it has the record but does not show it")
    return Tally()


def _accepted(tx: Transaction, intent: Intent) -> None:
    """What the app refused before, it has taken now."""
    work = tx.parked.of([intent.entity]).get(intent.entity, [])
    refused = [item for item in work if item.kind is ParkedKind.QUARANTINE and item.app == intent.app and not item.ref]
    tx.parked.withdraw([item for item in refused if not item.field or item.field in intent.goal], "the app took it")


def _later(
    world: World, tx: Transaction, sync: Sync, intent: Intent, delivery: Delivery, wait: float, why: str
) -> None:
    if delivery.attempts >= world.safety.attempts:
        parked = Parked(kind=ParkedKind.QUARANTINE, sync=sync.name, app=intent.app, entity=intent.entity, reason=why)
        tx.parked.park(parked)
        tx.deliveries.settle(delivery)
        return
    tx.deliveries.postpone(delivery, tx.now + wait * 2**delivery.attempts)


def _refused(
    tx: Transaction, sync: Sync, intent: Intent, delivery: Delivery, reason: str, field: str | None, code: str
) -> None:
    """Park what the app refuses: the one field it names, or the whole record."""
    entity = tx.entities.get(intent.entity)
    names = _canonical(sync, intent, field)
    seq = tx.log.append(
        Entry(
            event=Event.REFUSED,
            sync=sync.name,
            entity=entity.id,
            ref=intent.ref,
            app=intent.app,
            fields={name: {"new": plain(value)} for name, value in intent.goal.items()},
            cause=delivery.cause,
            note=reason,
        )
    )
    for name in names or [""]:
        value = plain(entity.value(name)) if name else None
        detail = {"value": value, "code": code, "goal": {n: plain(v) for n, v in intent.goal.items()}}
        parked = Parked(kind=ParkedKind.QUARANTINE, sync=sync.name, app=intent.app, entity=entity.id, field=name)
        tx.parked.park(replace(parked, reason=reason, detail=detail, cause=seq))
    tx.deliveries.settle(delivery)
    if names and intent.kind is IntentKind.UPDATE:
        note_debt(tx, sync, entity, intent.app, seq)  # the other fields still go


def _canonical(sync: Sync, intent: Intent, field: str | None) -> list[str]:
    """The canonical fields of this write that live in the app's field `field`."""
    if field is None:
        return []
    return [name for name in intent.goal if field in sync.rules[name].lenses[intent.app].window]
