"""When to look."""

from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from syncd.daemon.schedule import Pace, Schedule
from tests.daemon.house import eventually


@given(st.lists(st.integers(0, 3), max_size=60))
def test_a_pace_stays_between_four_times_as_often_and_a_quarter(found: list[int]) -> None:
    pace = Pace.of(60.0)
    for changed in found:
        pace = pace.after(changed)
        assert 15.0 <= pace.now <= 240.0


def test_changes_quicken_the_pace_at_once_and_quiet_slows_it_little_by_little() -> None:
    pace = Pace.of(60.0)
    for _ in range(20):
        pace = pace.after(0)
    assert pace.now == 240.0
    assert pace.after(1).now == 30.0
    assert pace.after(1).after(1).now == 15.0
    assert pace.after(1).after(0).now == 37.5


def test_a_webhook_wakes_a_slow_pace_and_leaves_a_fast_one() -> None:
    assert Pace(60.0, 240.0).usually().now == 60.0
    assert Pace(60.0, 15.0).usually().now == 15.0


def test_an_app_that_is_asked_often_is_not_thought_silent_any_sooner() -> None:
    assert Pace(60.0, 15.0).patience == 60.0
    assert Pace(60.0, 240.0).patience == 240.0


def test_a_job_is_called_again_and_again_until_the_schedule_stops() -> None:
    calls: list[float] = []
    schedule = Schedule()
    schedule.every(0.05, lambda: calls.append(time.monotonic()), name="poll")
    schedule.start()
    eventually(lambda: len(calls) > 3, "the job is called")
    schedule.stop()
    schedule.stop()
    time.sleep(0.1)
    done = len(calls)
    time.sleep(0.2)
    assert len(calls) == done


def test_another_interval_holds_from_now_on() -> None:
    called = threading.Event()
    schedule = Schedule()
    schedule.every(3600.0, called.set, name="poll")
    schedule.start()
    schedule.change("poll", 3600.0)
    assert not called.is_set()
    schedule.change("poll", 0.05)
    assert called.wait(5)
    schedule.stop()
    schedule.change("poll", 7.0)


def test_the_first_call_may_come_sooner_than_the_interval() -> None:
    called = threading.Event()
    schedule = Schedule()
    schedule.every(3600.0, called.set, name="sweep", first=0.0)
    schedule.start()
    assert called.wait(5)
    schedule.stop()
