"""Who is one person: an entity, those it has become one with, and the same person in other syncs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from syncd.core.entity import Entity
from syncd.core.fieldmap import Sync
from syncd.core.record import EntityId
from syncd.engine.consent import all_keys
from syncd.store.ports import Transaction
from syncd.store.values import Event

__all__ = ["person"]

_FUSED: Final = re.compile(r"fused with (e[0-9a-f]{20}): ")
_ALL: Final = 1_000_000


def person(syncs: Mapping[str, Sync], tx: Transaction, id: EntityId) -> tuple[EntityId, ...]:
    """Every entity that is this person, `id` first.

    That is whoever has become one with it, and in other syncs of the same kind of thing whoever has a match key, an
    address or a record in common with it. Two of one sync with the same key are not taken for one: nobody has said so.
    """
    found: dict[EntityId, None] = {id: None}
    asked = [id]
    while asked:
        entity = tx.entities.get(asked.pop())
        for other in (*_become_one(tx, entity), *_elsewhere(syncs, tx, entity)):
            if other not in found:
                found[other] = None
                asked.append(other)
    return tuple(found)


def _become_one(tx: Transaction, entity: Entity) -> list[EntityId]:
    told = tx.log.find(entity=entity.id, events=(Event.LINKED,), limit=_ALL)
    return [EntityId(fused[1]) for entry in told if (fused := _FUSED.match(entry.note))]


def _elsewhere(syncs: Mapping[str, Sync], tx: Transaction, entity: Entity) -> list[EntityId]:
    own = syncs.get(entity.sync)
    if own is None:
        return []
    alike = {name: sync for name, sync in syncs.items() if name != own.name and sync.entity == own.entity}
    keyed = [pair for key in all_keys(own, entity.fields) for pair in tx.entities.by_key(key)]
    refs = [link.ref for link in tx.links.of(entity.id)]
    tied = [link.entity for name in alike for ref in refs if (link := tx.links.get(name, ref)) is not None]
    return [*(id for name, id in keyed if name in alike), *tied]
