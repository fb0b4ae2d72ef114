"""A person deleted a record: what becomes of the others is the admin's policy, under a cap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from syncd.core import guard
from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Deletion, Sync
from syncd.core.guard import ABSENCE
from syncd.engine.consent import all_keys
from syncd.engine.debts import frozen, note_debts
from syncd.engine.fuse import free_sharers, fuse_at_last, settle_pairs
from syncd.engine.guards import refused
from syncd.engine.namesakes import part
from syncd.engine.pointers import note_gone
from syncd.engine.promises import SPARED
from syncd.engine.revive import revive
from syncd.engine.world import World
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, IntentKind, Parked, ParkedKind

__all__ = ["REFUSED", "believe", "bring_back", "gone_everywhere"]

REFUSED: Final = SPARED[0]
"""What the change log notes where a person says no to a delete."""


def believe(world: World, tx: Transaction, sync: Sync, link: Link, *, doubt: str = "") -> None:
    """A person deleted the record. What becomes of the others is the admin's policy, under a cap.

    `doubt`: why a person is to be asked before more is deleted, whatever the policy; "" if nothing speaks against it.
    """
    tx.links.put(sync.name, replace(link, state=LinkState.GONE))
    note_gone(tx, world.syncs, sync.name, link.ref)
    entity = tx.entities.get(link.entity)
    seq = tx.log.append(
        Entry(event=Event.GONE, sync=sync.name, entity=entity.id, ref=link.ref, fields=_snapshot(entity))
    )
    others = _there(tx.links.of(entity.id))
    made = _made_in(tx, sync, entity)
    apps = [other.ref.app for other in others] + made
    for work in tx.parked.of([entity.id]).get(entity.id, []):
        if work.app == link.ref.app and work.kind is ParkedKind.QUARANTINE:
            tx.parked.close(work.id, "the record is gone", "")
    _look_at_rivals(tx, entity, link)
    part(tx, sync, entity.id, f"the record in {link.ref.app} is gone")
    if fuse_at_last(world, tx, sync, entity.id):
        return
    if sync.deletes is not Deletion.IGNORE:
        free_sharers(tx, sync, entity.id, link.ref.app, seq)
    if refused(tx, sync, link.ref.app) & ABSENCE:
        bring_back(tx, sync, entity, REFUSED, cause=seq)
        return
    if not apps:
        tx.entities.put(replace(entity, deleted=True), all_keys(sync, entity.fields))
        settle_pairs(tx, sync, entity.id, seq)
        return
    if sync.deletes is Deletion.IGNORE or entity.deleted:  # a delete elsewhere was let through already
        return
    untold = _untold(tx, sync, entity, link)
    if untold and not doubt and sync.deletes is not Deletion.HOLD:
        note = f"{link.ref.app} was yet to be told of a new {', '.join(untold)}: an edit beats a delete"
        tx.log.append(Entry(event=Event.RETURNED, sync=sync.name, entity=entity.id, ref=link.ref, cause=seq, note=note))
        note_debts(tx, sync, revive(tx, sync, entity, note), seq)
        return
    reason = doubt or _held_back(world, tx, sync, entity, link, apps)
    if reason:
        remain = [str(other.ref) for other in others] + [f"{app}: one that is just being made" for app in made]
        detail = {"deleted_in": link.ref.app, "record": link.ref.id, "remain": remain}
        hold = Parked(kind=ParkedKind.HOLD, sync=sync.name, app=link.ref.app, entity=entity.id, cause=seq)
        tx.parked.park(replace(hold, reason=reason, detail=detail))
        return
    tx.entities.put(replace(entity, deleted=True), all_keys(sync, entity.fields))
    note_debts(tx, sync, replace(entity, deleted=True), seq)


def gone_everywhere(tx: Transaction, sync: Sync, entity: Entity) -> bool:
    """Whether all records of theirs are gone, and what was being made elsewhere came to nothing: they are deleted then.

    As if nothing had been on its way when the last of them was deleted: nothing is asked, and nothing made.
    """
    links = tx.links.of(entity.id)
    if entity.deleted or _there(links) or all(link.state is not LinkState.GONE for link in links):
        return False
    if _made_in(tx, sync, entity):
        return False
    asked = tx.parked.of([entity.id]).get(entity.id, [])
    tx.parked.withdraw([work for work in asked if work.kind is ParkedKind.HOLD], "no record of theirs is left")
    tx.entities.put(replace(entity, deleted=True), all_keys(sync, entity.fields))
    settle_pairs(tx, sync, entity.id, None)
    return True


def bring_back(
    tx: Transaction, sync: Sync, entity: Entity, note: str, *, by: str = "", cause: int | None = None
) -> None:
    """A delete comes to nothing: the record is made again where it was deleted."""
    seq = tx.log.append(Entry(event=Event.DECIDED, sync=sync.name, entity=entity.id, by=by, note=note, cause=cause))
    note_debts(tx, sync, revive(tx, sync, entity, note, by), seq)


def _untold(tx: Transaction, sync: Sync, entity: Entity, link: Link) -> list[str]:
    """Fields that somebody has edited in another app, of which the one where the record was deleted did not know.

    What was on its way there may have been read by whoever deleted it.
    """
    under_way = tx.intents.of_refs(link.ref.app, [link.ref]).get(link.ref)
    sent = under_way.goal if under_way is not None else {}
    work = tx.parked.of([entity.id]).get(entity.id, [])
    missing = link.owed(entity, sync, frozen(sync, work, entity, link.ref.app))
    held = {name: entity.held[name] for name in missing if name in entity.held and not sync.rules[name].consent}
    return [n for n, value in held.items() if value.ver > 1 and value.author != link.ref.app and n not in sent]


def _there(links: Iterable[Link]) -> list[Link]:
    return [link for link in links if link.state in (LinkState.LIVE, LinkState.MISSING)]


def _made_in(tx: Transaction, sync: Sync, entity: Entity) -> list[str]:
    """The apps in which a record of theirs is being made just now, or may have been."""
    under_way = [(app, tx.intents.of_entities([entity.id], app).get(entity.id)) for app in sync.apps]
    return [app for app, intent in under_way if intent is not None and intent.kind is IntentKind.CREATE]


def _held_back(world: World, tx: Transaction, sync: Sync, entity: Entity, lost: Link, apps: Sequence[str]) -> str:
    """Why the deletion waits for a yes; "" if it may go on."""
    if sync.deletes is Deletion.HOLD:
        return 'deleted by a person; deletes = "hold"'
    rivals = [work.ref for work in tx.parked.rivals(lost.ref.app) if work.detail.get("entity") == entity.id]
    if rivals:
        return f"{lost.ref.app} has another record that may be the same one: {rivals[0].id if rivals[0] else ''}"
    for app in apps:
        if sync.deletes is Deletion.ARCHIVE and not world.object(sync, app).capabilities.archives:
            return f"{app} cannot archive: deleting there would be for good"
        removed = tx.log.count(app=app, sync=sync.name, event=Event.REMOVED, since=tx.now - 3600)
        tx.entities.flush()
        waiting = tx.deliveries.removals(app, sync.name)  # also what was put off, or is in doubt
        trip = guard.deleting(tx.links.linked(sync.name, app), removed + waiting + 1, world.limits(sync, app))
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
