"""Whether there is room for more: memory for the process, and disk beside the store."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Final

from syncd.daemon import memory
from syncd.errors import StoreError

__all__ = ["LOOKED", "SCARCE", "Space"]

SCARCE: Final = 512 * 1024 * 1024
"""Bytes free beside the store below which no more is taken in than must be, and somebody is told."""
_NEEDED: Final = 64 * 1024 * 1024
"""Bytes that must be free there: room for the journal of what is under way."""
_CROWDED: Final = 0.75
"""Of the memory that the process may use: above that, too."""
LOOKED: Final = 0.1
"""Seconds for which an answer holds where it is asked for again and again: a look takes as long as half a call."""


class Space:
    """What there is. `folder`: where the store lies, if it is a file; `most`: bytes of memory that may be used."""

    def __init__(self, folder: Path | None = None, most: int = 0) -> None:
        self._folder = folder
        self._most = most
        self._lacks = ""
        self._until = 0.0

    @property
    def scarce(self) -> bool:
        """The disk is nearly full."""
        return self._folder is not None and shutil.disk_usage(self._folder).free < SCARCE

    @property
    def crowded(self) -> bool:
        """Memory is nearly used up."""
        return self._uses(_CROWDED)

    @property
    def lacks(self) -> str:
        """Why nothing more is to be taken in; "" while there is room. As it was found a moment ago."""
        now = time.monotonic()
        if now >= self._until:
            told = "the disk is nearly full" if self.scarce else "memory is nearly used up" if self.crowded else ""
            self._lacks, self._until = told, now + LOOKED
        return self._lacks

    def require(self) -> None:
        """Raise StoreError if there is no room beside the store for what is under way: before it runs out itself."""
        if self._folder is not None and shutil.disk_usage(self._folder).free < _NEEDED:
            raise StoreError("the disk under the store is nearly full", hint="free some space; syncd goes on by itself")

    def bursts(self) -> bool:
        """More memory is in use than may be, also after what is free was given back."""
        if self._uses(1.0):
            memory.trim()
        return self._uses(1.0)

    def _uses(self, share: float) -> bool:
        return 0 < self._most * share < memory.used()
