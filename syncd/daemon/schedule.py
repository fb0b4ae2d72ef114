"""When to look: pokes at jittered intervals, and a pace that follows what is found.

Nothing durable lives here. The store remembers what is due; the schedule only pokes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

__all__ = ["Pace", "Schedule"]

_SHARE: Final = 4
"""An interval is stretched and shrunk by a quarter, so that daemons and apps do not fall into step."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an app is asked, in seconds: up to four times as often while changes come, a quarter when it is quiet.

    With `usual` = 60 that is between 15 and 240.
    """

    usual: float
    now: float

    @property
    def patience(self) -> float:
        """The interval to judge silence by: that an app is asked often for now does not make it broken sooner."""
        return max(self.usual, self.now)

    @classmethod
    def of(cls, usual: float) -> Pace:
        """The pace to begin with."""
        return cls(usual, usual)

    def after(self, changed: int) -> Pace:
        """The pace after a poll that found so many changes."""
        if changed:
            return replace(self, now=max(self.usual / 4, min(self.now, self.usual) / 2))
        return replace(self, now=min(self.usual * 4, self.now * 1.25))

    def usually(self) -> Pace:
        """The usual pace: something has been heard of the app, so it is not asleep."""
        return replace(self, now=min(self.now, self.usual))


class Schedule:
    """Jobs by name, each at its own interval. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intervals: dict[str, float] = {}
        # Missed runs collapse to one, and one that is late is still run: a poke is never too late.
        jobs = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=jobs)

    def every(self, seconds: float, job: Callable[[], None], *, name: str, first: float | None = None) -> None:
        """Call `job` about every so many seconds, the first time after `first` (unset: after one interval)."""
        self._intervals[name] = seconds
        begin = datetime.now(UTC) + timedelta(seconds=seconds if first is None else first)
        self._scheduler.add_job(job, _about(seconds), id=name, next_run_time=begin)

    def change(self, name: str, seconds: float) -> None:
        """Give a job another interval, counted from now on; the same one again, or after `stop`, changes nothing."""
        with self._lock:
            if self._scheduler.running and self._intervals[name] != seconds:
                self._intervals[name] = seconds
                self._scheduler.reschedule_job(name, trigger=_about(seconds))

    def start(self) -> None:
        """Begin to call."""
        self._scheduler.start()

    def stop(self) -> None:
        """Call no more."""
        with self._lock:
            if self._scheduler.running:
                self._scheduler.shutdown(wait=False)


def _about(seconds: float) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, jitter=seconds / _SHARE, timezone=UTC)
