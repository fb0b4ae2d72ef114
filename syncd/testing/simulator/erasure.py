"""S13: whoever was forgotten is gone everywhere, is made again by people alone, and what they opted out of holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, ParkedKind
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.journal import API, id_of
from syncd.testing.simulator.watch import CHANNEL
from syncd.testing.simulator.words import Forgot

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["Ordered", "forgotten", "held_back", "is_ordered", "on_order"]

Ordered: TypeAlias = Mapping[tuple[str, str], float]
"""App and id to since when whoever has the record is to be forgotten."""

_SAID = (Event.FORGETTING, Event.FORGOTTEN)


def forgotten(story: Simulation, tx: Transaction, entries: Sequence[Entry]) -> Iterator[str]:
    """Whatever is left of them, and whatever came back."""
    for one in story.words.forgot:
        order = tx.forgotten.get(one.order)
        if order is None or order.done is None:
            yield f"S13: order {one.order} is not done, though all is calm"
            continue
        yield from _left(tx, one)
        yield from _there(story, one, entries)
        yield from _opted_out(story, tx, one, entries)
    yield from _founded(story, entries)
    for app in story.apps.values():
        yield from _waits(story, tx, app)


def on_order(story: Simulation, entries: Sequence[Entry]) -> Ordered:
    """All whose records are to be forgotten: what syncd then deletes, it was told to."""
    since = {id: one.at for one in story.words.forgot for id in one.entities}
    found: dict[tuple[str, str], float] = {}
    for entry in entries:
        if entry.ref is not None and entry.entity in since:
            place = (entry.ref.app, entry.ref.id)
            found[place] = min(found.get(place, inf), since[entry.entity])
    return found


def is_ordered(ordered: Ordered, app: SimApp, name: str, at: float) -> bool:
    """Whether whoever had this record was to be forgotten by then. `name`: of the record, in the journal."""
    return ordered.get((app.name, id_of(name)), inf) <= at


def held_back(tx: Transaction, app: str) -> set[str]:
    """The records of the app that wait, since they show a key of somebody who was forgotten."""
    waiting = tx.parked.open((ParkedKind.QUARANTINE,), limit=1_000_000)
    return {work.ref.id for work in waiting if work.ref and work.app == app and "forgotten" in work.detail}


def _left(tx: Transaction, one: Forgot) -> Iterator[str]:
    """Of the entity nothing is held, nothing is tied, nothing is asked; its entries say when and which app, no more."""
    works = tx.parked.ever(one.entities, ())
    for id in one.entities:
        entity = tx.entities.get(id)
        if entity.held or not entity.deleted:
            yield f"S13: {id} was forgotten, and holds {dict(entity.fields)}"
        if tx.links.of(id):
            yield f"S13: {id} was forgotten, and is tied to {[str(link.ref) for link in tx.links.of(id)]}"
        for entry in tx.log.find(entity=id, limit=1_000_000):
            if entry.event not in _SAID and entry.event is not Event.DECIDED and (entry.fields or entry.note):
                yield f"S13: entry {entry.seq} still says of {id}: {entry.note} {dict(entry.fields)}"
    for work in works:
        if work.closed is None or work.detail or work.reason:
            yield f"S13: question {work.id} still says of {work.entity}: {work.reason} {dict(work.detail)}"


def _there(story: Simulation, one: Forgot, entries: Sequence[Entry]) -> Iterator[str]:
    """None of their records is there, but for one that a person brought back, or that its app had denied."""
    ends = [entry for entry in entries if entry.entity in one.entities and entry.event in (Event.GONE, Event.REMOVED)]
    denied = {(entry.ref.app, entry.ref.id) for entry in ends if entry.ref and story.fates.profile.blind}
    for app, name in one.records:
        lives = story.apps[app]
        id = id_of(name)
        back = any(w.id == name and w.field == "restored" and w.at >= one.at for w in lives.journal)
        if id in lives.rows and lives.called(id) == name and not back and (app, id) not in denied:
            yield f"S13: {app} still has {name}, of somebody who was forgotten"


def _founded(story: Simulation, entries: Sequence[Entry]) -> Iterator[str]:
    """Nobody new was founded on a record that showed one of their addresses, until they were let back.

    Of several orders about one address the last one counts.
    """
    for entry in entries:
        if entry.event is not Event.LINKED or entry.note != "new":
            continue
        shown = str(entry.fields.get("email", {}).get("new") or "").casefold()
        about = [one for one in story.words.forgot if shown in one.addresses and one.at < entry.at]
        if about and (about[-1].lifted or inf) > entry.at:
            yield f"S13: {entry.ref} shows an address of somebody who was forgotten, and was taken for somebody new"


def _opted_out(story: Simulation, tx: Transaction, one: Forgot, entries: Sequence[Entry]) -> Iterator[str]:
    """What they had opted out of holds, and so does what stood in a record of theirs when syncd read and deleted it."""
    if any(entry.event is Event.OPTED_IN and entry.at >= one.at for entry in entries):
        return  # whose it was is not told from outside
    owed = set(one.opted_out)
    for app, name in one.records:
        lives = story.apps[app]
        address, since = "", inf
        for wrote in lives.journal:
            if wrote.id != name:
                continue
            if wrote.field == "email":
                address = str(wrote.value).casefold()
            elif wrote.field == "out":
                since = wrote.at if wrote.value is True and wrote.author != API else inf
            elif wrote.field == "" and wrote.author == API and wrote.at not in lives.landed:
                read = any(since < at <= wrote.at for at in lives.looks.get(name, ()))
                owed |= {address} if read else set()
    for address in sorted(owed - set(tx.optouts.of(CHANNEL, owed))):
        yield f"S13: {address} had opted out, was forgotten, and is known to nobody as opted out"


def _waits(story: Simulation, tx: Transaction, app: SimApp) -> Iterator[str]:
    """A record that shows a key of theirs is nobody's."""
    keys = {address for one in story.words.forgot if one.lifted is None for address in one.addresses}
    for id in sorted(held_back(tx, app.name)):
        row = app.rows.get(id)
        if row is None:
            yield f"S13: {app.name} {id} is held back, and is not there"
        elif str(row.fields["email"]).casefold() not in keys:
            yield f"S13: {app.name} {id} is held back, and shows no address of anybody who was forgotten"
