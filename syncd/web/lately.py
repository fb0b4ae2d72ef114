"""Answers that may be a moment old, so that many who look cost no more than one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Lately"]

T = TypeVar("T")


class Lately(Generic[T]):
    """What `ask` answered, not more than `seconds` ago. Safe to share between threads."""

    def __init__(self, ask: Callable[[], T], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._until = 0.0
        self._lock = threading.Lock()
        self._known: T

    def __call__(self) -> T:
        """The answer. Raises what `ask` raises."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._known = self._ask()
                self._until = time.monotonic() + self._seconds
            return self._known

    def forget(self) -> None:
        """Whoever has just changed something wants to see it."""
        with self._lock:
            self._until = 0.0
