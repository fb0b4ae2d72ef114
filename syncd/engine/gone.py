"""Records that are missing: looked at twice, believed late, and never amplified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from syncd.core.entity import LinkState
from syncd.core.fieldmap import Sync
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine.canary import accepted, sworn_read
from syncd.engine.deletes import believe
from syncd.engine.fuse import follow_merge
from syncd.engine.guards import watch
from syncd.engine.take import READ, take
from syncd.engine.world import Tally, World
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, IntentKind

__all__ = ["look_again", "missed", "probe"]

_UNSEEN: Final = "no other record that {app} shows vouches for this: syncd may not see what is there"


def probe(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Tally:
    """Read records that a listing lacks, or that something says are gone. Facts are taken in; misses are noted.

    Raises Tripped, and then notes nothing, where too many have gone.
    """
    if not refs:
        return Tally()
    found = sworn_read(world, sync, app, refs)
    with world.store.begin() as tx:
        tally = take(world, tx, sync, [fact for fact in found.values() if isinstance(fact, Record)], READ)
        for fact in found.values():
            if isinstance(fact, Gone):
                missed(world, tx, sync, fact)
            elif isinstance(fact, Merged):
                follow_merge(world, tx, sync, fact)
        watch(world, tx, sync, app)
    return tally


def missed(world: World, tx: Transaction, sync: Sync, gone: Gone) -> None:
    """A read by id did not find the record. A tombstone is believed at once, a mere absence after a second look."""
    link = tx.links.get(sync.name, gone.ref)
    if link is None or link.state is LinkState.GONE:
        return
    own = tx.intents.of_refs(gone.ref.app, [gone.ref]).get(gone.ref)
    if own is not None and own.kind is IntentKind.DELETE:
        return  # it is ours, and in doubt: settling that tells, and nobody's delete is seen in it
    if link.state is LinkState.OUT_OF_SCOPE:  # the sync has let go of it: whatever becomes of it concerns nobody else
        tx.links.put(sync.name, replace(link, state=LinkState.GONE))
        note = "it had left its filter: the others stay"
        tx.log.append(Entry(event=Event.GONE, sync=sync.name, entity=link.entity, ref=link.ref, note=note))
        return
    first = link.missed_at
    if gone.told or (first is not None and tx.now >= first + world.safety.second_look.total_seconds()):
        others = any(ref != link.ref for ref in tx.links.canaries(sync.name, gone.ref.app, 2))
        vouched = gone.told or others or accepted(tx, gone.ref.app)
        believe(world, tx, sync, link, doubt="" if vouched else _UNSEEN.format(app=gone.ref.app))
    elif first is None:
        tx.links.put(sync.name, replace(link, state=LinkState.MISSING, missed_at=tx.now))


def look_again(world: World, sync: Sync, app: str) -> Tally:
    """The second look at records that were missed once, when it is due."""
    with world.store.read() as tx:
        due = tx.now - world.safety.second_look.total_seconds()
        refs = [link.ref for link in tx.links.missing(sync.name, app) if link.missed_at and link.missed_at <= due]
    return probe(world, sync, app, refs)
