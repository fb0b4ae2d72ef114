"""A clock that a test turns by hand: no test waits for real time."""

from __future__ import annotations

import threading

__all__ = ["TurnedClock"]


class TurnedClock:
    """Time stands still until somebody sleeps or turns it. Safe to share between threads.

    `slept` lists every sleep in seconds, in order, so that a test may ask how long the code waited.
    """

    def __init__(self, now: float = 1_767_225_600.0) -> None:  # 2026-01-01T00:00:00Z
        self._now = now
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        """Seconds since the epoch, as turned."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Turn the clock on by `seconds` and return at once."""
        with self._lock:
            self.slept.append(seconds)
            self._now += max(0.0, seconds)

    def turn(self, seconds: float) -> None:
        """Let time pass without anybody sleeping; a negative number sets the clock back."""
        with self._lock:
            self._now += seconds
