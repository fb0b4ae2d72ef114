"""What may go wrong in one run: a fault is on or off for the whole run first, then has a rate; some runs have none."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final

__all__ = ["PROFILES", "Profile", "drawn"]

_CALM: Final = 0.15
"""The share of runs without any fault: faults that are always on hide bugs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The share of calls, commits or events that each fault strikes."""

    # --- the wire
    refused_before: float = 0.0
    """The call fails before anything is applied, and says so."""
    cut_before: float = 0.0
    cut_after: float = 0.0
    late: float = 0.0
    """The answer is lost and the write lands some time later."""
    partial: float = 0.0
    """One item of a batch has no known outcome, the others have."""
    throttled: float = 0.0
    outage: float = 0.0
    # --- what an app shows
    blind: float = 0.0
    """Reads say 404, listings are empty."""
    truncated: float = 0.0
    hidden: float = 0.0
    """A field is not shown."""
    stale_rows: float = 0.0
    """A listing shows a record as it was before."""
    # --- what people and apps do
    intruder: float = 0.0
    """A person types between our read and our write."""
    meanwhile: float = 0.0
    """While a call is under way, something else happens: a person, a webhook, another app's turn."""
    deletes: float = 0.0
    merges: float = 0.0
    restores: float = 0.0
    """A person brings a deleted record back."""
    reuses: float = 0.0
    """A new record is given the id of a deleted one."""
    renames: float = 0.0
    """A person changes an address."""
    workflow: float = 0.0
    """The app rewrites, some time later, what we wrote."""
    # --- webhooks
    unheard: float = 0.0
    """A webhook is lost."""
    doubled: float = 0.0
    delayed: float = 0.0
    forged: float = 0.0
    # --- the process
    kill: float = 0.0
    """The process dies at a commit, at a call, or at its answer."""
    remapped: float = 0.0
    """The admin changes a filter, or takes a field out of the mapping and puts it back."""


_RARE: Final = frozenset({"outage", "blind", "kill", "hidden", "remapped", "forged"})
"""Faults that strike a sixth as often: each of them touches everything."""

_ALL: Final = frozenset(field.name for field in fields(Profile))
_WIRE: Final = frozenset({"refused_before", "cut_before", "cut_after", "late", "partial", "throttled", "outage"})
_SHOWN: Final = frozenset({"blind", "truncated", "hidden", "stale_rows"})
_PEOPLE: Final = frozenset({"intruder", "meanwhile", "deletes", "merges", "restores", "reuses", "renames", "workflow"})
_HEARD: Final = frozenset({"unheard", "doubled", "delayed", "forged"})

PROFILES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "swarm": _ALL,
        "calm": frozenset(),
        "wire": _WIRE,
        "blind": _SHOWN | {"outage"},
        "people": _PEOPLE,
        "webhooks": _HEARD | {"meanwhile", "deletes"},
        "kills": _WIRE | {"kill", "meanwhile"},
        "deletes": _SHOWN | {"deletes", "restores", "reuses", "merges", "outage", "late", "kill"},
        "words": _ALL,
    }
)
"""By name: the faults that a run may draw."""


def drawn(chance: random.Random, name: str = "swarm") -> Profile:
    """A profile for one run: some of the faults that the named one allows. Raises KeyError for an unknown name."""
    allowed = PROFILES[name]
    if chance.random() < _CALM:
        return Profile()
    rates = {field.name: chance.choice([0.02, 0.1, 0.3]) for field in fields(Profile)}
    for rare in _RARE:
        rates[rare] /= 6
    on = {fault: rate for fault, rate in rates.items() if chance.random() < 0.4 and fault in allowed}
    if "unheard" in on and chance.random() < 0.3:
        on["unheard"] = 1.0  # no webhook ever arrives: what hints miss, sweeps must find
    return replace(Profile(), **on)
