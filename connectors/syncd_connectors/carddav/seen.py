"""The cards that were read last, so that one that is written right after need not be fetched again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

__all__ = ["Seen"]

_MOST: Final = 16 * 1024 * 1024
"""Characters kept in all: a batch of cards, some with photographs."""


class Seen:
    """Texts of cards by id and ETag; the oldest are let go of."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, id: str, etag: str, text: str) -> None:
        """Remember how a card stands."""
        with self._lock:
            self._drop(id)
            self._texts[id] = (etag, text)
            self._size += len(text)
            while self._size > _MOST:
                self._drop(next(iter(self._texts)))

    def last(self, id: str) -> tuple[str, str] | None:
        """The ETag and the text of a card, if it is remembered."""
        with self._lock:
            return self._texts.get(id)

    def forget(self, id: str) -> None:
        """The card has changed."""
        with self._lock:
            self._drop(id)

    def _drop(self, id: str) -> None:
        _, text = self._texts.pop(id, ("", ""))
        self._size -= len(text)
