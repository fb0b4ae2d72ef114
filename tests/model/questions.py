"""What must be true once it is calm: asked of the apps and of the change log, by what the ledger says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from syncd.core.record import EntityId, Raw
from syncd.store.ports import Transaction
from syncd.store.values import ParkedKind
from tests.model.ledger import Typed
from tests.model.town import Town

__all__ = ["wrongs"]


def wrongs(town: Town, known: frozenset[str]) -> list[str]:
    """Everything that is not as it must be. `known`: addresses that syncd knew at the last calm to have opted out."""
    with town.store.read() as tx:
        found = [
            *_lost(town, tx),
            *_disagreements(town, tx),
            *_re_subscribed(town, tx, known),
            *_deletes_of_nobody(town),
            *_doubles(town, _asked_about(town, tx)),
            *_never_typed(town),
        ]
    damage = town.store.verify()
    return [*found, damage] if damage else found


def _lost(town: Town, tx: Transaction) -> Iterator[str]:
    """What a person typed stands with that person, in some app, or it is in the change log of that person."""
    logged: dict[EntityId | None, set[tuple[str, Raw]]] = defaultdict(set)
    entities: dict[tuple[str, str], set[EntityId | None]] = defaultdict(set)
    for entry in tx.log.find(limit=1_000_000):
        if entry.ref is not None:
            entities[entry.ref.app, entry.ref.id].add(entry.entity)
        for name, what in entry.fields.items():
            logged[entry.entity] |= {(name, what.get(word)) for word in ("old", "new", "kept")}
    address = _addresses(town)

    def stands(typed: Typed) -> bool:
        return any(
            row.fields[typed.field] in (typed.value, typed.shown)
            for app in town.apps.values()
            for id, row in app.rows.items()
            if address[app.name, id] == address[typed.app, typed.id]
        )

    def in_log(typed: Typed) -> bool:
        return any(
            (typed.field, value) in logged[entity]
            for entity in entities[typed.app, typed.id]
            for value in (typed.value, typed.shown)
        )

    for typed in town.ledger.missing(stands, in_log):
        yield f"lost: {typed}"


def _disagreements(town: Town, tx: Transaction) -> Iterator[str]:
    """Everybody is in every app, once, and is shown alike there, unless a person has deleted or merged, or is asked."""
    asked = _asked_about(town, tx)
    spoken = town.ledger.deleted | town.ledger.merged | asked
    by_address: dict[str, list[tuple[str, dict[str, Raw]]]] = defaultdict(list)
    for name, app in town.apps.items():
        for row in app.rows.values():
            by_address[str(row.fields["email"])].append((name, row.fields))
    for address, rows in by_address.items():
        if address in town.ledger.merged | asked:
            continue
        for field in ("first", "note"):
            shown = {name: fields[field] or None for name, fields in rows}
            if not any(_alike(town, field, value, shown) for value in shown.values()):
                yield f"{address} shows {field} as {shown}"
        absent = town.apps.keys() - {name for name, _ in rows}
        if absent and address not in spoken:
            yield f"{address} is missing in {sorted(absent)}"


def _alike(town: Town, field: str, value: Raw, shown: dict[str, Raw]) -> bool:
    """Whether every app shows what it makes of one value, or that value as it is."""
    kept = {name: _made_of(town, name, field, value) for name in shown}
    return all(shown[name] in (value, kept[name]) for name in shown)


def _made_of(town: Town, app: str, field: str, value: Raw) -> Raw:
    keeps = town.apps[app].keeps.get(field)
    return (keeps(value) if keeps and value is not None else value) or None


def _re_subscribed(town: Town, tx: Transaction, known: frozenset[str]) -> Iterator[str]:
    """An address that opted out is never written as anything else, and is shown so wherever nobody said otherwise.

    A second record of the same app, of which a person is asked whose it is, is left as it stands; and of what an app
    has refused a person is told.
    """
    refused = {
        (work.app, str(tx.entities.get(work.entity).value("email")))
        for work in tx.parked.open((ParkedKind.QUARANTINE,))
        if work.entity
    }
    rivals = {(work.ref.app, work.ref.id) for app in town.apps for work in tx.parked.rivals(app) if work.ref}
    address, opted_out = _addresses(town), known | set(town.ledger.opted_out.values())
    for app in town.apps.values():
        for wrote in app.journal:
            presses = wrote.author == "api" and wrote.field == "out" and wrote.value is not True
            if presses and wrote.at > town.calm_at and address[app.name, wrote.id] in known:
                yield f"{app.name} {wrote.id} was re-subscribed by syncd"
        for id, row in app.rows.items():
            own = address[app.name, id]
            contested = any(address[place] == own for place in town.ledger.opted_in) or (app.name, own) in refused
            if own in opted_out and not contested and (app.name, id) not in rivals and row.fields["out"] is not True:
                yield f"{app.name} {id} does not show that {own} opted out"


def _deletes_of_nobody(town: Town) -> Iterator[str]:
    """syncd deletes the record of nobody of whom a person has not deleted one."""
    address = _addresses(town)
    for app in town.apps.values():
        for wrote in app.journal:
            if wrote.author == "api" and not wrote.field:
                own = address[app.name, wrote.id]
                if own not in town.ledger.deleted and not (own in town.ledger.merged and town.ledger.deleted):
                    yield f"{app.name} {wrote.id} was deleted by syncd, and nobody had deleted {own}"


def _doubles(town: Town, asked: set[str]) -> Iterator[str]:
    """syncd makes no second record of anybody, unless an edit has beaten a delete late: then a person is asked.

    Whoever was merged elsewhere may still be shown under the old address here, and somebody new may have it by now.
    """
    for app in town.apps.values():
        first = {wrote.id: wrote for wrote in reversed(app.journal) if wrote.field == "email"}
        made: dict[str, list[str]] = defaultdict(list)
        for id, row in app.rows.items():
            own = str(row.fields["email"])
            if first[id].author == "api" and first[id].value == own and own not in town.ledger.merged | asked:
                made[own].append(id)
        for address, ids in made.items():
            if len(ids) > 1:
                yield f"{app.name} has {address} as {ids}, all made by syncd"


def _never_typed(town: Town) -> Iterator[str]:
    """No app shows what nobody typed, not even in another app's manner twice over."""
    for field in ("first", "note"):
        typed: set[Raw] = {"Old", *town.ledger.words.get(field, ())}
        words: set[Raw] = {None, "", *typed}
        for _ in town.apps:
            words |= {_made_of(town, app, field, word) for app in town.apps for word in words}
        for app in town.apps.values():
            for id, row in app.rows.items():
                if row.fields[field] not in words:
                    yield f"{app.name} {id} shows {field} {row.fields[field]!r}, which nobody typed"


def _asked_about(town: Town, tx: Transaction) -> set[str]:
    """Addresses of everybody about whom a person is being asked."""
    own = _addresses(town)
    asked: set[str] = set()
    for work in tx.parked.open():
        entities: list[Any] = [work.entity, work.detail.get("entity"), *work.detail.get("entities", ())]
        for entity in filter(None, entities):
            asked.add(str(tx.entities.get(entity).value("email")))
            places = [(link.ref.app, link.ref.id) for link in tx.links.of(entity)]
            asked |= {own[place] for place in places if place in own}  # a grave has an id of its own
        if work.ref is not None:
            asked.add(own[work.ref.app, work.ref.id])
    return asked


def _addresses(town: Town) -> dict[tuple[str, str], str]:
    """The address of every record that ever was."""
    return {
        (app.name, wrote.id): str(wrote.value)
        for app in town.apps.values()
        for wrote in app.journal
        if wrote.field == "email"
    }
