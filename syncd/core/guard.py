"""Brakes: what looks like a fault of an app, or of a person's mass action, stops before it spreads, and asks.

Each rule compares a count with a bound and a share with a bound, and trips when both are passed: a handful of changes
in a tiny account is daily work, two thousand in a large one are not.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "Trip", "deleting", "emptying", "listing", "rewriting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds per app and object; counts are per hour, shares are of the linked records."""

    deletes: int = 25
    delete_share: float = 0.05
    changes: int = 500
    change_share: float = 0.5
    blanks: int = 50
    blank_share: float = 0.2
    shrink: int = 20
    shrink_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Trip:
    """A guard tripped: what was seen, for a person."""

    guard: str
    reason: str


def listing(linked: int, missing: int, listed: int, limits: Limits) -> Trip | None:
    """A complete listing of `listed` rows lacks `missing` of `linked` records: a lost permission or a cut answer."""
    if listed == 0 < linked:
        return Trip("empty", f"the listing is empty, and {linked} records are linked")
    if missing > limits.shrink and missing > linked * limits.shrink_share:
        return Trip("shrunk", f"the listing lacks {missing} of the {linked} linked records")
    return None


def rewriting(linked: int, changed: int, limits: Limits) -> Trip | None:
    """`changed` of `linked` records changed at the app within the hour."""
    if changed > limits.changes and changed > linked * limits.change_share:
        return Trip("mass change", f"{changed} of {linked} linked records changed within an hour")
    return None


def emptying(linked: int, blanked: int, limits: Limits) -> Trip | None:
    """`blanked` records had a filled field emptied within the hour."""
    if blanked > limits.blanks and blanked > linked * limits.blank_share:
        return Trip("mass blanking", f"fields of {blanked} of {linked} linked records were emptied within an hour")
    return None


def deleting(linked: int, deleted: int, limits: Limits) -> Trip | None:
    """`deleted` records would be removed by syncd within the hour; the smaller of the two bounds counts."""
    if deleted > limits.deletes or deleted > max(1, int(linked * limits.delete_share)):
        return Trip("mass delete", f"{deleted} of {linked} records would be deleted within an hour")
    return None
