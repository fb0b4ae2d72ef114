"""Calls that come in at the same time are made durable in one transaction: a disk is asked once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from syncd.errors import StoreError
from syncd.store.ports import Transaction

__all__ = ["Together"]

T = TypeVar("T")


class Together(Generic[T]):
    """Runs what threads ask for at the same time in one transaction, in the order in which they asked."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Transaction]]) -> None:
        self._begin = begin
        self._waiting: list[tuple[Callable[[Transaction], T], Future[T]]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def run(self, act: Callable[[Transaction], T]) -> T:
        """What `act` gives, once it is on disk. Raises StoreError where nothing of what was asked for then is.

        Whoever finds nobody at work does the work of all who wait; the others wait for theirs to be done.
        """
        mine: Future[T] = Future()
        with self._lock:
            self._waiting.append((act, mine))
        with self._turn:
            if not mine.done():
                self._all()
        return mine.result()

    def _all(self) -> None:
        with self._lock:
            work, self._waiting = self._waiting, []
        try:
            with self._begin() as tx:
                done = [act(tx) for act, _ in work]
            for (_, future), value in zip(work, done, strict=True):
                future.set_result(value)
        except StoreError as failed:
            for _, future in work:
                future.set_exception(failed)
        finally:
            for _, future in work:
                future.cancel()  # nobody waits for ever where the one who did the work has failed otherwise
