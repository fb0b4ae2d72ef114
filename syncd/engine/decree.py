"""A person's word stands: a value of theirs is the agreed one, outranks every app, and is owed wherever it differs."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.core.entity import PEOPLE, Entity, Held
from syncd.core.fieldmap import Sync
from syncd.core.record import Fields
from syncd.engine.consent import all_keys, enrol, heed
from syncd.engine.debts import note_debts
from syncd.engine.namesakes import part, tells_apart
from syncd.engine.world import World
from syncd.store.ports import Transaction
from syncd.store.values import ParkedKind

__all__ = ["CONTESTED", "decree"]

CONTESTED = (ParkedKind.CONFLICT, ParkedKind.OPT_IN, ParkedKind.BLANK, ParkedKind.LOOP)
"""What a person's word on the field answers."""


def decree(
    world: World, tx: Transaction, sync: Sync, entity: Entity, values: Fields, seq: int, *, answer: str, by: str
) -> Entity:
    """Let `values` stand, as entry `seq` of the log tells; open questions about these fields are answered by them.

    What an address had opted out of stays so, whoever says what: the register is heeded.
    """
    before, at = entity, datetime.fromtimestamp(tx.now, UTC)
    for name, value in values.items():
        old = entity.held.get(name)
        entity = entity.holding(name, Held(value, (old.ver if old else 0) + 1, PEOPLE, at, seq))
    tx.entities.put(entity, all_keys(sync, entity.fields))
    if any(one.consent and (one.name in values or one.address in values) for one in sync.rules.values()):
        entity = heed(tx, sync, entity)
        enrol(world, tx, sync, entity.fields, "", seq)  # what they opted out of holds for the address that stands now
    for item in tx.parked.of([entity.id]).get(entity.id, []):
        if item.field in values and item.kind in CONTESTED:
            tx.parked.close(item.id, answer, by)
    moved = [name for name in values if before.value(name) != entity.value(name)]
    if tells_apart(sync, moved) and tx.links.of(entity.id):
        part(tx, sync, entity.id, "it has another key")
    note_debts(tx, sync, entity, seq, urgent=any(sync.rules[name].consent for name in values))
    return entity
