"""Records that are missing: looked at twice, believed late, and never amplified."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from syncd.core import guard
from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Deletion, Sync
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine.canary import sworn_read
from syncd.engine.consent import all_keys
from syncd.engine.debts import note_debts
from syncd.engine.fuse import follow_merge, fuse_at_last
from syncd.engine.namesakes import part
from syncd.engine.take import READ, take
from syncd.engine.world import Tally, World
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = ["believe", "look_again", "missed", "probe"]

_ALL = 1_000_000


def probe(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Tally:
    """Read records that a listing lacks, or that something says are gone. Facts are taken in; misses are noted."""
    if not refs:
        return Tally()
    found = sworn_read(world, sync, app, refs)
    with world.store.begin() as tx:
        tally = take(world, tx, sync, [fact for fact in found.values() if isinstance(fact, Record)], READ)
        for fact in found.values():
            if isinstance(fact, Gone):
                missed(world, tx, sync, fact)
            elif isinstance(fact, Merged):
                follow_merge(tx, sync, fact)
    return tally


def missed(world: World, tx: Transaction, sync: Sync, gone: Gone) -> None:
    """A read by id did not find the record. A tombstone is believed at once, a mere absence after a second look."""
    link = tx.links.get(sync.name, gone.ref)
    if link is None or link.state is LinkState.GONE:
        return
    if link.state is LinkState.OUT_OF_SCOPE:  # the sync has let go of it: whatever becomes of it concerns nobody else
        tx.links.put(sync.name, replace(link, state=LinkState.GONE))
        note = "it had left its filter: the others stay"
        tx.log.append(Entry(event=Event.GONE, sync=sync.name, entity=link.entity, ref=link.ref, note=note))
        return
    first = link.missed_at
    if gone.told or (first is not None and tx.now >= first + world.safety.second_look.total_seconds()):
        believe(world, tx, sync, link)
    elif first is None:
        tx.links.put(sync.name, replace(link, state=LinkState.MISSING, missed_at=tx.now))


def look_again(world: World, sync: Sync, app: str) -> Tally:
    """The second look at records that were missed once, when it is due."""
    with world.store.read() as tx:
        due = tx.now - world.safety.second_look.total_seconds()
        refs = [link.ref for link in tx.links.missing(sync.name, app) if link.missed_at and link.missed_at <= due]
    return probe(world, sync, app, refs)


def believe(world: World, tx: Transaction, sync: Sync, link: Link) -> None:
    """A person deleted the record. What becomes of the others is the admin's policy, under a cap."""
    tx.links.put(sync.name, replace(link, state=LinkState.GONE))
    entity = tx.entities.get(link.entity)
    seq = tx.log.append(
        Entry(event=Event.GONE, sync=sync.name, entity=entity.id, ref=link.ref, fields=_snapshot(entity))
    )
    others = [other for other in tx.links.of(entity.id) if other.state is not LinkState.GONE]
    for work in tx.parked.of([entity.id]).get(entity.id, []):
        if work.app == link.ref.app and work.kind is ParkedKind.QUARANTINE:
            tx.parked.close(work.id, "the record is gone", "")
    _look_at_rivals(tx, entity, link)
    part(tx, sync, entity.id, f"the record in {link.ref.app} is gone")
    if fuse_at_last(tx, sync, entity.id):
        return
    if not others:
        tx.entities.put(replace(entity, deleted=True), all_keys(sync, entity.fields))
        return
    if sync.deletes is Deletion.IGNORE or entity.deleted:  # a delete elsewhere was let through already
        return
    reason = _held_back(world, tx, sync, others)
    if reason:
        detail = {"deleted_in": link.ref.app, "record": link.ref.id, "remain": [str(other.ref) for other in others]}
        hold = Parked(kind=ParkedKind.HOLD, sync=sync.name, app=link.ref.app, entity=entity.id, cause=seq)
        tx.parked.park(replace(hold, reason=reason, detail=detail))
        return
    tx.entities.put(replace(entity, deleted=True), all_keys(sync, entity.fields))
    note_debts(tx, sync, replace(entity, deleted=True), seq)


def _held_back(world: World, tx: Transaction, sync: Sync, others: Sequence[Link]) -> str:
    """Why the deletion waits for a yes; "" if it may go on."""
    if sync.deletes is Deletion.HOLD:
        return 'deleted by a person; deletes = "hold"'
    for other in others:
        app = other.ref.app
        if sync.deletes is Deletion.ARCHIVE and not world.object(sync, app).capabilities.archives:
            return f"{app} cannot archive: deleting there would be for good"
        removed = tx.log.count(app=app, sync=sync.name, event=Event.REMOVED, since=tx.now - 3600)
        owed = tx.deliveries.due(app, math.inf, _ALL, sync=sync.name)  # also what was put off, or is in doubt
        waiting = sum(1 for debt in owed if tx.entities.get(debt.entity).deleted)
        trip = guard.deleting(tx.links.linked(sync.name, app), removed + waiting + 1, world.safety.limits)
        if trip:
            return f"{trip.guard}: {trip.reason}"
    return ""


def _look_at_rivals(tx: Transaction, entity: Entity, link: Link) -> None:
    """A second record that waited as a possible duplicate may be the entity's own now: read it again."""
    for work in tx.parked.rivals(link.ref.app):
        if work.ref is not None and work.ref.app == link.ref.app and work.detail.get("entity") == entity.id:
            tx.hints.add([work.ref], tx.now)


def _snapshot(entity: Entity) -> dict[str, dict[str, object]]:
    return {name: {"old": held.value, "new": None} for name, held in entity.held.items()}
