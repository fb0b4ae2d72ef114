"""The questions at the end, asked of the apps themselves: they know who put each value where, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from syncd.core.entity import Entity, Link, LinkState
from syncd.store.ports import Transaction
from syncd.testing.fake import Wrote
from syncd.testing.simulator.app import SimApp

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["questions"]


def questions(story: Simulation) -> list[str]:
    """Every invariant that does not hold, by name."""
    with story.store.read() as tx:
        violations = [
            *_agreement(story, tx),
            *_lost(story, tx),
            *_phantoms(story, tx),
            *_doubles(story, tx),
            *_re_subscribed(story),
        ]
    damage = story.store.verify()
    return [*violations, *([f"S10: {damage}"] if damage else [])]


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
            logged[str(entry.entity), name].add(what.get("new"))
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
        for _ in range(3):
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
        made = {wrote.id for wrote in app.journal if wrote.field == "email" and wrote.author == "api"}
        for address, ids in by_address.items():
            if len(ids) > 1 and sum(id in made for id in ids) > 1:
                yield f"S4: {app.name} has {address} as {ids}, made by syncd"
    del tx


def _re_subscribed(story: Simulation) -> Iterator[str]:
    """S5: once an address is opted out anywhere, syncd never writes that it is not."""
    for app in story.apps.values():
        before: dict[str, Any] = {}
        for wrote in app.journal:
            if wrote.field != "out":
                continue
            if wrote.author == "api" and wrote.value is not True and before.get(wrote.id) is True:
                yield f"S5: {app.name} {wrote.id} was re-subscribed by syncd"
            before[wrote.id] = wrote.value
