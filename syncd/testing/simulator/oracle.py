"""The questions at the end, asked of the apps themselves: they know who put each value where, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from syncd.core.entity import Entity, Link, LinkState
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event
from syncd.testing.fake import Wrote
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.profile import Profile

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["questions"]

_NEVER = [(None, 0.0, inf)]
"""How long which value stood in a field that nobody ever wrote to."""


def questions(story: Simulation) -> list[str]:
    """Every invariant that does not hold, by name."""
    with story.store.read() as tx:
        violations = [
            *_agreement(story, tx),
            *_lost(story, tx),
            *_phantoms(story, tx),
            *_doubles(story, tx),
            *_re_subscribed(story, tx),
            *_undue_deletes(story),
            *_false_facts(story, tx),
            *(f"{entry.note}: the engine said so itself, at {entry.app}" for entry in _trips(tx)),
        ]
    damage = story.store.verify()
    return [*violations, *([f"S10: {damage}"] if damage else [])]


def _trips(tx: Transaction) -> Sequence[Entry]:
    """The promises that the engine itself found it was about to break."""
    return tx.log.find(events=(Event.BROKEN,), limit=1_000_000)


def _agreement(story: Simulation, tx: Transaction) -> Iterator[str]:
    """L1: every live link shows what is agreed, or what the app was seen to make of it."""
    for entity in tx.entities.all("people"):
        if entity.deleted:
            continue
        frozen = {work.field for work in tx.parked.of([entity.id]).get(entity.id, [])}
        for link in tx.links.of(entity.id):
            if link.state is not LinkState.LIVE:
                continue
            app = story.apps[link.ref.app]
            if link.ref.id not in app.rows:
                yield f"L1: {link.ref} is linked and not there"
                continue
            yield from _differences(story, entity, link, app, frozen)


def _differences(story: Simulation, entity: Entity, link: Link, app: SimApp, frozen: set[str]) -> Iterator[str]:
    for name in story.sync.rules:
        shown, agreed = app.rows[link.ref.id].fields.get(name), entity.value(name)
        kept = app.keeps[name](agreed) if name in app.keeps and agreed is not None else agreed
        same = (shown or None) in ((kept or None), agreed)
        if name == "out":
            same = (shown is True) == (agreed is True)
        if not same and name not in frozen:
            yield f"L1: {link.ref} shows {name} {shown!r}, agreed is {agreed!r}"


def _lost(story: Simulation, tx: Transaction) -> Iterator[str]:
    """S1, S2: a value that a person typed and syncd overwrote is in the change log."""
    logged: dict[tuple[str, str], set[Any]] = defaultdict(set)
    entity_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in tx.log.find(limit=1_000_000):
        for name, what in entry.fields.items():
            logged[str(entry.entity), name] |= {what.get("new"), what.get("kept")}
        if entry.ref is not None:
            entity_of[entry.ref.app, entry.ref.id].add(str(entry.entity))
    for app in story.apps.values():
        for before, typed, after in _neighbours(app):
            if before is not None and (before.value or None) == (typed.value or None):
                continue  # what stood there already is no edit
            if typed.author != "person" or after is None or after.author == "person" or typed.field in ("", "email"):
                continue
            if (typed.value or None) == (after.value or None):
                continue
            known = set().union(*(logged[entity, typed.field] for entity in entity_of[app.name, typed.id]))
            if (typed.value or None) not in known and not _excused(app, typed, after):
                yield f"S1: {app.name} {typed.id} {typed.field} {typed.value!r} was overwritten and is in no log"


def _excused(app: SimApp, typed: Wrote, after: Wrote) -> bool:
    """The gap between our read and our write, in an app that takes no condition: the one honest limit.

    A blank is no value to lose; a value that an intruder typed in the very moment of our write is in the gap.
    """
    in_the_gap = typed.at == after.at or after.at in app.landed
    return typed.value in (None, "", False) or (not app.capabilities.conditional and in_the_gap)


def _neighbours(app: SimApp) -> Iterator[tuple[Wrote | None, Wrote, Wrote | None]]:
    """Every value with the one before it and the one after it in the same field of the same record."""
    fields: dict[tuple[str, str], list[Wrote]] = defaultdict(list)
    for wrote in app.journal:
        fields[wrote.id, wrote.field].append(wrote)
    for story in fields.values():
        for place, wrote in enumerate(story):
            before = story[place - 1] if place else None
            after = story[place + 1] if place + 1 < len(story) else None
            yield before, wrote, after


def _phantoms(story: Simulation, tx: Transaction) -> Iterator[str]:
    """S3: no agreed value that nobody typed, in any app's manner of keeping it."""
    typed: dict[str, set[Any]] = defaultdict(set)
    for app in story.apps.values():
        for wrote in app.journal:
            if wrote.author == "person":
                typed[wrote.field].add(wrote.value)
    for name in ("first", "note"):
        frontier = set(typed[name])
        told = all(app.capabilities.returns_record for app in story.apps.values())
        for _ in range(0 if told and story.profile == Profile() else 3):  # else a manner may be taken for an edit
            frontier |= {app.keeps[name](v) for app in story.apps.values() if name in app.keeps for v in frontier if v}
        for entity in tx.entities.all("people"):
            value = entity.value(name)
            if value is not None and value not in frontier:
                yield f"S3: {entity.id} holds {name} {value!r}, which nobody typed"


def _doubles(story: Simulation, tx: Transaction) -> Iterator[str]:
    """S4: syncd made no second record for anybody."""
    for app in story.apps.values():
        by_address: dict[str, list[str]] = defaultdict(list)
        for id, row in app.rows.items():
            by_address[str(row.fields["email"]).casefold()].append(id)
        first = {wrote.id: wrote for wrote in reversed(app.journal) if wrote.field == "email"}
        for address, ids in by_address.items():
            made = [id for id in ids if first[id].author == "api" and str(first[id].value).casefold() == address]
            if len(made) > 1:
                yield f"S4: {app.name} has {address} as {ids}, made by syncd"
    del tx


def _re_subscribed(story: Simulation, tx: Transaction) -> Iterator[str]:
    """S5: once syncd knows that an address is opted out, it never writes that it is not, to any of its records.

    In the end every record that is linked shows it, unless a person has said otherwise there since.
    """
    for app in story.apps.values():
        addresses = _addresses(app)
        known = {e.address: e.since for e in tx.optouts.of("consent:out", addresses.values()).values()}
        last: dict[str, Wrote] = {}
        for wrote in app.journal:
            if wrote.field != "out":
                continue
            knew = known.get(addresses[wrote.id], wrote.at) < wrote.at and wrote.at not in app.landed
            before = last.get(wrote.id)
            if wrote.author == "api" and wrote.value is not True and (knew or (before and before.value is True)):
                yield f"S5: {app.name} {wrote.id} was re-subscribed by syncd"
            last[wrote.id] = wrote
        for link in tx.links.all("people"):
            id = link.ref.id
            if link.ref.app != app.name or link.state is not LinkState.LIVE or id not in app.rows:
                continue
            said = last.get(id)
            if addresses[id] in known and app.rows[id].fields["out"] is not True and not _by_person(said):
                yield f"S5: {link.ref} does not show the opt-out of {addresses[id]}"


def _by_person(wrote: Wrote | None) -> bool:
    return wrote is not None and wrote.author == "person"


def _addresses(app: SimApp) -> dict[str, str]:
    """The address of every record that the app ever had."""
    return {wrote.id: str(wrote.value).casefold() for wrote in app.journal if wrote.field == "email"}


def _undue_deletes(story: Simulation) -> Iterator[str]:
    """S6: syncd deletes a record only after a person has deleted one of the same person.

    Who that is says the address; records that an app has merged are one person from then on, whatever their addresses.
    """
    person = _persons(story)
    due: dict[str, float] = {}
    for app in story.apps.values():
        for wrote in app.journal:
            if wrote.field == "" and wrote.author == "person":
                due[person[app.name, wrote.id]] = min(wrote.at, due.get(person[app.name, wrote.id], inf))
    for app in story.apps.values():
        for wrote in app.journal:
            if wrote.field == "" and wrote.author == "api" and due.get(person[app.name, wrote.id], inf) > wrote.at:
                yield f"S6: {app.name} {wrote.id} was deleted by syncd, and nobody had deleted that person"


def _persons(story: Simulation) -> dict[tuple[str, str], str]:
    """App and record to an address that names the person."""
    same: dict[str, str] = {}

    def named(address: str) -> str:
        return address if same.get(address, address) == address else named(same[address])

    address = {(app.name, id): own for app in story.apps.values() for id, own in _addresses(app).items()}
    for app in story.apps.values():
        for lost, kept in app.merged.items():
            same[named(address[app.name, lost])] = named(address[app.name, kept])
        for wrote in app.journal:
            if wrote.field == "email":
                same[named(str(wrote.value).casefold())] = named(address[app.name, wrote.id])
    return {place: named(own) for place, own in address.items()}


def _false_facts(story: Simulation, tx: Transaction) -> Iterator[str]:
    """S7: what a merge took from a record stood there after the merge before it: no old showing is ever news."""
    stood = {app.name: _standing(app) for app in story.apps.values()}
    taken: dict[tuple[str, str, str], float] = {}
    for entry in reversed(tx.log.find(events=(Event.MERGED, Event.LINKED), limit=1_000_000)):
        if entry.ref is None:
            continue
        for name, what in entry.fields.items():
            place = (entry.ref.app, entry.ref.id, name)
            since, value = taken.get(place, 0.0), what.get("new")
            taken[place] = entry.at
            if entry.event is Event.LINKED or what.get("verdict") == "misfit":
                continue
            spans = stood[entry.ref.app].get((entry.ref.id, name), _NEVER)
            if not any(v == (value or None) and start <= entry.at and end >= since for v, start, end in spans):
                yield f"S7: {entry.seq} takes {name} {value!r} from {entry.ref}, where it no longer stood"


def _standing(app: SimApp) -> dict[tuple[str, str], list[tuple[Any, float, float]]]:
    """By record and field: each value, from when to when it stood there; blank and False are None."""
    spans: dict[tuple[str, str], list[tuple[Any, float, float]]] = defaultdict(list)
    for before, wrote, after in _neighbours(app):
        if before is None:
            spans[wrote.id, wrote.field].append((None, 0.0, wrote.at))
        spans[wrote.id, wrote.field].append((wrote.value or None, wrote.at, after.at if after else inf))
    return spans
