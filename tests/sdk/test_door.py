"""`syncd.sdk` is the only door for connectors: whole, sorted, and told apart from what lies behind it."""

from __future__ import annotations

import time

import pytest

from syncd import sdk
from syncd.core import record
from syncd.sdk import contract
from syncd.sdk.clock import WallClock
from syncd.testing.clock import TurnedClock


def test_everything_offered_is_there_once_and_in_order() -> None:
    assert list(sdk.__all__) == sorted(set(sdk.__all__))
    assert [name for name in sdk.__all__ if not hasattr(sdk, name)] == []


def test_the_whole_contract_is_offered() -> None:
    assert set(contract.__all__) - set(sdk.__all__) == set()


def test_of_the_core_a_connector_sees_records_but_nothing_canonical() -> None:
    assert set(record.__all__) - set(sdk.__all__) == {"EntityId", "Fields", "Value", "echoes"}


def test_a_turned_clock_never_waits() -> None:
    clock: contract.Clock = TurnedClock(100.0)
    started = time.monotonic()
    clock.sleep(3_600)
    clock.sleep(-5)
    assert clock.now() == 3_700.0
    assert time.monotonic() - started < 1


def test_a_turned_clock_tells_what_was_slept() -> None:
    clock = TurnedClock()
    clock.sleep(2)
    clock.turn(50)
    assert clock.slept == [2]


def test_the_wall_clock_tells_the_machines_time_and_waits() -> None:
    clock: contract.Clock = WallClock()
    before = clock.now()
    clock.sleep(0.01)
    clock.sleep(-1)
    assert clock.now() - before >= 0.009
    assert before == pytest.approx(time.time(), abs=5)
