"""The loop breaker: two apps that keep rewriting each other's value are stopped at that one field."""

from __future__ import annotations

from itertools import pairwise

from syncd.core.entity import Entity
from syncd.core.fieldmap import Sync
from syncd.engine.world import World
from syncd.store.ports import Transaction
from syncd.store.values import Event

__all__ = ["loops"]


def loops(world: World, tx: Transaction, sync: Sync, entity: Entity, field: str, app: str) -> bool:
    """True if the author of a field has alternated too often within the window, values coming back each time.

    `entity` is as it was before the change by `app` that is being taken in.
    """
    held = entity.held.get(field)
    if held is None or held.author == app or held.ver <= world.safety.loop_turns:
        return False
    since = tx.now - world.safety.loop_window.total_seconds()
    entries = tx.log.find(entity=entity.id, sync=sync.name, events=(Event.MERGED,), since=since, limit=50)
    taken = [(e.app, e.fields[field]["new"]) for e in reversed(entries) if _taken(e.fields.get(field))]
    turns = sum(1 for (before, _), (after, _) in pairwise(taken) if before != after)
    values = [_text(value) for _, value in taken]
    return turns > world.safety.loop_turns and len(set(values)) < len(values)


def _taken(what: object) -> bool:
    return isinstance(what, dict) and what.get("verdict") == "taken"


def _text(value: object) -> str:
    return repr(value)
