"""What an app shows of people who are to be forgotten, or were: nothing of it is kept, and nothing goes anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from syncd.core.entity import Link, LinkState
from syncd.core.fieldmap import Sync, told
from syncd.core.match import Key
from syncd.core.record import Fields, Gone, Merged, Record, Ref
from syncd.engine.consent import consent_keys, enrol, own_keys
from syncd.engine.debts import note_debts
from syncd.engine.ours import adopted
from syncd.engine.world import World
from syncd.store.forgetting import SALT
from syncd.store.ports import Transaction
from syncd.store.values import Parked, ParkedKind

__all__ = ["FORGOTTEN", "bury_records", "hear", "held_back", "is_buried", "keep_out", "let_go", "turn_away"]

FORGOTTEN = "forgotten: a person asked that whoever has this key be forgotten"
"""Why a record waits that shows up again."""
_ALL: Final = 1_000_000


def keep_out(world: World, tx: Transaction, sync: Sync, link: Link, fact: Record, shown: Fields) -> None:
    """A record of somebody who is to be forgotten, as it was just read: it is to be deleted, whatever it shows.

    No edit brings them back; but an opt-out counts, by the hash of its address. One that had been deleted and is there
    again, beside a second one of theirs, waits as any that shows up again.
    """
    entity = tx.entities.get(link.entity)
    if link.state is LinkState.GONE and tx.links.at(entity.id, fact.ref.app) is not None:
        tx.links.drop(sync.name, fact.ref)
        if not turn_away(world, tx, sync, fact, shown, sure=True):
            tx.hints.add([fact.ref], tx.now)
        return
    made = tx.intents.of_entities([entity.id], fact.ref.app).get(entity.id)
    if made is not None and made.ref is None:
        link = adopted(tx, sync, entity, link, fact, made)
    hear(world, tx, sync, shown, fact.ref.app)
    seen = {name: fact.fields[name] for name in sync.window(fact.ref.app) if name in fact.fields}
    tx.links.put(
        sync.name,
        replace(link, state=LinkState.LIVE, missed_at=None, seen={**link.seen, **seen}, version=fact.version),
    )
    note_debts(tx, sync, entity, tx.forgotten.open()[entity.id].cause)


def turn_away(world: World, tx: Transaction, sync: Sync, fact: Record, shown: Fields, *, sure: bool) -> bool:
    """Whether a record that nobody knows is of somebody who was forgotten: then it waits for a person, and no more.

    `sure`: it was read by its id. A row of a listing may be of a record that is gone by now, and is read first.
    """
    known = tx.forgotten.known(own_keys(sync, shown))
    if not known:
        return False
    hear(world, tx, sync, shown, fact.ref.app)
    if any(work.closed is None for work in tx.parked.ever((), [fact.ref])):
        return True
    if not sure:
        tx.hints.add([fact.ref], tx.now)
        return True
    work = Parked(kind=ParkedKind.QUARANTINE, sync=sync.name, app=fact.ref.app, ref=fact.ref, reason=FORGOTTEN)
    tx.parked.park(replace(work, detail={"forgotten": sorted(set(known.values()))}))
    return True


def let_go(tx: Transaction, sync: Sync, app: str, found: Mapping[Ref, Record | Gone | Merged]) -> None:
    """What was held back waits no more once a read says that it is gone, somebody's, or of another key."""

    def over(ref: Ref) -> bool:
        fact = found[ref]
        if not isinstance(fact, Record) or tx.links.get(sync.name, ref) is not None:
            return True
        return not tx.forgotten.known(own_keys(sync, told(sync, fact)))

    works = held_back(tx, sync, app)
    tx.parked.withdraw([works[ref] for ref in works if ref in found and over(ref)], "it is of nobody who was forgotten")


def held_back(tx: Transaction, sync: Sync, app: str) -> Mapping[Ref, Parked]:
    """The records of an app that wait, since they show a key of somebody who was forgotten, with what is asked."""
    if tx.meta.get(SALT) is None:
        return {}  # nobody was ever forgotten
    works = tx.parked.open((ParkedKind.QUARANTINE,), sync=sync.name, limit=_ALL)
    return {work.ref: work for work in works if work.ref and work.app == app and "forgotten" in work.detail}


def bury_records(tx: Transaction, refs: Iterable[Ref]) -> None:
    """Keep a hash of records that syncd has deleted: an app may tell late that another had been merged into one.

    Of no order, for it is the others whom it spares: it stays though these are let back.
    """
    tx.forgotten.remember([_record_key(ref) for ref in refs], 0)


def is_buried(tx: Transaction, ref: Ref) -> bool:
    """Whether syncd has deleted the record, of somebody who was forgotten since."""
    return bool(tx.forgotten.known([_record_key(ref)]))


def _record_key(ref: Ref) -> Key:
    return f"record:{ref.app}/{ref.object}", ref.id


def hear(world: World, tx: Transaction, sync: Sync, shown: Fields, app: str) -> None:
    """Note an opt-out that a record of theirs shows, by the hash of its address."""
    enrol(world, tx, sync, shown, app, None)
    for channel, address in consent_keys(sync, shown):
        tx.optouts.conceal(channel, address)
