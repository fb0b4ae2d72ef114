"""The shortest story that still breaks the same promise: fewer steps first, then fewer faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final, TypeVar

from syncd.testing.simulator.profile import Profile
from syncd.testing.simulator.tape import Tape, again, kind

__all__ = ["TRIES", "shrunk"]

TRIES: Final = 300
"""So many stories are told at most, to find a shorter one."""

T = TypeVar("T")


def shrunk(
    tape: Tape, *, tries: int = TRIES, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
) -> Tape:
    """The tape with whatever its first violation does not need taken out, told once more.

    Ends after so many tries or seconds, with the shortest that was found. A tape that breaks no promise when it is
    told comes back as it was told.
    """
    whole = again(tape)
    if not whole.violations:
        return whole
    story = whole.begin()
    drawn = [name.name for name in fields(Profile) if getattr(story.fates.profile, name.name)]
    steps = tuple(range(story.length)) if whole.steps is None else whole.steps
    hunt = _Hunt(replace(whole, steps=steps), tries, clock() + seconds, clock)
    hunt.steps()
    hunt.faults(drawn)
    hunt.steps()
    return hunt.best


@dataclass
class _Hunt:
    best: Tape
    tries: int
    until: float
    clock: Callable[[], float]
    known: set[tuple[tuple[int, ...], tuple[str, ...]]] = field(default_factory=set)

    def steps(self) -> None:
        least(self.best.steps or (), lambda part: self._breaks(replace(self.best, steps=tuple(part))))

    def faults(self, drawn: Sequence[str]) -> None:
        off = self.best.without
        least(
            drawn,
            lambda on: self._breaks(replace(self.best, without=(*off, *(name for name in drawn if name not in on)))),
        )

    def _breaks(self, tape: Tape) -> bool:
        """Whether it breaks the same promise; then it is the best so far."""
        name = (tape.steps or (), tape.without)
        if name in self.known or not self.tries or self.clock() >= self.until:
            return False
        self.known.add(name)
        self.tries -= 1
        told = again(tape)
        if kind(told.violations) != kind(self.best.violations):
            return False
        self.best = told
        return True


def least(items: Sequence[T], holds: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """A part of the items of which `holds` is true, and of no part that lacks one more of them: delta debugging.

    `holds` is true of all of them, and is not asked about that. What it answers may depend on what it answered.
    """
    if items and holds(()):
        return ()
    parts = 2
    while len(items) > 1:
        size = -(-len(items) // parts)
        for start in range(0, len(items), size):
            rest = [*items[:start], *items[start + size :]]
            if rest and holds(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(items))
    return items
