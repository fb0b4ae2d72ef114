"""Whom records point to, as those come and go: what an app empties by itself is no edit, and is filled again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from syncd.core.entity import Entity, Link
from syncd.core.fieldmap import FieldRule, Sync
from syncd.core.record import EntityId, Raw, Ref
from syncd.engine.debts import note_debts
from syncd.store.ports import Transaction

__all__ = ["note_gone", "note_referrers"]


def note_gone(tx: Transaction, syncs: Mapping[str, Sync], target: str, ref: Ref) -> None:
    """A record is gone: whoever points to it in that app points to nobody there, and that is as it should be.

    They still point to the entity, so that they do so again in that app once it has a record there.
    """
    gone = tx.links.get(target, ref)
    id = gone.entity if gone is not None else EntityId("")
    for sync, entity in _referrers(tx, syncs, target, id):
        for own in [link for link in tx.links.of(entity.id) if link.ref.app == ref.app]:
            held = [rule for rule in _pointing(sync, target, own) if _shows(own, rule) == str(id)]
            cleared = dict.fromkeys(name for rule in held for name in rule.lenses[ref.app].window)
            settled = {rule.name: str(id) for rule in held}
            tx.links.put(sync.name, replace(own, seen={**own.seen, **cleared}, sent={**own.sent, **settled}))


def note_referrers(tx: Transaction, syncs: Mapping[str, Sync], target: str, id: EntityId) -> None:
    """An entity has a record in one more app: whoever points to it may be owed there now."""
    for sync, entity in _referrers(tx, syncs, target, id):
        for own in tx.links.of(entity.id):
            emptied = {
                rule.name
                for rule in _pointing(sync, target, own)
                if own.sent.get(rule.name) == str(id) and not _shows(own, rule)
            }
            if emptied and tx.links.at(id, own.ref.app) is not None:
                sent = {name: value for name, value in own.sent.items() if name not in emptied}
                tx.links.put(sync.name, replace(own, sent=sent))
        note_debts(tx, sync, entity, None)


def _referrers(tx: Transaction, syncs: Mapping[str, Sync], target: str, id: EntityId) -> Iterator[tuple[Sync, Entity]]:
    """Who points to an entity, by which sync."""
    if not any(rule.refers == target for sync in syncs.values() for rule in sync.rules.values()):
        return
    for name, referrer in tx.entities.by_key((f"reference:{target}", str(id))):
        if name in syncs:
            yield syncs[name], tx.entities.get(referrer)


def _pointing(sync: Sync, target: str, link: Link) -> list[FieldRule]:
    """The fields of a record that point to entities of a sync."""
    return [rule for rule in sync.mapped(link.ref.app) if rule.refers == target]


def _shows(link: Link, rule: FieldRule) -> Raw:
    """Whom a record last pointed to."""
    return next((link.seen[name] for name in rule.lenses[link.ref.app].window if link.seen.get(name)), None)
