"""What an audit finds, as plain values: differences and their causes, doubles, values that are none, what is filled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Audit", "Cause", "Coverage", "Difference", "Invalid", "Option", "Twins"]


class Cause(StrEnum):
    """Why an app shows something other than what is agreed."""

    DOUBT = "a write is in doubt"
    EDITED = "edited there, not taken in yet"
    PARKED = "waits for a person"
    REFUSED = "refused by the app"
    OPTION = "the option has no partner"
    MISFIT = "makes no sense"
    COERCED = "kept in the app's own form"
    OWED = "not yet delivered"
    FILTER = "outside the filter"
    ABSENT = "not made there yet"
    MISSING = "linked, and not listed"
    DRIFT = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field of a record that is not as agreed; `field` is "" where it is the whole record."""

    sync: str
    app: str
    record: str
    """app/object/id; "" where the app has none."""
    entity: str
    field: str
    cause: Cause
    agreed: Any = None
    shown: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Records of one app that have the same match key."""

    sync: str
    app: str
    field: str
    records: tuple[str, ...]
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """A value that is no e-mail address, or no phone number."""

    sync: str
    app: str
    record: str
    field: str
    type: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of an app that the mapping knows no partner for, and how many records have it."""

    sync: str
    app: str
    field: str
    option: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many of an app's records have a field filled."""

    sync: str
    app: str
    field: str
    filled: int
    records: int

    @property
    def share(self) -> float:
        """`filled` as a share of the records."""
        return self.filled / self.records if self.records else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a full comparison has found. `at`: when it began, in seconds since the epoch."""

    at: float
    records: Mapping[str, Mapping[str, int]]
    """Sync to app to how many records it shows."""
    unlinked: Mapping[str, Mapping[str, int]]
    """The same, of those that are no entity's: a question, put aside, or just made."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """App to why it was left out."""
    differences: tuple[Difference, ...] = ()
    duplicates: tuple[Twins, ...] = ()
    invalid: tuple[Invalid, ...] = ()
    options: tuple[Option, ...] = ()
    coverage: tuple[Coverage, ...] = ()

    @property
    def causes(self) -> Mapping[str, int]:
        """Cause to how many differences it has, the most first."""
        return dict(Counter(one.cause.value for one in self.differences).most_common())

    @property
    def fields(self) -> Mapping[str, Mapping[str, int]]:
        """Field to cause to how many; "" is the whole record."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self.differences:
            counts[one.field][one.cause.value] += 1
        return {name: dict(causes.most_common()) for name, causes in sorted(counts.items())}
