"""The limiter: how many calls an account may take, in several windows at once, and when to hold still.

One `Gate` stands before one app. Every call takes a turn at it. The gate counts in sliding windows, so it keeps to a
vendor's budget whether the vendor counts in sliding or fixed windows; it learns from the vendor's own numbers and
obeys its pleas for patience. It waits by the clock it is given.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.errors import Throttled
from syncd.sdk.contract import Clock, Quota

__all__ = ["Gate", "Left", "Spent"]

_SLACK = 0.04
"""The vendor counts a call when it arrives, which is a little after we count it, and never by the same delay twice.
Each window is kept this share longer than published: 96 % of the budget is used, and jitter never tips it over."""

_HOUR = 3600.0

_SLOTS = 1000
"""A window of many calls remembers them in this many slots: a budget of a million a day costs no memory."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the vendor itself says of a window: `calls` left in the window of `seconds`; `limit` if it tells."""

    calls: int
    seconds: float
    bucket: str = ""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """One quota as it stands: `left` of `limit` calls in any `seconds`.

    `share` is used: 0 none, 1 all of it, above 1 where others have spent more than there was.
    """

    bucket: str
    seconds: float
    share: float
    limit: int
    left: int


class _Window:
    """A sliding window over the calls of one quota. Not thread-safe: the gate holds the lock."""

    def __init__(self, quota: Quota) -> None:
        self.seconds = quota.seconds
        self.bucket = quota.bucket
        self.limit = quota.calls
        self._length = quota.seconds * (1 + _SLACK)
        self._believed = min(self._length, _HOUR)
        self._slot = self._length / _SLOTS if quota.calls > _SLOTS else 0.0
        self._ends: deque[tuple[float, int]] = deque()  # when calls leave the window, and how many
        self._used = 0
        self._elsewhere = (0.0, 0)
        """Until when it counts what others have spent, and how much that was."""

    def left(self, now: float) -> int:
        self._forget(now)
        until, calls = self._elsewhere
        return self.limit - self._used - (calls if now < until <= now + self._believed else 0)

    def heed(self, now: float, left: int) -> None:
        """So many calls are left by the vendor's word: what of the others is not ours was spent by somebody else."""
        self._forget(now)
        self._elsewhere = (now + self._believed, max(0, self.limit - self._used - max(0, left)))

    def wait(self, now: float) -> float:
        """Seconds until one more call fits."""
        over = 1 - self.left(now)
        if over <= 0:
            return 0.0
        for end, calls in sorted([*self._ends, self._elsewhere]):
            over -= calls if end > now else 0
            if over <= 0:
                return end - now
        return self._length

    def count(self, now: float, calls: int = 1) -> None:
        end = now + self._length
        if self._slot:
            end = math.ceil(end / self._slot) * self._slot
        if self._ends and self._ends[-1][0] >= end:  # the same slot, or a clock that was set back
            last, before = self._ends.pop()
            self._ends.append((last, before + calls))
        else:
            self._ends.append((end, calls))
        self._used += calls

    def _forget(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            self._used -= self._ends.popleft()[1]
        horizon = now + 2 * self._length
        if self._ends and self._ends[-1][0] > horizon:  # the clock was set back: count what we hold as made just now
            self._ends = deque([(now + self._length, self._used)])


class Gate:
    """The turnstile before one app. Safe to share between threads.

    A thread that already holds a turn passes without a second place, though its call is counted: a call made while
    another is under way (a token refresh) must not wait for itself.
    """

    def __init__(
        self, quotas: Sequence[Quota] = (), *, clock: Clock, concurrency: int = 4, patience: float = 30.0
    ) -> None:
        """`concurrency`: how many calls at once. `patience`: the longest wait in seconds before giving up."""
        self.concurrency = concurrency
        self._clock = clock
        self._patience = patience
        self._windows = [_Window(quota) for quota in quotas]
        self._until: dict[str, float] = {}
        self._under_way = 0
        self._places = threading.Condition()
        self._mine = threading.local()

    @contextmanager
    def turn(self, bucket: str = "") -> Iterator[None]:
        """Wait for a place and for room in every window, then hold the place for the length of the block.

        Raises Throttled, with the seconds to wait, where that would take longer than the gate's patience.
        """
        depth: int = getattr(self._mine, "depth", 0)
        if depth == 0:
            self._take_place()
        self._mine.depth = depth + 1
        try:
            self._take_room(bucket)
            yield
        finally:
            self._mine.depth = depth
            if depth == 0:
                self._give_place()

    def pause(self, seconds: float, bucket: str = "") -> None:
        """Let nobody through for `seconds`, as the app asked; with a bucket, only the calls that count in it wait."""
        with self._places:
            until = self._clock.now() + seconds
            self._until[bucket] = max(until, self._until.get(bucket, 0.0))

    def heed(self, left: Left) -> None:
        """Take the vendor's own number where it is lower than ours: somebody else spends from the same budget.

        A number that is higher than ours changes nothing, for it cannot know of calls still on their way. What others
        have spent counts until the vendor says otherwise, and for an hour at most: a budget of a day may begin anew at
        midnight, and while nobody calls, nobody is told. A limit is believed either way, and opens a window where none
        was published.
        """
        with self._places:
            now = self._clock.now()
            window = self._window(left)
            if window is None:
                return
            if left.limit is not None:
                window.limit = left.limit
            window.heed(now, left.calls)

    def wait(self, bucket: str = "") -> float:
        """Seconds until a call of this bucket would be let through, as things stand."""
        with self._places:
            return self._wait(self._clock.now(), bucket)

    def spent(self) -> Sequence[Spent]:
        """How much of each quota is used now, of the vendor's own numbers where it tells them."""
        with self._places:
            now = self._clock.now()
            return [_spent(window, window.left(now)) for window in self._windows]

    def _window(self, left: Left) -> _Window | None:
        for window in self._windows:
            if (window.bucket, window.seconds) == (left.bucket, left.seconds):
                return window
        if left.limit is None:
            return None
        self._windows.append(_Window(Quota(left.limit, left.seconds, left.bucket)))
        return self._windows[-1]

    def _take_place(self) -> None:
        with self._places:
            self._places.wait_for(lambda: self._under_way < self.concurrency)
            self._under_way += 1

    def _give_place(self) -> None:
        with self._places:
            self._under_way -= 1
            self._places.notify()

    def _take_room(self, bucket: str) -> None:
        while True:
            with self._places:
                now = self._clock.now()
                wait = self._wait(now, bucket)
                if wait <= 0:
                    for window in self._counting(bucket):
                        window.count(now)
                    return
            if wait > self._patience:
                raise Throttled(f"the app's budget is spent for another {wait:.0f} s", retry_after=wait)
            self._clock.sleep(wait)

    def _wait(self, now: float, bucket: str) -> float:
        held = (self._until.get(name, 0.0) - now for name in {"", bucket})
        room = (window.wait(now) for window in self._counting(bucket))
        return max(0.0, *held, *room)

    def _counting(self, bucket: str) -> Iterator[_Window]:
        return (window for window in self._windows if window.bucket in {"", bucket})


def _spent(window: _Window, left: int) -> Spent:
    return Spent(window.bucket, window.seconds, 1 - left / max(1, window.limit), window.limit, max(0, left))
