"""What was made of something lately, for whoever asks for the same again within moments: bounded, let go of at rest."""

from __future__ import annotations

import weakref
from typing import Any, TypeVar

__all__ = ["Lately", "clear"]

K = TypeVar("K")
V = TypeVar("V")


class Lately(dict[K, V]):
    """So many pairs at most: all are forgotten when one more would be kept."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        _all.append(weakref.ref(self, _all.remove))

    def keep(self, key: K, value: V) -> V:
        """Remember it; the value."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value


_all: list[weakref.ref[Any]] = []


def clear() -> None:
    """Forget all of it, everywhere: a process that rests holds nothing that it may not need for an hour."""
    for known in _all:
        lately = known()
        if lately is not None:
            lately.clear()
