"""Which entity a person means: by a record, by its own id, or by an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from syncd.core.record import EntityId, Ref
from syncd.errors import ConfigError
from syncd.store.ports import Storage, Transaction

__all__ = ["Found", "candidates", "find"]

_ALL = 10_000
_ID = re.compile(r"e[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class Found:
    """An entity and its sync. `note`: how it was found, where that was not by what it is now."""

    sync: str
    entity: EntityId
    note: str = ""


def find(store: Storage, text: str, syncs: Sequence[str], *, valued: Sequence[str] | None = None) -> Found:
    """The one entity that `text` names: app/object/id, an entity's id, or a match value such as an e-mail address,
    which may be one that it had in the past.

    Only entities of `syncs` count: the store remembers those of syncs that are no longer configured. `valued`:
    those of them in which values may be asked for; all, unless it is said. Raises ConfigError if there is none, or
    more than one.
    """
    with store.read() as tx:
        found = [one for one in candidates(tx, text, syncs, valued=valued) if one.sync in syncs]
        found = found or _former(tx, text.strip(), syncs if valued is None else valued)
    if not found:
        hint = "name a record as app/object/id, an entity by its id, or somebody by the value records are matched by"
        raise ConfigError(f'nothing is known of "{text}"', hint=hint)
    if len(found) > 1:
        there = ", ".join(f"{one.entity} in {one.sync}" for one in found)
        raise ConfigError(f'"{text}" is more than one: {there}', hint="name one of them by its id")
    return found[0]


def candidates(tx: Transaction, text: str, syncs: Sequence[str], *, valued: Sequence[str] | None = None) -> list[Found]:
    """Every entity that `text` may mean. `valued`: the syncs in which values may be asked for."""
    if _ID.fullmatch(text):
        try:
            entity = tx.entities.get(EntityId(text))
        except KeyError:
            return []
        return [Found(entity.sync, entity.id)]
    found: list[Found] = []
    if text.count("/") >= 2:
        app, object, id = text.split("/", 2)
        links = [(sync, tx.links.get(sync, Ref(app, object, id))) for sync in syncs]
        found = [Found(sync, link.entity) for sync, link in links if link is not None]
    by_value = tx.entities.by_value(text.strip().casefold()) if not found else ()
    return found or [Found(sync, id) for sync, id in by_value if valued is None or sync in valued]


def _former(tx: Transaction, text: str, syncs: Sequence[str]) -> list[Found]:
    """The entities that were matched by this value once, and are matched by another now."""
    entries = tx.log.find(value=text, limit=_ALL) if text else ()
    ids = dict.fromkeys(entry.entity for entry in entries if entry.entity is not None and entry.sync in syncs)
    labels = tx.entities.labels(ids)
    found: dict[EntityId, Found] = {}
    for entry in entries:
        label = labels.get(entry.entity) if entry.entity in ids and entry.entity is not None else None
        for field, what in entry.fields.items():
            said = {str(what.get(when)).casefold() for when in ("old", "new")}
            if label is None or entry.entity is None or text.casefold() not in said:
                continue
            entity = tx.entities.get(entry.entity)
            if str(entity.value(field)).casefold() == label:
                note = f"{text} is a former {field}: it is {label} now"
                found[entity.id] = Found(entity.sync, entity.id, note)
    return list(found.values())
