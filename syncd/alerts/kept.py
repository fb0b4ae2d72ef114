"""What is durable of alerts: as JSON in the store's own facts.

alerts:DESTINATION      what that destination was told, group by group
alerts                  what stood when the daemon last looked, and which destinations could not be reached
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from syncd.alerts.news import Heard, Trouble

__all__ = ["STANDING", "Standing", "from_json", "name_of", "standing_from", "to_json"]

STANDING: Final = "alerts"
_HEARD: Final[TypeAdapter[dict[str, Heard]]] = TypeAdapter(dict[str, Heard])


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the daemon saw when it last looked and something was other than before."""

    at: float
    """Seconds since the epoch."""
    troubles: Sequence[Trouble] = ()
    failing: Mapping[str, str]
    """Destination to why it could not be told."""

    def json(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))


_STANDING: Final[TypeAdapter[Standing]] = TypeAdapter(Standing)


def name_of(destination: str) -> str:
    """Under which name in the store it is kept what a destination was told."""
    return f"{STANDING}:{destination}"


def to_json(heard: Mapping[str, Heard]) -> str:
    """What a destination was told, as it is kept."""
    return json.dumps({group: asdict(one) for group, one in heard.items()})


def from_json(text: str | None) -> dict[str, Heard]:
    """The same, read; nothing where there is none, or none that this syncd can read: then all is told once more."""
    try:
        return _HEARD.validate_json(text or "{}")
    except ValidationError:
        return {}


def standing_from(text: str | None) -> Standing | None:
    """What stood; None where nobody ever looked."""
    try:
        return _STANDING.validate_json(text or "")
    except ValidationError:
        return None
