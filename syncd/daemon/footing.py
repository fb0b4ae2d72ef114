"""Whether the store can be written to: nothing goes to an app that cannot first be written down."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from syncd.errors import StoreError

__all__ = ["SCARCE", "Footing", "room"]

SCARCE: Final = 512 * 1024 * 1024
"""Bytes free beside the store below which no more is taken in than must be, and somebody is told."""


def room(folder: Path, least: int) -> None:
    """Raise StoreError if fewer than `least` bytes are free where the folder lies: before the store itself runs out."""
    if shutil.disk_usage(folder).free < least:
        raise StoreError("the disk under the store is nearly full", hint="free some space; syncd goes on by itself")


class Footing:
    """What every stage stands on. When the store gives way, no stage starts until it has been mended.

    Mending needs quiet: a stage that failed between its write and its outcome has left an intent on its way, which may
    be put in doubt only while no other stage has one. `failed` is called when the store gives way.
    """

    def __init__(self, failed: Callable[[], None]) -> None:
        self._failed = failed
        self._turn = threading.Condition()
        self._working = 0
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the store cannot be used; "" while it can."""
        return self._trouble

    def fails(self, trouble: str) -> None:
        """The store has given way. What runs may end; nothing new begins."""
        with self._turn:
            news, self._trouble = not self._trouble, trouble
        if news:
            self._failed()

    @contextmanager
    def working(self) -> Iterator[bool]:
        """Do a stage; False if it must not be done now."""
        with self._turn:
            firm = not self._trouble
            self._working += firm
        try:
            yield firm
        finally:
            with self._turn:
                self._working -= firm
                self._turn.notify_all()

    def mend(self, probe: Callable[[], None], patience: float) -> bool:
        """Try the store with `probe` once nothing runs; True if it holds again.

        Gives up for now after `patience` seconds of waiting for stages to end, or if the probe raises StoreError.
        """
        with self._turn:
            if not self._turn.wait_for(lambda: self._working == 0, patience):
                return False
            try:
                probe()
            except StoreError as still:
                self._trouble = still.message
                return False
            self._trouble = ""
            return True
