"""The limiter: all of the budget, never more, in every window at once."""

from __future__ import annotations

import threading
import time
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import Throttled
from syncd.sdk import Left, Quota
from syncd.sdk.clock import WallClock
from syncd.sdk.pace import Gate
from syncd.testing.clock import TurnedClock

HUBSPOT_LIKE = [Quota(100, 10), Quota(5, 1, "search")]


def times(gate: Gate, clock: TurnedClock, calls: int, bucket: str = "") -> list[float]:
    """When each of so many calls, made one after the other, is let through, from now."""
    start, passed = clock.now(), []
    for _ in range(calls):
        with gate.turn(bucket):
            passed.append(clock.now() - start)
    return passed


def most_in_any(window: float, passed: list[float]) -> int:
    """The fullest window of this length, wherever it begins."""
    held: deque[float] = deque()
    fullest = 0
    for at in passed:
        held.append(at)
        while held[0] <= at - window:
            held.popleft()
        fullest = max(fullest, len(held))
    return fullest


@pytest.mark.parametrize("quota", [Quota(5, 1), Quota(100, 10), Quota(1, 0.1), Quota(5_000, 60)])
def test_the_budget_is_used_to_ninety_five_percent_and_never_overdrawn(quota: Quota) -> None:
    clock = TurnedClock()
    passed = times(Gate([quota], clock=clock, patience=100), clock, quota.calls * 8 + 1)
    assert most_in_any(quota.seconds, passed) <= quota.calls
    used = (len(passed) - 1) / passed[-1]
    assert used >= 0.95 * quota.calls / quota.seconds


@given(
    quotas=st.lists(st.builds(Quota, st.integers(1, 40), st.floats(0.5, 60), st.sampled_from(["", "a"])), max_size=3),
    calls=st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["", "a", "b"])), max_size=150),
)
@settings(max_examples=60, deadline=None)
def test_no_window_is_overdrawn_however_the_calls_come(quotas: list[Quota], calls: list[tuple[float, str]]) -> None:
    clock = TurnedClock(0.0)
    gate = Gate(quotas, clock=clock, patience=1_000)
    passed: list[tuple[float, str]] = []
    for idle, bucket in calls:
        clock.turn(idle)
        with gate.turn(bucket):
            passed.append((clock.now(), bucket))
    for quota in quotas:
        counted = [at for at, bucket in passed if quota.bucket in {"", bucket}]
        assert most_in_any(quota.seconds, counted) <= quota.calls


def test_jitter_on_the_way_does_not_tip_the_vendors_count_over() -> None:
    clock = TurnedClock()
    passed = times(Gate([Quota(100, 10)], clock=clock), clock, 500)
    arrived = sorted(at + (0.35 if place % 2 else 0.0) for place, at in enumerate(passed))
    assert most_in_any(10, arrived) <= 100


def test_a_named_bucket_counts_against_the_account_as_well() -> None:
    clock = TurnedClock()
    gate = Gate(HUBSPOT_LIKE, clock=clock)
    assert most_in_any(1, times(gate, clock, 20, "search")) <= 5
    times(gate, clock, 80)
    assert gate.wait() > 0


def test_a_full_bucket_does_not_hold_the_other_calls_back() -> None:
    clock = TurnedClock()
    gate = Gate(HUBSPOT_LIKE, clock=clock)
    times(gate, clock, 5, "search")
    assert gate.wait("search") > 0
    assert gate.wait() == 0


def test_a_daily_budget_costs_little_memory_and_is_not_overdrawn() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(20_000, 86_400)], clock=clock)
    for _ in range(20_000):
        clock.turn(0.1)
        with gate.turn():
            pass
    assert sum(len(window._ends) for window in gate._windows) < 1_100
    with pytest.raises(Throttled) as caught, gate.turn():
        pass
    assert caught.value.retry_after is not None
    assert 84_400 < caught.value.retry_after < 86_400 * 1.05


def test_a_wait_beyond_patience_is_handed_on_with_its_length() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(1, 100)], clock=clock, patience=30)
    times(gate, clock, 1)
    with pytest.raises(Throttled) as caught, gate.turn():
        pass
    assert caught.value.retry_after == pytest.approx(104)
    assert clock.slept == []


def test_a_turn_that_was_refused_holds_no_place() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(1, 100)], clock=clock, concurrency=1)
    times(gate, clock, 1)
    for _ in range(3):
        with pytest.raises(Throttled), gate.turn():
            pass
    clock.turn(200)
    assert times(gate, clock, 1) == [0.0]


def test_a_pause_holds_everyone_until_it_is_over() -> None:
    clock = TurnedClock()
    gate = Gate(clock=clock)
    gate.pause(20)
    gate.pause(5)  # a shorter plea does not cut a longer one short
    assert times(gate, clock, 2) == [20.0, 20.0]


def test_a_lower_number_from_the_vendor_is_believed() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(100, 10)], clock=clock)
    gate.heed(Left(3, 10))
    assert times(gate, clock, 3) == [0.0, 0.0, 0.0]
    assert gate.wait() > 9


def test_a_higher_number_from_the_vendor_is_not_for_it_cannot_know_of_calls_on_their_way() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(10, 10)], clock=clock)
    times(gate, clock, 10)
    gate.heed(Left(9, 10))
    assert gate.wait() > 9


def test_what_others_have_spent_of_a_day_is_asked_about_again_within_the_hour() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(650_000, 86_400)], clock=clock)
    gate.heed(Left(0, 86_400))
    assert 3000 < gate.wait() <= 3600
    clock.turn(3601)
    assert gate.wait() == 0
    gate.heed(Left(0, 86_400))
    gate.heed(Left(649_999, 86_400))
    assert gate.wait() == 0, "at the vendor's midnight the budget has begun anew"


def test_what_we_have_spent_ourselves_counts_for_its_whole_window_whatever_others_did() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(10, 86_400)], clock=clock)
    times(gate, clock, 4)
    gate.heed(Left(0, 86_400))
    clock.turn(3601)
    assert gate.wait() == 0
    times(gate, clock, 6)
    assert gate.wait() > 80_000


def test_hearing_the_same_number_again_takes_nothing_more_away() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(100, 10)], clock=clock)
    for _ in range(5):
        gate.heed(Left(40, 10))
    times(gate, clock, 40)
    assert clock.slept == []


def test_a_limit_that_the_vendor_tells_replaces_the_published_one() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(100, 10)], clock=clock)
    gate.heed(Left(190, 10, limit=190))
    assert max(times(gate, clock, 190)) == 0.0
    assert gate.wait() > 0


def test_a_window_nobody_published_opens_when_the_vendor_tells_its_limit() -> None:
    clock = TurnedClock()
    gate = Gate(clock=clock)
    gate.heed(Left(5, 60))
    assert gate.wait() == 0
    gate.heed(Left(0, 60, limit=5))
    assert gate.wait() > 59


def test_an_account_whose_limit_is_nothing_gets_nothing_through() -> None:
    gate = Gate([Quota(10, 60)], clock=TurnedClock())
    gate.heed(Left(0, 60, limit=0))
    with pytest.raises(Throttled), gate.turn():
        pass


def test_the_vendors_word_on_one_window_leaves_the_others_alone() -> None:
    gate = Gate([Quota(10, 1), Quota(100, 60), Quota(10, 60, "search")], clock=TurnedClock())
    gate.heed(Left(0, 60, "search"))
    assert gate.wait() == 0
    assert gate.wait("search") > 59


def test_a_clock_set_back_does_not_stop_the_gate_for_long() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(2, 10)], clock=clock)
    times(gate, clock, 2)
    clock.turn(-86_400)
    assert gate.wait() < 11


def test_no_more_calls_are_under_way_than_the_app_takes_at_once() -> None:
    gate = Gate(clock=WallClock(), concurrency=3)
    guard, inside, fullest = threading.Lock(), 0, 0

    def call() -> None:
        nonlocal inside, fullest
        for _ in range(20):
            with gate.turn():
                with guard:
                    inside += 1
                    fullest = max(fullest, inside)
                time.sleep(0.001)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert fullest == 3
    assert inside == 0


def test_threads_together_do_not_overdraw() -> None:
    gate = Gate([Quota(50, 10)], clock=TurnedClock(), concurrency=8, patience=0)
    passed: list[bool] = []

    def call() -> None:
        for _ in range(50):
            try:
                with gate.turn():
                    passed.append(True)
            except Throttled:
                passed.append(False)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(passed) == 400
    assert sum(passed) == 50  # the clock stood still


def test_a_call_within_a_call_does_not_wait_for_itself() -> None:
    clock = TurnedClock()
    gate = Gate([Quota(10, 10)], clock=clock, concurrency=1)
    with gate.turn(), gate.turn():
        pass
    with gate.turn():
        pass
    times(gate, clock, 7)
    assert gate.wait() > 0  # all ten were counted
