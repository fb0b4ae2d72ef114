"""How Hypothesis draws: the same examples each time, so that a run says the same of the same code; what is measured.

`SYNCD_HYPOTHESIS=explore` draws new ones, and more of them where a test does not say how many it needs.
`SYNCD_HYPOTHESIS=thorough` (`make thorough`) also multiplies what tests ask for, see `tests/effort.py`.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.effort import TIMES

settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.register_profile("thorough", max_examples=100 * TIMES, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("SYNCD_HYPOTHESIS", "steady"))

os.umask(0o077)  # as the command has it: a configuration that others may read is refused

gc.set_threshold(50_000, 20, 100)  # a tenth of the time went into looking for what next to nothing leaves behind


_OTHER_PROCESSES = "COVERAGE_PROCESS_CONFIG"
"""By which coverage has the processes that a test starts measured, too."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked `unmeasured` run at its own pace: being measured takes nearly twice as long."""
    measured = sys.modules["coverage"].Coverage.current() if "coverage" in sys.modules else None
    if measured is None or item.get_closest_marker("unmeasured") is None:
        return (yield)
    measured.stop()
    others = os.environ.pop(_OTHER_PROCESSES, None)
    try:
        return (yield)
    finally:
        measured.start()
        if others is not None:
            os.environ[_OTHER_PROCESSES] = others
