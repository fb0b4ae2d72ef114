"""One clock for several processes, turned by hand: what waits for minutes takes none."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final

__all__ = ["SharedClock"]

_TIME: Final = struct.Struct("d")


class SharedClock:
    """Time stands in a file that every process maps. It stands still until somebody sleeps or turns it."""

    def __init__(self, path: Path, start: float | None = None) -> None:
        """`start` (seconds since the epoch) makes the file; without it the file is there."""
        if start is not None:
            path.write_bytes(_TIME.pack(start))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _TIME.size)

    def now(self) -> float:
        """Seconds since the epoch, as turned."""
        (now,) = _TIME.unpack(self._shared[: _TIME.size])
        return float(now)

    def sleep(self, seconds: float) -> None:
        """Turn the clock on by `seconds` and return at once."""
        self.turn(max(0.0, seconds))

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.set(self.now() + seconds)

    def set(self, now: float) -> None:
        """Set it to a time, in seconds since the epoch."""
        self._shared[: _TIME.size] = _TIME.pack(now)
