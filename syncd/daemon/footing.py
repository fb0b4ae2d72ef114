"""Whether the store can be written to: nothing goes to an app that cannot first be written down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from syncd.errors import StoreError

__all__ = ["Footing"]


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
