"""The golden record and its ties to the records in the apps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from syncd.core.fieldmap import FieldRule, Sync
from syncd.core.lens import Misfit, View, view
from syncd.core.record import ABSENT, EntityId, Fields, Raws, Ref, Value, Version

__all__ = ["PEOPLE", "Entity", "Held", "Link", "LinkState", "base"]

PEOPLE: Final = "syncd"
"""The author of values that a person decided in syncd itself; it outranks every app."""


class Held(NamedTuple):
    """One agreed value: which version of the field it is, which app it came from, and when that app says so.

    A tuple, for it is made faster than anything else, and is made for every field of every record that is looked at.
    """

    value: Value
    ver: int = 1
    author: str = ""
    at: datetime | None = None
    seq: int = 0
    """The entry of the change log that set it."""


@dataclass(frozen=True, slots=True)
class Entity:
    """The golden record: the agreed value per canonical field, with its provenance."""

    id: EntityId
    sync: str
    held: Mapping[str, Held] = field(default_factory=dict)
    deleted: bool = False
    _fields: Fields | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def fields(self) -> Fields:
        """Field to agreed value."""
        if self._fields is None:  # asked for some fifty times with every record that is taken in
            object.__setattr__(self, "_fields", {name: held.value for name, held in self.held.items()})
        return self._fields or {}

    def value(self, name: str) -> Value:
        """The agreed value; blank where nothing was ever agreed."""
        held = self.held.get(name)
        return None if held is None else held.value

    def holding(self, name: str, held: Held) -> Entity:
        """This entity with one field set."""
        return replace(self, held={**self.held, name: held})


class LinkState(StrEnum):
    """Where a link stands."""

    LIVE = "live"
    OUT_OF_SCOPE = "out_of_scope"  # left its filter: sync is stopped, nothing is deleted
    MISSING = "missing"  # missed once by id; not yet believed
    GONE = "gone"  # deleted, and settled


@dataclass(frozen=True, slots=True)
class Link:
    """An entity's tie to one record, and the two views that keep the sync from looping.

    `seen`: the raw values the app last showed us, or kept of our last write. An app changed a field if it shows
    something other than that. `sent`: the canonical value last settled with the app, noted only where it is not
    simply what `seen` says: the app keeps something else than we meant (it cut, folded, rounded), and is at peace.
    """

    entity: EntityId
    ref: Ref
    seen: Raws = field(default_factory=dict)
    sent: Fields = field(default_factory=dict)
    version: Version = field(default_factory=Version)
    created: datetime | None = None
    state: LinkState = LinkState.LIVE
    missed_at: float | None = None
    """When a read by id first said that it is gone, in seconds since the epoch."""
    _owed: tuple[Entity, Sync, frozenset[str], Fields] | None = field(
        default=None, init=False, repr=False, compare=False
    )
    """What was last found to be owed, and by what: asked for several times on the way from a fact to a write."""

    def owed(self, entity: Entity, sync: Sync, parked: frozenset[str] = frozenset()) -> Fields:
        """What the app has yet to be told, in canonical terms. Empty when it is up to date.

        Fields in `parked` wait for a person and are never owed.
        """
        if self._owed is not None and self._owed[0] is entity and self._owed[1] is sync and self._owed[2] == parked:
            return self._owed[3]
        missing = dict(_owed(entity, self, sync, parked))
        object.__setattr__(self, "_owed", (entity, sync, parked, missing))
        return missing


def base(rule: FieldRule, link: Link, fields: Fields) -> View:
    """What `seen` says of a field: the common ancestor in a merge. ABSENT where the app never showed it."""
    return view(rule.lenses[link.ref.app], link.seen, fields)


def _owed(entity: Entity, link: Link, sync: Sync, parked: frozenset[str]) -> Iterator[tuple[str, Value]]:
    fields, seen, sent = entity.fields, link.seen, link.sent
    for rule, lens in sync.written(link.ref.app):
        name, computed = rule.name, rule.computed
        if name in parked or (computed is None and name not in fields):
            continue
        wanted = fields[name] if computed is None else computed.compute(fields)
        if isinstance(wanted, Misfit):
            continue
        shown = view(lens, seen, fields)
        if isinstance(shown, Misfit):
            continue  # what cannot be read is never overwritten unasked
        known = sent.get(name, shown)
        if known is ABSENT:
            known = None
        if rule.consent and wanted is not True and known is not True:
            continue  # "did not opt out" is no consent: it is never pressed on an app that says nothing
        if wanted != known:
            yield name, wanted
