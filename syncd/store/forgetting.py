"""People who are to be forgotten, or were: what is kept of them is a salted hash of each key that they were found by.

The salt stands in the store, so a hash says nothing to whoever has not the store; to whoever has it, a hash answers
only whether somebody whom they name already was forgotten.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from syncd.core.match import Key
from syncd.core.record import EntityId

__all__ = ["AGAIN", "BLIND", "SALT", "Forgetting", "Forgotten", "blinded"]

SALT: Final = "forget_salt"
"""The fact of the store that is the salt; none where nobody was ever forgotten."""
AGAIN: Final = "forget_again"
"""The fact of the store that says that a backup brought people back who are to be forgotten again."""
BLIND: Final = "#"
"""How a hash begins that stands in the place of an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """That somebody is to be forgotten. `entities`: all that are this person, the one that was named first."""

    entities: tuple[EntityId, ...]
    by: str
    reason: str = ""
    cause: int = 0
    """The entry of the change log that says so."""
    id: int = 0
    asked: float = 0.0
    done: float | None = None
    lifted: float | None = None
    """When a person said that they may come back."""
    certificate: Mapping[str, Any] = field(default_factory=dict)
    """What was done, once it is."""


class Forgotten(Protocol):
    """Who is to be forgotten, who was, and the hashes of their keys."""

    def ask(self, order: Forgetting) -> int:
        """Note that somebody is to be forgotten; the number of the order."""

    def put(self, order: Forgetting) -> None:
        """Bring an order up to date."""

    def get(self, id: int) -> Forgetting | None:
        """One order."""

    def all(self) -> Sequence[Forgetting]:
        """Every order there ever was, oldest first."""

    def open(self) -> Mapping[EntityId, Forgetting]:
        """The orders that are not done yet, by each entity that they are about."""

    def remember(self, keys: Iterable[Key], order: int) -> None:
        """Keep the hashes of these keys."""

    def known(self, keys: Iterable[Key]) -> Mapping[Key, int]:
        """Those of the keys that somebody had who was, or is to be, forgotten, and by which order."""

    def lift(self, order: int) -> None:
        """Let go of the hashes of an order: whoever has such a key is new."""


def blinded(salt: str, key: Key) -> str:
    """The hash of a key."""
    name, value = key
    return BLIND + hmac.new(salt.encode(), f"{name}\n{value}".encode(), hashlib.sha256).hexdigest()[:40]
