"""Which entity is this record? Asked only of a record that has no link yet; a link is never re-decided by keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from syncd.core.fieldmap import Sync
from syncd.core.record import EntityId, Fields, Value

__all__ = ["Ambiguous", "Found", "Key", "Match", "New", "Taken", "keys", "match", "within"]

Key: TypeAlias = tuple[str, str]
"""Names of the fields joined by "+", and their values joined by an unprintable separator."""

_SEPARATOR = "\x1f"
_LONGEST = 500
"""Characters of a key: PostgreSQL takes 2,704 bytes, and all else that stands in the row."""
_BEGINNING = 64


@dataclass(frozen=True, slots=True)
class Found:
    """One entity has these keys, and no record of this app yet."""

    entity: EntityId
    by: str


@dataclass(frozen=True, slots=True)
class New:
    """No entity has these keys."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The entity with these keys has another record in this app already: a possible duplicate in the app."""

    entity: EntityId
    by: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several entities have these keys. A person must say which; syncd never guesses."""

    candidates: tuple[EntityId, ...]
    by: str


Match: TypeAlias = Found | New | Taken | Ambiguous


def keys(sync: Sync, fields: Fields) -> tuple[Key, ...]:
    """The match keys of a record or an entity, in the order in which they are tried. Blank parts make no key."""
    found = []
    for names in sync.match:
        values = [fields.get(name) for name in names]
        if all(value not in (None, "", ()) for value in values):
            found.append(("+".join(names), within(_SEPARATOR.join(_text(value) for value in values))))
    return tuple(found)


def within(key: str) -> str:
    """A key as it may stand in an index: of one that is too long for that, the beginning and a hash of the whole."""
    return key if len(key) <= _LONGEST else f"{key[:_BEGINNING]}…{hashlib.sha256(key.encode()).hexdigest()}"


def match(own: Sequence[Key], holders: Mapping[Key, Sequence[EntityId]], linked: frozenset[EntityId]) -> Match:
    """Decide by the first key that anybody holds.

    `holders`: live entities that hold each key. `linked`: those of them that have a live record in this app already.
    """
    for key in own:
        candidates = tuple(dict.fromkeys(holders.get(key, ())))
        if not candidates:
            continue
        free = tuple(entity for entity in candidates if entity not in linked)
        if len(free) > 1:
            return Ambiguous(free, key[0])
        if len(free) == 1:
            return Found(free[0], key[0])
        return Taken(candidates[0], key[0])
    return New()


def _text(value: Value) -> str:
    return _SEPARATOR.join(value) if isinstance(value, tuple) else str(value).casefold()
