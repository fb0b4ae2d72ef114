"""Forgetting a person: their records are deleted in every app, and then what the store held of them is erased.

It goes in two steps, for only the first needs the apps. The order is durable, and from then on nothing that an app
shows brings them back. Once no record of theirs is left that could be deleted, everything is erased in one transaction:
the agreed values, the links, what was asked, their keys, and their values in the change log, whose chain still fits.
What stays is a salted hash of each key, by which they are known if they show up again, one of each record that syncd
has deleted, and the certificate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from syncd.core import guard
from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Sync
from syncd.core.match import Key
from syncd.core.record import EntityId
from syncd.engine.consent import all_keys, consent_keys, own_keys
from syncd.engine.debts import note_debts, unreckoned
from syncd.engine.forgotten import bury_records
from syncd.engine.fuse import make_anew, sharers
from syncd.engine.namesakes import part
from syncd.engine.person import person
from syncd.engine.revive import is_to_go
from syncd.engine.world import World
from syncd.errors import Halted
from syncd.store.forgetting import AGAIN, Forgetting
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, ParkedKind

__all__ = ["Foreseen", "Reached", "finish", "foresee", "forget", "lift", "waits_for"]

_ALL: Final = 1_000_000
_NOT_REACHED: Final = (
    "backups of syncd's store made before this moment, which must be deleted or left to expire",
    "what files that syncd was told to write say of them: plans, undos and exports",
    "room in the file of an SQLite store that had become free before and was not used since: VACUUM clears it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A record that is to be deleted. `how`: `deleted`, or why syncd cannot do it and a person must."""

    app: str
    record: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What forgetting somebody would come to."""

    entities: tuple[EntityId, ...]
    records: tuple[Reached, ...]
    values: int
    """Agreed values that would be erased."""
    entries: int
    """Entries of the change log whose values would be erased."""
    questions: int
    keys: int
    """Keys of which a salted hash would be kept."""
    opted_out: int
    """Opt-outs that would be kept by the hash of their address."""
    beyond: str = ""
    """Why a person must say that so many are meant: with this one, more are deleted within the hour than the cap."""


def foresee(world: World, tx: Transaction, id: EntityId) -> Foreseen:
    """What it would come to. Nothing is changed."""
    ids = person(world.syncs, tx, id)
    entities = [tx.entities.get(one) for one in ids]
    links = [link for one in ids for link in tx.links.of(one)]
    there = [link for link in links if link.state is not LinkState.GONE]
    return Foreseen(
        entities=ids,
        records=_reached(world, tx, there),
        values=sum(len(entity.held) for entity in entities),
        entries=sum(len(tx.log.find(entity=one, limit=_ALL)) for one in ids),
        questions=len(tx.parked.ever(ids, [link.ref for link in links])),
        keys=len(_keys(world, entities)),
        opted_out=sum(len(tx.optouts.of(*_one(key))) for key in _addresses(world, tx, entities)),
        beyond=_beyond(world, tx, there),
    )


def forget(world: World, id: EntityId, *, by: str, reason: str = "") -> int:
    """Order it. The number of the order. Raises Halted where it was ordered before."""
    with world.store.begin() as tx:
        ids = person(world.syncs, tx, id)
        if any(one in tx.forgotten.open() for one in ids):
            raise Halted("this person is being forgotten already", hint="see: syncd forget")
        return _order(world, tx, ids, by=by, reason=reason)


def _order(world: World, tx: Transaction, ids: Sequence[EntityId], *, by: str, reason: str) -> int:
    entities = [tx.entities.get(one) for one in ids]
    entry = Entry(event=Event.FORGETTING, sync=entities[0].sync, entity=ids[0], by=by, note=reason)
    first = tx.log.append(entry)
    causes = [first, *(tx.log.append(replace(entry, sync=e.sync, entity=e.id, cause=first)) for e in entities[1:])]
    order = tx.forgotten.ask(Forgetting(entities=tuple(ids), by=by, reason=reason, cause=first))
    tx.forgotten.remember(_keys(world, entities), order)
    for entity, cause in zip(entities, causes, strict=True):
        sync = world.syncs.get(entity.sync)
        if sync is not None:
            unreckoned(tx, sync)
            _leave(tx, sync, entity.id, cause)
        tx.parked.withdraw(tx.parked.of([entity.id]).get(entity.id, []), "forgotten")
        _look_again(tx, entity, ids)
        gone = replace(entity, deleted=True)
        tx.entities.put(gone, all_keys(sync, entity.fields) if sync else ())
        if sync is None:
            continue
        for link in tx.links.of(entity.id):
            if link.state is LinkState.OUT_OF_SCOPE:  # let go of by its sync, not by the person
                tx.links.put(sync.name, replace(link, state=LinkState.LIVE))
        part(tx, sync, entity.id, "forgotten")
        note_debts(tx, sync, gone, cause)
    return order


def _leave(tx: Transaction, sync: Sync, id: EntityId, cause: int) -> None:
    """Whoever may be one with them stays apart, and is made anew where an app has merged their record into theirs."""
    works = {work.id: work for app in sync.apps for work in tx.parked.rivals(app) if "why" in work.detail}
    about = [work for work in works.values() if id in work.concerned and work.sync == sync.name]
    sharing = [(other, app) for app in sync.apps for other in sharers(tx, id, app) if not is_to_go(tx, other)]
    tx.parked.withdraw(about, "forgotten")
    for other, app in sharing:
        make_anew(tx, sync, other, app, cause)
    for one in {one: 0 for work in about for one in work.concerned if one != id}:
        if not is_to_go(tx, tx.entities.get(one)):
            note_debts(tx, sync, tx.entities.get(one), cause)


def _look_again(tx: Transaction, entity: Entity, ids: Sequence[EntityId]) -> None:
    """Records of which it was asked whether they are theirs: from now on they are as any that shows a key of theirs."""
    works = tx.parked.open((ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE), sync=entity.sync, limit=_ALL)
    about = [work for work in works if entity.id in work.concerned and {*work.concerned} <= {*ids}]
    tx.parked.withdraw(about, "forgotten")
    tx.hints.add([work.ref for work in about if work.ref is not None], tx.now)


def lift(world: World, id: int, *, by: str) -> None:
    """Whoever was forgotten by this order may come back, as somebody new. Raises Halted where that cannot be."""
    with world.store.begin() as tx:
        order = tx.forgotten.get(id)
        if order is None or order.done is None or order.lifted is not None:
            raise Halted(f"{id} is no forgotten person, or lifted already", hint="see: syncd forget")
        tx.forgotten.lift(id)
        tx.forgotten.put(replace(order, lifted=tx.now))
        note = f"whoever was forgotten by order {id} may come back"
        tx.log.append(Entry(event=Event.DECIDED, entity=order.entities[0], by=by, note=note))
        for work in tx.parked.open(limit=_ALL):
            if id in work.detail.get("forgotten", ()) and work.ref is not None:
                tx.parked.close(work.id, "lifted", by)
                tx.hints.add([work.ref], tx.now)


def finish(world: World) -> int:
    """Erase whoever has no record left that could be deleted. How many people that were."""
    with world.store.read() as tx:
        again = bool(tx.meta.get(AGAIN))
    if again:
        with world.store.begin() as tx:
            _again(world, tx)
    with world.store.read() as tx:
        orders = {order.id: order for order in tx.forgotten.open().values()}
        ripe = [id for id, order in orders.items() if not _left(world, tx, order)]
    done = 0
    for id in ripe:
        with world.store.erasing() as tx:
            order = tx.forgotten.get(id)
            if order is not None and order.done is None and not _left(world, tx, order):
                _erase(world, tx, order)
                done += 1
    return done


def waits_for(world: World, tx: Transaction, order: Forgetting) -> tuple[Reached, ...]:
    """The records that are still there, and what is to become of each."""
    return _reached(world, tx, [link for id in order.entities for link in _there(world, tx, id)])


def _again(world: World, tx: Transaction) -> None:
    """A backup has brought back people who had been forgotten: their orders are given anew.

    So are those that were not done yet: of what was deleted by them the backup knows nothing, nor of that it was asked.
    """
    tx.meta.put(AGAIN, "")
    orders = {one.id: one for one in tx.forgotten.all() if one.lifted is None}
    named = {id: one.id for one in orders.values() for id in one.entities}
    for order in orders.values():
        if order.done is None:
            tx.forgotten.put(replace(order, done=tx.now))
    for sync in world.syncs.values():
        for entity in tx.entities.all(sync.name):
            by_key = tx.forgotten.known(own_keys(sync, entity.fields)).values()
            first = min([*by_key, *([named[entity.id]] if entity.id in named else [])], default=0)
            if first in orders and entity.held and entity.id not in tx.forgotten.open():
                reason = f"forgotten before, by order {first}; a backup had brought them back"
                _order(world, tx, person(world.syncs, tx, entity.id), by=orders[first].by, reason=reason)


def _left(world: World, tx: Transaction, order: Forgetting) -> bool:
    """Whether a record of theirs may still be deleted, or a write to one is on its way."""
    doubtful = {intent.entity for intent in tx.intents.open()}
    return any(id in doubtful or _there(world, tx, id) for id in order.entities)


def _there(world: World, tx: Transaction, id: EntityId) -> list[Link]:
    """The records that are not gone, in apps that the sync of the entity still has."""
    try:
        sync = world.syncs.get(tx.entities.get(id).sync)
    except KeyError:
        return []  # a backup was restored that is of before they came
    return [x for x in tx.links.of(id) if sync and x.state is not LinkState.GONE and x.ref.app in sync.apps]


def _reached(world: World, tx: Transaction, links: Iterable[Link]) -> tuple[Reached, ...]:
    return tuple(Reached(app=x.ref.app, record=str(x.ref), how=_way(world, tx, x)) for x in links)


def _beyond(world: World, tx: Transaction, links: Iterable[Link]) -> str:
    """S6: once an order stands no cap holds it, for somebody has seen whom it is about; so it is asked before."""
    fresh = [(tx.entities.get(x.entity).sync, x.ref.app) for x in links if not tx.entities.get(x.entity).deleted]
    for (sync, app), own in Counter(fresh).items():
        if sync not in world.syncs or app not in world.syncs[sync].apps:
            continue
        removed = tx.log.count(app=app, sync=sync, event=Event.REMOVED, since=tx.now - 3600)
        deleted = removed + tx.deliveries.removals(app, sync) + own
        trip = guard.deleting(tx.links.linked(sync, app), deleted, world.limits(world.syncs[sync], app))
        if trip is not None:
            return f"{app}: {trip.reason}"
    return ""


def _way(world: World, tx: Transaction, link: Link) -> str:
    sync = world.syncs.get(tx.entities.get(link.entity).sync)
    if sync is None or link.ref.app not in sync.apps:
        return "the configuration has it no more: delete it there yourself"
    if world.apps[link.ref.app].read_only:
        return "syncd may not write there: delete it there yourself"
    able = world.apps[link.ref.app].objects.get(link.ref.object)
    if able is not None and not able.capabilities.removes:
        return "the app lets nobody delete by its interface: delete it there yourself"
    return "deleted"


# --- erasing -------------------------------------------------------------------------------------------------------


def _erase(world: World, tx: Transaction, order: Forgetting) -> None:
    ids = order.entities
    entities = [tx.entities.get(id) for id in ids]
    links = [link for id in ids for link in tx.links.of(id)]
    addresses = _addresses(world, tx, entities)
    kept = [key for key in addresses if tx.optouts.of(*_one(key))]
    for channel, address in addresses:
        tx.optouts.conceal(channel, address)
    entries = [entry for id in ids for entry in tx.log.find(entity=id, limit=_ALL)]
    told = [entry for link in links for entry in tx.log.find(ref=link.ref, limit=_ALL) if entry.entity is None]
    apps = [_confirmed(world, entity, link, entries) for entity in entities for link in tx.links.of(entity.id)]
    questions = tx.parked.ever(ids, [link.ref for link in links])
    seqs = [entry.seq for entry in [*entries, *told] if entry.event is not Event.FORGETTING]
    voucher = Entry(event=Event.FORGOTTEN, sync=entities[0].sync, entity=ids[0], cause=order.cause, by=order.by)
    seq = tx.log.erase(seqs, ("fields", "note", "record"), voucher)
    tx.parked.erase(questions)
    removed = {e.ref: 0 for e in entries if e.event is Event.REMOVED and e.ref is not None}
    bury_records(tx, removed)
    for entity in entities:
        for link in tx.links.of(entity.id):
            tx.links.drop(entity.sync, link.ref)
            tx.hints.drop([link.ref], tx.now)
        for app in world.syncs[entity.sync].apps if entity.sync in world.syncs else ():
            debt = tx.deliveries.get(entity.sync, app, entity.id)
            if debt is not None:
                tx.deliveries.settle(debt)
        tx.entities.put(replace(entity, held={}, deleted=True), ())
    certificate: dict[str, Any] = {
        "order": order.id,
        "asked": _time(order.asked),
        "by": order.by,
        "reason": order.reason,
        "done": _time(tx.now),
        "entry": seq,
        "entities": list(ids),
        "records": apps,
        "erased": {
            "values": sum(len(entity.held) for entity in entities),
            "entries": len(seqs),
            "questions": len(questions),
        },
        "kept": [
            f"a salted hash of {len(_keys(world, entities))} keys, by which a record that shows up again is held back",
            f"a salted hash of {len(removed)} record ids, by which what is told late of a deleted record is known",
            f"{len(kept)} opt-outs, each by a salted hash of its address, so that they hold",
            "of each entry of the change log its time, kind and app, without values",
        ],
        "not_reached": list(_NOT_REACHED),
    }
    tx.forgotten.put(replace(order, done=tx.now, certificate=certificate))


def _confirmed(world: World, entity: Entity, link: Link, entries: Iterable[Entry]) -> Mapping[str, Any]:
    """What became of a record, by what its app said. Its id is not told: that may be made of an address."""
    own = [entry for entry in entries if entry.ref == link.ref]
    sync = world.syncs.get(entity.sync)
    last = next((entry for entry in own if entry.event in (Event.REMOVED, Event.GONE)), None)
    if link.state is not LinkState.GONE and (sync is None or link.ref.app not in sync.apps):
        return {"app": link.ref.app, "outcome": "not reached: the configuration has it no more", "at": None}
    ours = last is not None and last.event is Event.REMOVED
    said = "the app confirmed that syncd deleted it" if ours else "the app says that it is gone"
    return {"app": link.ref.app, "outcome": said, "at": _time(last.at) if last is not None else None}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


# --- their keys ----------------------------------------------------------------------------------------------------


def _keys(world: World, entities: Iterable[Entity]) -> tuple[Key, ...]:
    """By which they would be known if they showed up again."""
    found: dict[Key, None] = {}
    for entity in entities:
        sync = world.syncs.get(entity.sync)
        if sync is not None:
            found |= dict.fromkeys(own_keys(sync, entity.fields))
    return tuple(found)


def _addresses(world: World, tx: Transaction, entities: Iterable[Entity]) -> tuple[Key, ...]:
    """Every address that they have, or had, of which there may be an opt-out."""
    found: dict[Key, None] = {}
    for entity in entities:
        sync = world.syncs.get(entity.sync)
        if sync is not None:
            found |= dict.fromkeys(consent_keys(sync, entity.fields))
            found |= dict.fromkeys(_former(tx, sync, entity.id))
    return tuple(found)


def _former(tx: Transaction, sync: Sync, id: EntityId) -> Iterable[Key]:
    for entry in tx.log.find(entity=id, limit=_ALL):
        for rule in sync.consents:
            what = entry.fields.get(rule.address, {})
            for value in (what.get("old"), what.get("new")):
                if value:
                    yield from consent_keys(sync, {rule.address: value})


def _one(key: Key) -> tuple[str, list[str]]:
    return key[0], [key[1]]
