"""Records as apps hold them, and the writes we ask of apps.

Two levels of value, never mixed:

- a *raw* value is what an app's API shows, as JSON: `None`, bool, int, float, str, list, dict. A field that
  is missing from `Record.fields` is *absent*: the app did not show it, and nothing follows from that.
  `None` and `""` are two further, different things.
- a *canonical* `Value` is syncd's own: `None` (blank), bool, int, str, or a tuple of str. Decimals, dates and
  instants are canonical strings, so that equality is `==` and the store needs no codec.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, NewType, TypeAlias

__all__ = [
    "ABSENT",
    "Absent",
    "Create",
    "Cursor",
    "Delete",
    "EntityId",
    "Exists",
    "Fields",
    "Gone",
    "Merged",
    "Outcome",
    "Raw",
    "Raws",
    "Record",
    "Ref",
    "Refused",
    "Stale",
    "Stored",
    "Unknown",
    "Unsent",
    "Update",
    "Value",
    "Version",
    "Write",
    "echoes",
]

Raw: TypeAlias = Any
"""A JSON value as the app shows it."""

Raws: TypeAlias = Mapping[str, Raw]
"""An app's field names to raw values. Names are the app's own, dotted where the app nests them."""

Value: TypeAlias = None | bool | int | str | tuple[str, ...]
Fields: TypeAlias = Mapping[str, Value]

EntityId = NewType("EntityId", str)
Cursor = NewType("Cursor", str)


class Absent:
    """The type of `ABSENT`: the app did not show this field."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class Ref(NamedTuple):
    """Where a record lives: app, object, id.

    A tuple, for it is looked up by the hundred with every record that is taken in, and a tuple's hash is the fastest.
    """

    app: str
    object: str
    id: str

    def __str__(self) -> str:
        return f"{self.app}/{self.object}/{self.id}"


@dataclass(frozen=True, slots=True)
class Version:
    """How new a record is by its own app's reckoning. Never compared across apps.

    `token` is opaque (an ETag, a revision, a time as text); `at` is the app's own time of the last change, UTC,
    where it tells one.
    """

    token: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A record as an app shows it."""

    ref: Ref
    fields: Raws
    version: Version = field(default_factory=Version)
    created: datetime | None = None
    """When the app says the record came to be: a re-used id is a new record, and this tells."""


_EXACT: Final = frozenset((str, bool, int, type(None)))


def echoes(names: Iterable[str], before: Raws, now: Raws) -> bool:
    """Whether an app shows just what it showed before in each of these fields: the same text, number or blank.

    A list, an object or a fraction may be equal and yet another; such a field is no echo until a lens has read it.
    """
    for name in names:
        shown = now.get(name, ABSENT)
        if type(shown) not in _EXACT or name not in before:
            return False
        stood = before[name]
        if stood is not shown and (type(stood) is not type(shown) or stood != shown):
            return False
    return True


@dataclass(frozen=True, slots=True)
class Gone:
    """The app says that it has no such record. `told`: by an explicit tombstone, not by a mere 404."""

    ref: Ref
    told: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """The app says that the record was merged into another; `into` is the survivor."""

    ref: Ref
    into: Ref


@dataclass(frozen=True, slots=True)
class Create:
    """Make a record. `key` names this write in the outcome, and to the app where it takes such a key."""

    app: str
    object: str
    fields: Raws
    key: str


@dataclass(frozen=True, slots=True)
class Update:
    """Change only the fields in `patch`. `expect`: refuse with Stale if the app holds another version."""

    ref: Ref
    patch: Raws
    key: str
    expect: Version | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a record, by the gentlest removal that the app offers (archive rather than purge)."""

    ref: Ref
    key: str
    expect: Version | None = None


Write: TypeAlias = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Stored:
    """The write was applied. `record` is the record as now stored; None where the app does not say."""

    key: str
    ref: Ref
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The app refuses this record and will refuse it again. `field`: the app's own name, where it gives one."""

    key: str
    reason: str
    field: str | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Exists:
    """A create met a record that is there already. `ref` is that record where the app names it."""

    key: str
    ref: Ref | None = None


@dataclass(frozen=True, slots=True)
class Stale:
    """The record moved on, or is gone: read it again, then decide. Nothing was applied."""

    key: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The write may or may not have been applied."""

    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unsent:
    """The write was certainly not applied; it may be asked again after `retry_after` seconds."""

    key: str
    reason: str = ""
    retry_after: float | None = None


Outcome: TypeAlias = Stored | Refused | Exists | Stale | Unknown | Unsent
