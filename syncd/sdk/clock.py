"""The real clock. Tests and the simulator hand in `syncd.testing.clock.TurnedClock` instead."""

from __future__ import annotations

import time

__all__ = ["WallClock"]


class WallClock:
    """The machine's own time."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; a time that has passed already is no wait."""
        time.sleep(max(0.0, seconds))
