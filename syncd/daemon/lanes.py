"""A thread that does one thing again and again, sleeps in between, and can be woken."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Lane"]


class Lane:
    """A thread around a step. The step returns how many seconds to sleep; a poke ends the sleep.

    `ended` is called, with the lane's name, when the thread ends: asked to, or by an error, which goes to
    `threading.excepthook`.
    """

    def __init__(self, name: str, step: Callable[[], float], ended: Callable[[str], None]) -> None:
        self.name = name
        self._step = step
        self._ended = ended
        self._woken = threading.Event()
        self._stopping = threading.Event()
        # A daemon thread: one that hangs in a call must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with a step."""
        self._thread.start()

    def poke(self) -> None:
        """Do the next step now, or right after the one that runs."""
        self._woken.set()

    def stop(self) -> None:
        """No further step; the one that runs is finished."""
        self._stopping.set()
        self._woken.set()

    @property
    def leaving(self) -> bool:
        """Whether it was asked to end."""
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                self._woken.wait(self._step())
        finally:
            self._ended(self.name)
