"""A mapping that is another than before: what is known is brought in line with it, and what everybody lacks is owed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncd.core.fieldmap import Sync
from syncd.core.record import EntityId
from syncd.engine.consent import all_keys
from syncd.engine.debts import note_debts, reckoned
from syncd.engine.world import World
from syncd.store.ports import Transaction

__all__ = ["reckon"]

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class _Handed:
    """What has come under another name: `raws` of an app by its name, and canonical `fields` that hold nothing else."""

    raws: Mapping[str, frozenset[str]]
    fields: frozenset[str]


def reckon(world: World, sync: Sync) -> None:
    """Where the mapping is another than when debts were last reckoned: what does everybody lack by this one?

    A field that was let go and comes back, a wider filter, an app that may be given new records: no record has
    changed, and yet something is owed. Another key is what everybody is found by from now on. What stands under
    another name is met anew.
    """
    name, owners = reckoned(sync), f"owners:{sync.name}"
    with world.store.read() as tx:
        if tx.meta.get(name) == sync.digest:
            return
        before: Mapping[str, Mapping[str, list[str]]] = json.loads(tx.meta.get(owners) or "{}")
    handed = _handed(sync, before)
    last = ""
    while True:
        with world.store.begin() as tx:
            part = tx.entities.living(sync.name, last, _CHUNK)
            if not part:
                tx.meta.put(name, sync.digest)
                tx.meta.put(owners, json.dumps(_with(before, _owners(sync)), sort_keys=True))
                return
            last = part[-1]
            tx.entities.load(part)
            tx.links.load_of(part)
            tx.parked.of(part)
            for id in part:
                _bring_in_line(tx, sync, id, handed)
                note_debts(tx, sync, tx.entities.get(id), None)


def _bring_in_line(tx: Transaction, sync: Sync, id: EntityId, handed: _Handed) -> None:
    """Let go of what was said under another name, as if nobody had looked yet; index by the keys of today."""
    entity = tx.entities.get(id)
    held = {name: value for name, value in entity.held.items() if name not in handed.fields}
    entity = replace(entity, held=held)
    tx.entities.put(entity, all_keys(sync, entity.fields))
    for link in tx.links.of(id):
        raws = handed.raws.get(link.ref.app, frozenset())
        if raws.isdisjoint(link.seen):
            continue
        names = {
            rule.name for rule in sync.mapped(link.ref.app) if not raws.isdisjoint(rule.lenses[link.ref.app].window)
        }
        seen: dict[str, Any] = {name: raw for name, raw in link.seen.items() if name not in raws}
        sent = {name: value for name, value in link.sent.items() if name not in names}
        tx.links.put(sync.name, replace(link, seen=seen, sent=sent))


def _handed(sync: Sync, before: Mapping[str, Mapping[str, list[str]]]) -> _Handed:
    now, kept = _owners(sync), set[str]()
    raws: dict[str, set[str]] = {}
    fields: set[str] = set()
    for app, owners in now.items():
        for raw, names in owners.items():
            was = before.get(app, {}).get(raw, [])
            kept |= set(names).intersection(was)
            if was and not set(was).intersection(names):
                raws.setdefault(app, set()).add(raw)
                fields |= set(names)
    return _Handed({app: frozenset(own) for app, own in raws.items()}, frozenset(fields - kept))


def _owners(sync: Sync) -> dict[str, dict[str, list[str]]]:
    """By app and its field: the canonical fields that are kept there."""
    found: dict[str, dict[str, list[str]]] = {}
    for app in sync.apps:
        for rule in sync.mapped(app):
            for raw in rule.lenses[app].window:
                found.setdefault(app, {}).setdefault(raw, []).append(rule.name)
    return found


def _with(
    before: Mapping[str, Mapping[str, list[str]]], now: Mapping[str, Mapping[str, list[str]]]
) -> dict[str, dict[str, list[str]]]:
    """What the mapping leaves out for a while stays known under the name that it last had."""
    return {app: {**before.get(app, {}), **now.get(app, {})} for app in {**before, **now}}
