"""The store was set back: an older copy of it stands in its place. Nothing is written to any app until a person agrees.

What such a store remembers is old, and everything that people and syncd did since looks like news of today. Read before
anything is written, most of it turns out to agree already; the rest is a plan for a person. Three things are other than
on an ordinary day, from then on or until all has been listed anew:

- a listing of before does not count: each app is listed whole before it is written to;
- a delete that was decided before is asked about again: the record may be another's by now, or be meant to stay;
- that much has changed at once trips no guard for an hour after the plan was agreed to: it is what was agreed to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from syncd.core.entity import Entity, LinkState
from syncd.core.fieldmap import Sync
from syncd.engine.world import World
from syncd.store.generation import advance, misplaced
from syncd.store.ports import Storage, Transaction
from syncd.store.values import Delivery, Entry, Event, Parked, ParkedKind, Progress

__all__ = [
    "HELD",
    "Compared",
    "Setback",
    "accept",
    "accept_for_now",
    "ask_again",
    "counts",
    "expected",
    "hold",
    "keep_comparison",
    "listed_since",
    "notice",
    "setback",
    "setback_from",
]

HELD: Final = "setback"
_FROM: Final = "setback_from"
_ACCEPTED: Final = "setback_accepted"
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What would be written, were it agreed to."""

    at: float
    """When everything was read."""
    writes: Mapping[str, Mapping[str, int]]
    """App to kind of write to how many."""
    parked: Mapping[str, int]
    """Kind of parked work to how much of it would be new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """What is known of the copy. Times in seconds since the epoch."""

    noticed: float
    copied: float | None
    """When the copy was made, to ten seconds or so; None where nobody can say."""
    why: str
    """How it was noticed."""
    compared: Compared | None = None


_SETBACK: Final = TypeAdapter(Setback)


def hold(tx: Transaction, why: str, copied: float | None) -> None:
    """Write to no app from now on."""
    note = f"{why}; writes are held"
    seq = tx.log.append(Entry(event=Event.SET_BACK, note=note))
    tx.meta.put(HELD, json.dumps(asdict(Setback(noticed=tx.now, copied=copied, why=why))))
    tx.meta.put(_FROM, f"{seq} {tx.now}")


def setback(tx: Transaction) -> Setback | None:
    """What writes are held for; None while they are not."""
    return setback_from(tx.meta.get(HELD))


def setback_from(text: str | None) -> Setback | None:
    """The same from what the store keeps under the name `HELD`."""
    return _SETBACK.validate_json(text) if text else None


def notice(store: Storage, file: Path | None) -> None:
    """Hold writes if the store is not the one that was last worked on, says its file, or its rows. StoreError."""
    why, known = misplaced(store, file)
    if why:
        with store.begin() as tx:
            hold(tx, why, known.at if known else None)
        advance(store, file)


def keep_comparison(tx: Transaction, found: Compared) -> None:
    """Note what it comes to, if writes are still held."""
    back = setback(tx)
    if back is not None:
        tx.meta.put(HELD, json.dumps(asdict(replace(back, compared=found))))


def accept(store: Storage, by: str) -> bool:
    """Go on from what the store remembers. False if nothing was held."""
    with store.begin() as tx:
        news = setback(tx) is not None
        if news:
            accept_for_now(tx)
            note = "what an older copy of the store leads to was agreed to"
            tx.log.append(Entry(event=Event.DECIDED, by=by, note=note))
    return news


def accept_for_now(tx: Transaction) -> None:
    """The same without a word in the change log: for a rehearsal, whose store is a copy."""
    tx.meta.put(HELD, "")
    tx.meta.put(_ACCEPTED, str(tx.now))


def expected(tx: Transaction) -> bool:
    """A person has agreed, within the hour, to all that the older copy leads to, or is about to be asked."""
    return tx.now < float(tx.meta.get(_ACCEPTED) or 0.0) + _HOUR


def listed_since(world: World, tx: Transaction, app: str) -> bool:
    """Has all of the app been listed since the store was set back, if it ever was? Only then it is written to."""
    return all(counts(tx, tx.cursors.get(sync.name, app)) for sync in world.syncs.values() if app in sync.apps)


def counts(tx: Transaction, progress: Progress) -> bool:
    """Was the listing made since the store was set back, if it ever was?"""
    since = tx.meta.get(_FROM)
    return since is None or (progress.listed_at or 0.0) >= float(since.partition(" ")[2])


def ask_again(tx: Transaction, sync: Sync, entity: Entity, delivery: Delivery) -> bool:
    """A delete that is owed was decided before the store was set back: then a person is asked, and True."""
    since = tx.meta.get(_FROM)
    if since is None or (delivery.cause or 0) > int(since.partition(" ")[0]):
        return False
    links = tx.links.of(entity.id)
    lost = [link.ref for link in links if link.state is LinkState.GONE]
    remain = [str(link.ref) for link in links if link.state is not LinkState.GONE]
    work = Parked(kind=ParkedKind.HOLD, sync=sync.name, app=lost[0].app if lost else "", entity=entity.id)
    detail = {"deleted_in": work.app, "record": lost[0].id if lost else "", "remain": remain}
    reason = "it was to be deleted when the copy of the store was made that stands in its place now"
    tx.parked.park(replace(work, reason=reason, detail=detail, cause=delivery.cause))
    return True
