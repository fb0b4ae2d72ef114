"""Bringing somebody back: an edit beats a delete, and a refused delete is undone where it began."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.entity import Entity, LinkState
from syncd.core.fieldmap import Sync
from syncd.engine.consent import all_keys
from syncd.store.ports import Transaction
from syncd.store.values import ParkedKind

__all__ = ["is_to_go", "revive"]


def is_to_go(tx: Transaction, entity: Entity) -> bool:
    """Whether a person said that this one is to be forgotten, and not all of their records are gone yet."""
    return entity.deleted and entity.id in tx.forgotten.open()


def revive(tx: Transaction, sync: Sync, entity: Entity, why: str, by: str = "") -> Entity:
    """The entity, alive again; its records that are gone are forgotten, so that they are made anew.

    Whoever is to be forgotten themselves stays as they are: nothing brings them back.
    """
    if is_to_go(tx, entity):
        return entity
    for link in tx.links.of(entity.id):
        if link.state is LinkState.GONE:
            tx.links.drop(sync.name, link.ref)
    for work in tx.parked.of([entity.id]).get(entity.id, []):
        if work.kind is ParkedKind.HOLD:
            tx.parked.close(work.id, why, by)
    alive = replace(entity, deleted=False)
    tx.entities.put(alive, all_keys(sync, alive.fields))
    return alive
