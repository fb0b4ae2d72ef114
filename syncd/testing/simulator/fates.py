"""Where fate may strike: every call and every durable commit is a point with a number."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from syncd.testing.simulator.profile import Profile

__all__ = ["MOST", "Endless", "Fates", "Killed"]

MOST: Final = 20_000
"""No story has so many points: the longest of many thousands have a twentieth of them."""


class Killed(BaseException):
    """The process ends here."""


class Endless(BaseException):
    """The story never comes to an end. Nothing within it may take this for a failure that it can live with."""


@dataclass
class Fates:
    """One story's chance. `calm` ends all faults."""

    profile: Profile = field(default_factory=Profile)
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    """That of the step which is being told: a step draws the same whatever steps were told before it."""
    calm: bool = False
    points: int = 0
    left: int | None = None
    """So many points until the process dies."""
    heard: Callable[[str], None] = lambda _: None
    """Is told of every fault that strikes, by whoever it strikes and its name."""

    def strikes(self, rate: float) -> bool:
        """Whether a fault of this rate strikes now."""
        return rate > 0 and not self.calm and self.chance.random() < rate

    def point(self, where: str) -> None:
        """A point. Raises Killed where the process dies, and Endless where there were too many."""
        self.points += 1
        if self.points > MOST:
            raise Endless(where)
        if self.left is None:
            return
        self.left -= 1
        if self.left == 0:
            self.left = None
            raise Killed(f"{where}, point {self.points}")
