"""What an app shows, watched for what looks like its fault or a mass action; and what a person has said to that.

A guard that trips lets nothing of that page in. The app is paused, the question is parked, and one answer goes on or
puts it aside, see `masses.py`. An answer holds until the app has been listed to the end once more: that is what it was
about. What is expected trips nothing: a first listing, and whatever a person has planned and applied.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from syncd.core.fieldmap import Deletion, Sync
from syncd.core.guard import ABSENCE, REWRITING, Guard, Trip, listing, mass
from syncd.core.record import Raws, Ref
from syncd.engine.canary import accepted, resumed_at
from syncd.engine.setback import expected as agreed_to
from syncd.engine.world import World
from syncd.errors import Halted
from syncd.store.codec import dump
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = [
    "SAMPLES",
    "Tripped",
    "answer",
    "approved",
    "expect",
    "expected",
    "is_set_aside",
    "left_aside",
    "listed",
    "refused",
    "set_aside",
    "settle",
    "tripped",
    "watch",
    "watch_listing",
]

_HOUR: Final = 3600.0
_MOST: Final = 200_000
"""Entries of the change log that a guard looks through."""
SAMPLES: Final = 5
_LISTED: Final = "listed"
"""Noted among the answers once the app has been listed since."""
_NEW: Final = "new"
"""What the change log notes of a record that founded its entity."""


class Tripped(Halted):
    """A guard tripped. `work` is the question that it asks of a person."""

    def __init__(self, work: Parked) -> None:
        super().__init__(f"{work.app}: {work.reason}", hint=f"look at {work.app}; see: syncd holds")
        self.work = work


@dataclass(frozen=True, slots=True)
class _Seen:
    """Records that a guard counts, newest first, with the fields by which they count."""

    records: Mapping[Ref, Sequence[str]]
    first: int
    """The first of the entries that tell of them."""


# --- what is watched -----------------------------------------------------------------------------------------------


def watch(world: World, tx: Transaction, sync: Sync, app: str) -> None:
    """Raise Tripped, and so take nothing of this page in, if too much has changed at this app within the hour."""
    if accepted(tx, app) or agreed_to(tx) or tx.cursors.get(sync.name, app).listed_at is None:
        return
    limits, after = world.limits(sync, app), expected(tx, sync)
    last = tx.log.get(after) if after else None
    expected_at = last.at if last is not None and last.at <= tx.now else 0.0  # the clock may have been set back
    # What a person has let through is not counted again, nor a first sync, which may be millions of entries.
    since = max(tx.now - _HOUR, resumed_at(tx, app) + _HOUR, expected_at)
    closed = approved(tx, sync, app) | refused(tx, sync, app)
    if sync.deletes is Deletion.IGNORE:
        closed |= {Guard.DELETES}
    for guards, event, few in (
        ((Guard.CHANGES, Guard.BLANKS), Event.MERGED, min(limits.changes, limits.blanks)),
        ((Guard.CREATES,), Event.LINKED, limits.creates),
        ((Guard.DELETES,), Event.GONE, limits.shrink),
    ):
        open_ones = [guard for guard in guards if guard not in closed]
        told = tx.log.count(app=app, sync=sync.name, event=event, since=since) if open_ones else 0
        linked = world.recent.linked(tx, sync.name, app) if told > few else 0
        if told <= few or not any(mass(guard, linked, told, limits) for guard in open_ones):
            world.recent.drop(sync.name, app, (event,))
            continue  # were each of them about another record, it would not be too much: none need be read
        counting = partial(_counting, guards)
        counted = world.recent.counted(tx, sync.name, app, (event,), counting, since=since, after=after)
        for guard in open_ones:
            many = len(counted.get(guard, ()))
            if mass(guard, linked, many, limits) is None:
                continue
            linked = world.recent.recount(tx, sync.name, app)
            if mass(guard, linked, many, limits) is None:
                continue
            entries = tx.log.find(app=app, sync=sync.name, events=(event,), since=since, after=after, limit=_MOST)
            seen = _seen(entries, guard)
            trip = mass(guard, linked, len(seen.records), limits)
            if trip is not None:
                raise Tripped(tripped(sync, app, trip, seen.records, first=seen.first))


def watch_listing(
    world: World, tx: Transaction, sync: Sync, app: str, samples: Sequence[Ref], lacking: int, listed: int
) -> None:
    """Raise Tripped if a complete listing of `listed` rows lacks so many that it is a fault rather than news."""
    if accepted(tx, app) or (approved(tx, sync, app) | refused(tx, sync, app)).issuperset(ABSENCE):
        return
    linked = tx.links.linked(sync.name, app)
    trip = listing(linked, lacking, listed, world.limits(sync, app))
    if trip is not None:
        raise Tripped(tripped(sync, app, trip, dict.fromkeys(samples, ())))


def tripped(sync: Sync, app: str, trip: Trip, records: Mapping[Ref, Sequence[str]], *, first: int = 0) -> Parked:
    """The question that a guard asks: how many, of how many, and whom for example. Values are not shown.

    `first`: the first entry of the change log that it is about.
    """
    some = [(ref, list(fields)) for ref, fields in records.items()][:SAMPLES]
    detail: dict[str, Any] = {
        "count": trip.count,
        "linked": trip.linked,
        "share": round(trip.share, 4),
        "samples": [{"record": str(ref), "fields": fields} for ref, fields in some],
        "since": first,
    }
    return Parked(
        kind=ParkedKind.GUARD,
        sync=sync.name,
        app=app,
        field=trip.guard.value,
        reason=f"{trip.guard}: {trip.reason}",
        detail=detail,
    )


def _seen(entries: Iterable[Entry], guard: Guard) -> _Seen:
    """The records that count for a guard, each once, however often it changed."""
    records: dict[Ref, Sequence[str]] = {}
    first = 0
    for entry in entries:
        if entry.ref is not None and _counts(entry, guard):
            records.setdefault(entry.ref, tuple(telling(entry, guard)))
            first = entry.seq
    return _Seen(records, first)


def _counting(guards: Sequence[Guard], entries: Sequence[Entry]) -> Iterator[tuple[Guard, Entry]]:
    return ((guard, entry) for entry in entries for guard in guards if _counts(entry, guard))


def _counts(entry: Entry, guard: Guard) -> bool:
    """Whether a guard counts an entry. A value where there was none is nothing to be afraid of."""
    if guard in REWRITING:
        return any(telling(entry, guard))
    return entry.note == (_NEW if guard is Guard.CREATES else "")


def telling(entry: Entry, guard: Guard) -> Iterator[str]:
    """The fields of a merge by which it counts for a guard: a value was taken in place of another, or was emptied."""
    for name, what in entry.fields.items():
        taken = what.get("verdict") == "taken" and what.get("old") is not None
        if taken and (guard is Guard.CHANGES or (guard is Guard.BLANKS and what.get("new") is None)):
            yield name


# --- what a person has said ----------------------------------------------------------------------------------------


def answer(tx: Transaction, sync: Sync, app: str, guard: Guard, *, yes: bool) -> None:
    """Note what a person says of what tripped a guard, and of its like, until the app has been listed once more.

    Who approves of many changes approves of blanks among them, too; who refuses many blanks does not refuse the rest.
    """
    kin = (REWRITING, ABSENCE) if yes else (ABSENCE,)
    like = next((like for like in kin if guard in like), frozenset({guard}))
    _note(tx, sync, app, {**_noted(tx, sync, app), **{one.value: [yes, tx.now] for one in like}})


def approved(tx: Transaction, sync: Sync, app: str) -> frozenset[Guard]:
    """Guards of which a person has said that the app is right."""
    return frozenset(Guard(name) for name, (yes, _) in _noted(tx, sync, app).items() if yes and name != _LISTED)


def refused(tx: Transaction, sync: Sync, app: str) -> frozenset[Guard]:
    """Guards of which a person has said that what the app shows is to be put aside."""
    return frozenset(Guard(name) for name, (yes, _) in _noted(tx, sync, app).items() if not yes)


def listed(world: World, sync: Sync, app: str, *, anew: bool) -> None:
    """The app has been listed to the end: what was answered is nearly over, and so is a first listing (`anew`)."""
    with world.store.read() as tx:
        noted = _noted(tx, sync, app)
    if anew or noted:
        with world.store.begin() as tx:
            _note(tx, sync, app, {**noted, _LISTED: (True, tx.now)} if noted else {})
            expect(tx, sync)
        settle(world, sync, app)


def settle(world: World, sync: Sync, app: str) -> None:
    """Once the app was listed, and all that was hinted at is read, what was answered is over.

    That a record which is missing is not to be missed takes a second look at it, and holds as much longer.
    """
    with world.store.read() as tx:
        noted = _noted(tx, sync, app)
        if _LISTED not in noted or tx.hints.due(app, sync.apps[app], tx.now, 1):
            return
        until = tx.now - _HOUR - world.safety.second_look.total_seconds()
    kept = {name: (yes, at) for name, (yes, at) in noted.items() if not yes and name in ABSENCE and at > until}
    with world.store.begin() as tx:
        _note(tx, sync, app, kept)
        expect(tx, sync)


def expect(tx: Transaction, sync: Sync) -> None:
    """What the change log has told of a sync until now, and the writes that come of it, are as a person wants them."""
    tx.meta.put(f"expected:{sync.name}", str(tx.log.last()))


def expected(tx: Transaction, sync: Sync) -> int:
    """The last entry of the change log that no guard is to count."""
    return int(tx.meta.get(f"expected:{sync.name}") or 0)


def _noted(tx: Transaction, sync: Sync, app: str) -> dict[str, tuple[bool, float]]:
    text = tx.meta.get(f"answered:{sync.name}:{app}")
    return {name: (yes, at) for name, (yes, at) in json.loads(text).items()} if text else {}


def _note(tx: Transaction, sync: Sync, app: str, noted: Mapping[str, Sequence[Any]]) -> None:
    tx.meta.put(f"answered:{sync.name}:{app}", dump({name: list(one) for name, one in noted.items()}) if noted else "")


# --- new records that were put aside -------------------------------------------------------------------------------


def set_aside(tx: Transaction, sync: Sync, ref: Ref, shown: Raws) -> None:
    """A new record is left alone, until somebody edits it."""
    tx.meta.put(_some(sync, ref.app), "some")
    tx.meta.put(_aside(sync, ref), _digest(sync, ref.app, shown))


def left_aside(tx: Transaction, sync: Sync, app: str) -> bool:
    """New records of the app were put aside, once."""
    return tx.meta.get(_some(sync, app)) is not None


def is_set_aside(tx: Transaction, sync: Sync, ref: Ref, shown: Raws) -> bool:
    """The record was put aside, and shows what it showed then."""
    return tx.meta.get(_aside(sync, ref)) == _digest(sync, ref.app, shown)


def _some(sync: Sync, app: str) -> str:
    return f"aside:{sync.name}:{app}"


def _aside(sync: Sync, ref: Ref) -> str:
    return f"{_some(sync, ref.app)}:{ref.id}"


def _digest(sync: Sync, app: str, shown: Raws) -> str:
    mapped = {name: shown[name] for name in sync.window(app) if name in shown}
    return hashlib.blake2b(dump(mapped).encode(), digest_size=16).hexdigest()
