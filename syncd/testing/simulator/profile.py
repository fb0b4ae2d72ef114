"""What may go wrong in one run: a fault is on or off for the whole run first, then has a rate; some runs have none."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

__all__ = ["Profile", "drawn"]

_CALM = 0.15
"""The share of runs without any fault: faults that are always on hide bugs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The share of calls, commits or events that each fault strikes."""

    refused_before: float = 0.0
    """The call fails before anything is applied, and says so."""
    cut_before: float = 0.0
    cut_after: float = 0.0
    late: float = 0.0
    """The answer is lost and the write lands some time later."""
    partial: float = 0.0
    """One item of a batch has no known outcome, the others have."""
    outage: float = 0.0
    blind: float = 0.0
    """Reads say 404, listings are empty."""
    truncated: float = 0.0
    kill: float = 0.0
    """The process dies at a commit."""
    intruder: float = 0.0
    """A person types between our read and our write."""
    stale_rows: float = 0.0
    """A listing shows a record as it was before."""
    merges: float = 0.0
    deletes: float = 0.0
    hidden: float = 0.0
    """A field is not shown."""


def drawn(chance: random.Random) -> Profile:
    """A profile for one run."""
    if chance.random() < _CALM:
        return Profile()
    rates = {field.name: chance.choice([0.02, 0.1, 0.3]) for field in fields(Profile)}
    for name in ("outage", "blind", "kill", "hidden"):
        rates[name] /= 6
    return Profile(**{name: rate for name, rate in rates.items() if chance.random() < 0.4})
