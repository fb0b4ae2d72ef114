"""Two entities that turn out to be one, and records that an app has merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Deletion, Sync
from syncd.core.match import keys
from syncd.core.record import EntityId, Fields, Merged, Ref
from syncd.engine.consent import all_keys, enrol
from syncd.engine.debts import note_debts, note_freed
from syncd.engine.forgotten import is_buried
from syncd.engine.namesakes import part
from syncd.engine.revive import is_to_go, revive
from syncd.engine.tombs import bury, lived
from syncd.engine.world import World
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = [
    "MERGED_INTO",
    "bearer",
    "follow_merge",
    "found_again",
    "free_sharers",
    "fuse",
    "fuse_again",
    "fuse_at_last",
    "make_anew",
    "settle_pairs",
    "sharers",
]

MERGED_INTO: Final = "merged by the app into"
"""How the log notes that a record is gone since it was merged into another."""
_MERGED = "the app merged their records"


def follow_merge(world: World, tx: Transaction, sync: Sync, merged: Merged) -> None:
    """An app merged `merged.ref` into `merged.into`: re-point the link, fuse the entities, delete nothing."""
    lost = tx.links.get(sync.name, merged.ref)
    if lost is None or lost.state is LinkState.GONE:
        tx.hints.add([merged.into], tx.now)
        return
    survivor = tx.links.get(sync.name, merged.into)
    entity = tx.entities.get(lost.entity)
    note = f"{MERGED_INTO} {merged.into.id}"
    tx.log.append(Entry(event=Event.GONE, sync=sync.name, entity=entity.id, ref=merged.ref, note=note))
    tx.links.put(sync.name, replace(lost, state=LinkState.GONE))
    if is_to_go(tx, entity):
        return  # whoever is to be forgotten becomes nobody else
    if survivor is not None and is_to_go(tx, tx.entities.get(survivor.entity)):
        _all_anew(tx, sync, entity, merged.ref.app)  # and nobody becomes them
        return
    if survivor is not None and survivor.state is LinkState.GONE and survivor.entity != entity.id:
        survivor = _there_after_all(tx, sync, survivor)
    if (survivor is None or survivor.state is LinkState.GONE) and _removed_by_us(tx, sync, merged.into):
        # Whoever it was merged into was deleted by syncd, which did not know of the merge.
        _all_anew(tx, sync, entity, merged.ref.app)
        return
    if survivor is None or survivor.state is LinkState.GONE:
        if survivor is not None and survivor.entity != entity.id:
            bury(tx, sync.name, survivor)
        # The survivor bears the entity on, as on first contact: what it lacks was emptied by nobody.
        tx.links.put(sync.name, _afresh(lost, entity, merged.into))
        asked = [work for work in tx.parked.rivals(merged.into.app) if work.ref == merged.into]
        asked = [work for work in asked if work.sync == sync.name]
        tx.parked.withdraw(asked, note)
        note_freed(tx, sync, asked, None)
    elif survivor.entity != entity.id:
        keep, lose = tx.entities.get(survivor.entity), entity
        if not survivor.seen and lose.id < keep.id:  # made of both, and not read yet: neither comes first
            keep, lose = lose, keep
        if lost.state is LinkState.OUT_OF_SCOPE and keep.deleted and lose.deleted:
            tx.links.put(sync.name, replace(survivor, state=lost.state))  # no delete had reached a part of it
        if not fuse(world, tx, sync, keep, lose, _MERGED):
            _share_on(world, tx, sync, merged.ref.app, entity.id, survivor.entity)
    tx.hints.add([merged.into], tx.now)


def _afresh(link: Link, entity: Entity, ref: Ref) -> Link:
    """A tie of which nothing is known yet; what was let go of stays out of the reach of a delete."""
    let_go = entity.deleted and link.state is LinkState.OUT_OF_SCOPE
    return Link(entity.id, ref, state=LinkState.OUT_OF_SCOPE if let_go else LinkState.LIVE)


def _there_after_all(tx: Transaction, sync: Sync, link: Link) -> Link:
    """Another was merged into a record that seems to be deleted, and is asked about: it was there all along."""
    work = tx.parked.of([link.entity]).get(link.entity, [])
    asked = [item for item in work if item.kind is ParkedKind.HOLD and item.app == link.ref.app]
    asked = [item for item in asked if item.detail.get("record") == link.ref.id]
    if not asked or tx.links.at(link.entity, link.ref.app) is not None:
        return link
    tx.parked.withdraw(asked, "the record is there")
    back = found_again(tx, sync, link, "another was merged into it")
    note_debts(tx, sync, tx.entities.get(link.entity), None)
    return back


def found_again(tx: Transaction, sync: Sync, link: Link, note: str) -> Link:
    """A record that seemed to be gone was there all the while: its link lives again."""
    tx.log.append(Entry(event=Event.RETURNED, sync=sync.name, entity=link.entity, ref=link.ref, note=note))
    back = replace(link, state=LinkState.LIVE, missed_at=None)
    tx.links.put(sync.name, back)
    return back


def _removed_by_us(tx: Transaction, sync: Sync, ref: Ref) -> bool:
    """The last that is known of the record is that syncd itself has deleted it."""
    told = tx.log.find(ref=ref, sync=sync.name, limit=1)
    return any(entry.event is Event.REMOVED for entry in told) or (not told and is_buried(tx, ref))


def fuse(world: World, tx: Transaction, sync: Sync, keep: Entity, lose: Entity, why: str) -> bool:
    """Make one entity of two, if they have no app in common; else ask a person. True if they are one now.

    The links of the lost one move as on first contact, so that nothing of theirs is taken for an edit or thrown
    away; an opt-out of either holds for both. Whoever is to be forgotten never becomes one with anybody.
    """
    if is_to_go(tx, keep) or is_to_go(tx, lose):
        return False
    own = {link.ref.app for link in tx.links.of(keep.id) if link.state is not LinkState.GONE}
    moving = [link for link in tx.links.of(lose.id) if link.state is not LinkState.GONE]
    open_writes = tx.intents.open()  # a create on its way, or in doubt, is as good as a record
    own |= {intent.app for intent in open_writes if intent.entity == keep.id}
    following = [intent for intent in open_writes if intent.entity == lose.id]
    shared = own & ({link.ref.app for link in moving} | {intent.app for intent in following})
    if shared:
        apps = ", ".join(sorted(shared))
        parked = Parked(
            kind=ParkedKind.AMBIGUOUS, sync=sync.name, entity=keep.id, reason=f"{why}, but both live in {apps}"
        )
        tx.parked.park(replace(parked, detail={"entities": [keep.id, lose.id], "why": why}))
        return False
    if keep.deleted and not lose.deleted:
        keep = revive(tx, sync, keep, f"{lose.id} is the same, and is alive")
    for link in moving:
        tx.links.put(sync.name, replace(_afresh(link, keep, link.ref), created=link.created))
        tx.hints.add([link.ref], tx.now)
    for link in tx.links.of(lose.id):
        if link.state is LinkState.GONE:  # who comes back is theirs, and so is what was deleted
            tx.links.put(sync.name, replace(link, entity=keep.id))
    tx.intents.put([replace(intent, entity=keep.id) for intent in following])
    held = dict(keep.held)
    for name, value in lose.held.items():
        rule = sync.rules.get(name)
        if name not in held or held[name].value is None or (rule and rule.consent and value.value is True):
            held[name] = value._replace(ver=value.ver + held[name].ver) if name in held else value
    fields = {name: {"old": keep.value(name), "new": lose.value(name)} for name in lose.held}
    seq = tx.log.append(
        Entry(event=Event.LINKED, sync=sync.name, entity=keep.id, fields=fields, note=f"fused with {lose.id}: {why}")
    )
    kept = replace(keep, held=held)
    tx.entities.put(kept, all_keys(sync, kept.fields))
    tx.entities.put(replace(lose, deleted=True), ())
    others = [work for work in _pairs(tx, lose.id) if keep.id not in work.detail["entities"]]
    closed = {work.id: work for work in (*tx.parked.of([lose.id]).get(lose.id, []), *others)}.values()
    tx.parked.withdraw(closed, f"fused with {keep.id}")
    part(tx, sync, lose.id, f"fused with {keep.id}")
    there = {link.ref.app for link in moving}
    asked = [
        work
        for work in tx.parked.of([keep.id]).get(keep.id, [])
        if lose.id in work.detail.get("entities", ()) or (work.kind is ParkedKind.HOLD and work.app in there)
    ]
    tx.parked.withdraw(asked, f"fused with {lose.id}")
    said = {rule.name: kept.value(rule.name) for rule in sync.consents}
    for addresses in (kept.fields, lose.fields):  # an opt-out of one address holds for the other, too
        enrol(world, tx, sync, {**addresses, **said}, "", seq)
    if sync.deletes is not Deletion.IGNORE and not kept.deleted:
        _everywhere(tx, sync, kept.id)
    note_debts(tx, sync, kept, seq)
    note_freed(tx, sync, [*closed, *asked], seq)
    for work in others:  # whoever was to be one with the lost one is to be one with this
        pair = (keep.id if id == lose.id else id for id in work.detail["entities"])
        _again(world, tx, sync, replace(work, detail={**work.detail, "entities": list(pair)}))
    return True


def _everywhere(tx: Transaction, sync: Sync, id: EntityId) -> None:
    """Who is alive is in every app: that one of both was deleted in one keeps them away while that is asked about."""
    if any(work.kind is ParkedKind.HOLD for work in tx.parked.of([id]).get(id, [])):
        return
    for app in dict.fromkeys(link.ref.app for link in tx.links.of(id)):
        if tx.links.at(id, app) is None:
            _clear(tx, sync, id, app)


def _share_on(world: World, tx: Transaction, sync: Sync, app: str, before: EntityId, now: EntityId) -> None:
    """A record of several is somebody else's by now: whoever shared it with the one before shares it with this one."""
    for other in sharers(tx, before, app):
        if other.id != now:
            fuse(world, tx, sync, tx.entities.get(now), other, _MERGED)


def bearer(world: World, tx: Transaction, sync: Sync, link: Link, own: Fields) -> Link:
    """Whose is a record that an app made of two, now that it is read: theirs whose key it shows.

    Which of the two records was heard of first says nothing.
    """
    asked = [
        work
        for work in tx.parked.rivals(link.ref.app)
        if work.detail.get("why") == _MERGED and link.entity in work.detail["entities"]
    ]
    rivals = {id for work in asked for id in work.detail["entities"]} - {link.entity}
    if not rivals:
        return link
    for holders in tx.entities.holders(sync.name, keys(sync, own)).values():
        named = rivals & set(holders)
        if link.entity in holders:
            _leads(tx, asked, link.entity)
            return link
        other = EntityId(named.pop()) if len(named) == 1 else None
        if other is not None and tx.links.at(other, link.ref.app) is None:
            moved = replace(link, entity=other)
            tx.links.put(sync.name, moved)
            _leads(tx, asked, other)
            _share_on(world, tx, sync, link.ref.app, link.entity, other)
            return moved
    return link


def _leads(tx: Transaction, asked: Sequence[Parked], id: EntityId) -> None:
    """Whose the record is stays, if the two become one after all."""
    for work in asked:
        pair = work.detail["entities"]
        if id in pair and pair[0] != id:
            tx.parked.withdraw([work], f"their record is that of {id}")
            tx.parked.park(replace(work, entity=id, detail={**work.detail, "entities": [id, pair[0]]}))


def fuse_again(world: World, tx: Transaction, sync: Sync, work: Parked) -> None:
    """Try once more what was asked about: whether two that ought to be one can be. If not, it is asked again."""
    if work.kind is ParkedKind.AMBIGUOUS and "why" in work.detail:
        _again(world, tx, sync, work)


def _again(world: World, tx: Transaction, sync: Sync, work: Parked) -> None:
    keep, lose = (tx.entities.get(one) for one in work.detail["entities"])
    if not keep.deleted and not lose.deleted:
        fuse(world, tx, sync, keep, lose, work.detail["why"])
    elif keep.deleted != lose.deleted:  # one of them is to go, and with it perhaps the record of both
        tx.parked.park(replace(work, entity=keep.id))
        settle_pairs(tx, sync, (keep if keep.deleted else lose).id, work.cause)


def _pairs(tx: Transaction, id: EntityId) -> list[Parked]:
    """The open questions whether somebody is one with another, but for an app where both had a record."""
    asked = (work for work in tx.parked.rivals("") if work.kind is ParkedKind.AMBIGUOUS and "why" in work.detail)
    return [work for work in asked if id in work.detail["entities"]]


def free_sharers(tx: Transaction, sync: Sync, id: EntityId, app: str, cause: int | None) -> None:
    """Somebody's record was deleted: one delete takes one away, and whoever shared it is given one of their own."""
    for other in sharers(tx, id, app):
        make_anew(tx, sync, other, app, cause)
    settle_pairs(tx, sync, id, cause)


def sharers(tx: Transaction, id: EntityId, app: str) -> list[Entity]:
    """Whose records the app has merged into somebody's, while in another app both had one, so that they are two."""
    others = [tx.entities.get(one) for work in _pairs(tx, id) for one in work.detail["entities"] if one != id]
    return [
        other
        for other in others
        if not other.deleted
        and tx.links.at(other.id, app) is None
        and any(link.ref.app == app and _was_merged(tx, link) for link in tx.links.of(other.id))
    ]


def _all_anew(tx: Transaction, sync: Sync, entity: Entity, app: str) -> None:
    """They and all who shared their record are made anew."""
    for one in (*sharers(tx, entity.id, app), entity):
        make_anew(tx, sync, one, app, None)


def make_anew(tx: Transaction, sync: Sync, entity: Entity, app: str, cause: int | None) -> None:
    """They are made anew in an app that has no record of theirs any more; what had become of earlier ones is past."""
    _clear(tx, sync, entity.id, app)
    note_debts(tx, sync, entity, cause)


def _clear(tx: Transaction, sync: Sync, id: EntityId, app: str) -> None:
    """Nothing is known any more of records of theirs that are gone there."""
    for link in tx.links.of(id):
        if link.ref.app == app and link.state is LinkState.GONE:
            tx.links.drop(sync.name, link.ref)


def settle_pairs(tx: Transaction, sync: Sync, id: EntityId, cause: int | None) -> None:
    """Nobody is one with whoever was deleted and has no record left."""
    if tx.entities.get(id).deleted and all(link.state is LinkState.GONE for link in tx.links.of(id)):
        vain = _pairs(tx, id)
        tx.parked.withdraw(vain, f"{id} was deleted")
        note_freed(tx, sync, vain, cause)


def _was_merged(tx: Transaction, link: Link) -> bool:
    if link.state is not LinkState.GONE:
        return False
    ref = lived(link.ref)
    own = tx.log.find(entity=link.entity, ref=ref, events=(Event.GONE,), limit=1)
    told = own or tx.log.find(ref=ref, events=(Event.GONE,), limit=1)  # it was another's then, who is one with them now
    return any(entry.note.startswith(MERGED_INTO) for entry in told)


def fuse_at_last(world: World, tx: Transaction, sync: Sync, id: EntityId) -> bool:
    """Two that ought to be one, but for an app where both had a record, may be one now. True if they are."""
    for work in _pairs(tx, id):
        keep, lose = (tx.entities.get(one) for one in work.detail["entities"])
        if not keep.deleted and not lose.deleted and fuse(world, tx, sync, keep, lose, work.detail["why"]):
            return True
    return False
