"""What a person says to a guard that has tripped: it goes on, or what the app has shown is put aside.

Put aside means: the values that the app has brought give way again to those that they had taken the place of, its new
records are left alone, its deleted ones are made again. What the app has yet to show of it is put aside as it comes,
until the app has been listed to the end. Of what would have been written to an app, put aside means that what the app
shows stands. All of it stands in the change log, and an opt-out is never put aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from syncd.core.entity import Entity, LinkState
from syncd.core.fieldmap import Sync
from syncd.core.guard import ABSENCE, REWRITING, Guard
from syncd.core.record import EntityId
from syncd.engine.debts import unreckoned
from syncd.engine.decide import asked, sync_of
from syncd.engine.decree import decree
from syncd.engine.deletes import REFUSED, bring_back
from syncd.engine.guards import answer, expect, set_aside, telling
from syncd.engine.namesakes import part
from syncd.engine.outgoing import stays, unwanted
from syncd.engine.remedies import accept, release
from syncd.engine.revive import is_to_go
from syncd.engine.world import World
from syncd.store.codec import plain, value_from
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = ["let_through", "put_aside"]

_MOST = 200_000


def let_through(world: World, id: int, *, by: str) -> None:
    """What has tripped a guard is as it should be: the app goes on. Raises ConfigError; Halted if it was answered."""
    with world.store.begin() as tx:
        work, sync, guard = _question(world, tx, id)
        if work.detail.get("outgoing"):
            expect(tx, sync)
        else:
            answer(tx, sync, work.app, guard, yes=True)
        if guard in ABSENCE:
            accept(tx, work.app)
        _decided(tx, work, "approved", f"{guard}: let through", by)


def put_aside(world: World, id: int, *, by: str) -> int:
    """What has tripped a guard is not wanted: it is put aside, and the app goes on. How many were taken back by now.

    Raises ConfigError, or Halted if it was answered.
    """
    with world.store.begin() as tx:
        work, sync, guard = _question(world, tx, id)
        unreckoned(tx, sync)
        if work.detail.get("outgoing"):
            seq = _decided(tx, work, "refused", f"{guard}: not written", by)
            return _keep_theirs(world, tx, sync, work, guard, seq, by)
        answer(tx, sync, work.app, guard, yes=False)
        seq = _decided(tx, work, "refused", f"{guard}: put aside", by)
        if guard in REWRITING:
            return _take_back(world, tx, sync, work, guard, seq, by)
        if guard in ABSENCE:
            return _restore(tx, sync, work, seq, by)
        return _leave_alone(tx, sync, work)


def _question(world: World, tx: Transaction, id: int) -> tuple[Parked, Sync, Guard]:
    work = asked(tx, id, (ParkedKind.GUARD,))
    return work, sync_of(world, work), Guard(work.field)


def _decided(tx: Transaction, work: Parked, word: str, note: str, by: str) -> int:
    tx.parked.close(work.id, word, by)
    seq = tx.log.append(Entry(event=Event.DECIDED, sync=work.sync, app=work.app, by=by, note=note))
    release(tx, work.app, by, seq)
    return seq


def _told(tx: Transaction, work: Parked, event: Event) -> Sequence[Entry]:
    """What the guard has counted and was taken in, oldest first."""
    since = max(0, int(work.detail["since"]) - 1)
    return tx.log.find(app=work.app, sync=work.sync, events=(event,), after=since, limit=_MOST)[::-1]


def _take_back(world: World, tx: Transaction, sync: Sync, work: Parked, guard: Guard, seq: int, by: str) -> int:
    """Values that have come from the app, and still stand, give way to those that they had taken the place of."""
    first: dict[tuple[EntityId, str], Any] = {}
    last: dict[EntityId, dict[str, Any]] = defaultdict(dict)
    for entry in _told(tx, work, Event.MERGED):
        for name in telling(entry, guard):
            if entry.entity is not None and name in sync.rules and not sync.rules[name].consent:
                first.setdefault((entry.entity, name), value_from(entry.fields[name]["old"]))
                last[entry.entity][name] = value_from(entry.fields[name]["new"])
    done = 0
    for id, fields in last.items():
        entity = tx.entities.get(id)
        stand = {name: first[id, name] for name, new in fields.items() if _stands(entity, work.app, name, new)}
        if stand and not entity.deleted:
            _put_back(world, tx, sync, entity, stand, seq, by)
            done += 1
    return done


def _stands(entity: Entity, app: str, name: str, value: object) -> bool:
    held = entity.held.get(name)
    return held is not None and held.author == app and held.value == value


def _put_back(
    world: World, tx: Transaction, sync: Sync, entity: Entity, stand: dict[str, Any], cause: int, by: str
) -> None:
    fields = {n: {"old": plain(entity.value(n)), "new": plain(v), "from": entity.held[n].seq} for n, v in stand.items()}
    note = "put aside, with all the others"
    seq = tx.log.append(
        Entry(event=Event.DECIDED, sync=sync.name, entity=entity.id, fields=fields, cause=cause, by=by, note=note)
    )
    decree(world, tx, sync, entity, stand, seq, answer="put aside", by=by)


def _keep_theirs(world: World, tx: Transaction, sync: Sync, work: Parked, guard: Guard, seq: int, by: str) -> int:
    """What the app shows stands, in every app; whom it lacks is not made there until somebody edits them."""
    done = 0
    for delivery in list(unwanted(tx, work)):
        entity, link = tx.entities.get(delivery.entity), tx.links.at(delivery.entity, work.app)
        if stand := stays(tx, sync, delivery, guard):
            _put_back(world, tx, sync, entity, stand, seq, by)
        elif link is None and guard is Guard.CREATES:
            note = f"not made in {work.app}"
            tx.log.append(Entry(event=Event.DECIDED, sync=sync.name, entity=entity.id, cause=seq, by=by, note=note))
            tx.deliveries.settle(delivery)
        else:
            continue
        done += 1
    expect(tx, sync)
    return done


def _leave_alone(tx: Transaction, sync: Sync, work: Parked) -> int:
    """New records of the app that no other app has been told of are nobody's any more; the others stay."""
    open_writes = {intent.entity for intent in tx.intents.open()}
    done = 0
    for entry in _told(tx, work, Event.LINKED):
        if entry.note != "new" or entry.entity is None or entry.ref is None:
            continue
        entity = tx.entities.get(entry.entity)
        links = [link for link in tx.links.of(entity.id) if link.state is not LinkState.GONE]
        if is_to_go(tx, entity):
            continue  # whoever is to be forgotten has it: it is deleted
        if entity.id in open_writes or [link.ref for link in links] != [entry.ref]:
            continue
        note = f"put aside: {entry.ref}"
        tx.log.append(Entry(event=Event.LEFT, sync=sync.name, entity=entity.id, ref=entry.ref, note=note))
        set_aside(tx, sync, entry.ref, links[0].seen)
        tx.links.drop(sync.name, entry.ref)
        tx.entities.put(replace(entity, deleted=True), ())
        tx.parked.withdraw(tx.parked.of([entity.id]).get(entity.id, []), note)
        part(tx, sync, entity.id, note)
        done += 1
    return done


def _restore(tx: Transaction, sync: Sync, work: Parked, seq: int, by: str) -> int:
    """Whoever is known to be deleted by now comes back; who is still to be missed comes back then."""
    done = 0
    for entry in _told(tx, work, Event.GONE) if work.detail["since"] else ():
        entity = tx.entities.get(entry.entity) if entry.entity else None
        if entity is None or entry.note or not entity.held or is_to_go(tx, entity):
            continue  # nothing brings back whoever was forgotten, or is to be
        held = [item for item in tx.parked.of([entity.id]).get(entity.id, []) if item.kind is ParkedKind.HOLD]
        if entity.deleted or held:
            bring_back(tx, sync, entity, REFUSED, by=by, cause=seq)
            done += 1
    return done
