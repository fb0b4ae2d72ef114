"""Brakes: what looks like a fault of an app, or of a person's mass action, stops before it spreads, and asks.

Each rule compares a count with a bound and a share with a bound, and trips when both are passed: a handful of changes
in a tiny account is daily work, two thousand in a large one are not.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from syncd.core.entity import Entity, Held
from syncd.core.fieldmap import Sync
from syncd.core.merge import Merge, Verdict, Verdicts

__all__ = [
    "ABSENCE",
    "BOUNDLESS",
    "REWRITING",
    "Guard",
    "Limits",
    "Trip",
    "creating",
    "deleting",
    "emptying",
    "expecting",
    "listing",
    "mass",
    "rewriting",
    "spared",
    "vanishing",
]


class Guard(StrEnum):
    """Which guard it is that trips."""

    EMPTY = "empty"  # a complete listing without a single record
    SHRUNK = "shrunk"  # a complete listing that lacks most of what is linked
    DELETES = "mass delete"
    CHANGES = "mass change"
    BLANKS = "mass blanking"
    CREATES = "mass create"


ABSENCE = frozenset({Guard.EMPTY, Guard.SHRUNK, Guard.DELETES})
"""Guards that trip over records that are not there."""
REWRITING = frozenset({Guard.CHANGES, Guard.BLANKS})
"""Guards that trip over values."""
BOUNDLESS = sys.maxsize
"""A bound that nothing passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds per app and object; counts are per hour, shares are of the linked records."""

    deletes: int = 25
    delete_share: float = 0.05
    changes: int = 500
    change_share: float = 0.5
    blanks: int = 50
    blank_share: float = 0.2
    creates: int = 500
    create_share: float = 0.5
    shrink: int = 20
    shrink_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Trip:
    """A guard tripped: what was seen, for a person."""

    guard: Guard
    reason: str
    count: int
    """Records that it is about."""
    linked: int
    """Records that are linked."""

    @property
    def share(self) -> float:
        """`count` as a share of the linked records."""
        return self.count / max(1, self.linked)


def expecting(limits: Limits) -> Limits:
    """The same bounds where a person has seen, or is about to see, every write: only what is missing still trips."""
    return replace(limits, changes=BOUNDLESS, blanks=BOUNDLESS, creates=BOUNDLESS)


def listing(linked: int, missing: int, listed: int, limits: Limits) -> Trip | None:
    """A complete listing of `listed` rows lacks `missing` of `linked` records: a lost permission or a cut answer."""
    if listed == 0 < linked:
        return Trip(Guard.EMPTY, f"the listing is empty, and {linked} records are linked", linked, linked)
    if missing > limits.shrink and missing > linked * limits.shrink_share:
        return Trip(Guard.SHRUNK, f"the listing lacks {missing} of the {linked} linked records", missing, linked)
    return None


def mass(guard: Guard, linked: int, count: int, limits: Limits) -> Trip | None:
    """`count` records changed, were emptied, came or went at an app within the hour, or would be written there so.

    `linked`: how many there are, with those that have come since, and without those that have gone.
    """
    match guard:
        case Guard.CHANGES:
            return rewriting(linked, count, limits)
        case Guard.BLANKS:
            return emptying(linked, count, limits)
        case Guard.CREATES:
            return creating(max(0, linked - count), count, limits)
        case _:
            return vanishing(linked + count, count, limits)


def vanishing(linked: int, gone: int, limits: Limits) -> Trip | None:
    """`gone` of `linked` records are said to have been deleted at the app within the hour."""
    if gone > limits.shrink and gone > linked * limits.shrink_share:
        return Trip(Guard.DELETES, f"{gone} of {linked} linked records were deleted within an hour", gone, linked)
    return None


def rewriting(linked: int, changed: int, limits: Limits) -> Trip | None:
    """`changed` of `linked` records changed at the app within the hour, or would be changed there."""
    if changed > limits.changes and changed > linked * limits.change_share:
        reason = f"{changed} of {linked} linked records changed within an hour"
        return Trip(Guard.CHANGES, reason, changed, linked)
    return None


def emptying(linked: int, blanked: int, limits: Limits) -> Trip | None:
    """`blanked` records had a filled field emptied within the hour, or would have."""
    if blanked > limits.blanks and blanked > linked * limits.blank_share:
        reason = f"fields of {blanked} of {linked} linked records were emptied within an hour"
        return Trip(Guard.BLANKS, reason, blanked, linked)
    return None


def creating(linked: int, created: int, limits: Limits) -> Trip | None:
    """`created` records came to `linked` others within the hour, or would be made beside them."""
    if created > limits.creates and created > linked * limits.create_share:
        reason = f"{created} records are new within an hour, beside {linked} linked ones"
        return Trip(Guard.CREATES, reason, created, linked)
    return None


def deleting(linked: int, deleted: int, limits: Limits) -> Trip | None:
    """`deleted` records would be removed by syncd within the hour; the smaller of the two bounds counts."""
    if deleted > limits.deletes or deleted > max(1, int(linked * limits.delete_share)):
        reason = f"{deleted} of {linked} records would be deleted within an hour"
        return Trip(Guard.DELETES, reason, deleted, linked)
    return None


def spared(before: Entity, result: Merge, sync: Sync, refused: Collection[Guard]) -> Merge:
    """A merge without what a person has refused: those values have lost, and what was agreed before stands.

    Refused changes are all that took the place of a value; refused blanking is what emptied one. An opt-out is
    refused by nobody.
    """
    held: dict[str, Held] = dict(result.entity.held)
    verdicts: list[Verdicts] = []
    for one in result.verdicts:
        emptied = one.new is None and Guard.BLANKS in refused
        taken = one.verdict is Verdict.TAKEN and one.old is not None and not sync.rules[one.field].consent
        if taken and (Guard.CHANGES in refused or emptied):
            held[one.field] = before.held[one.field]
            verdicts.append(one._replace(verdict=Verdict.LOST, rule="a person refused it, with all the others"))
        else:
            verdicts.append(one)
    if tuple(verdicts) == result.verdicts:
        return result  # nothing is owed anew, then
    return replace(result, entity=replace(result.entity, held=held), verdicts=tuple(verdicts))
