"""How Hypothesis draws: the same examples each time, so that a run says the same of the same code.

`SYNCD_HYPOTHESIS=explore` draws new ones, and more of them where a test does not say how many it needs.
`SYNCD_HYPOTHESIS=thorough` (`make thorough`) also multiplies what tests ask for, see `tests/effort.py`.
"""

from __future__ import annotations

import os

from hypothesis import settings

from tests.effort import TIMES

settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.register_profile("thorough", max_examples=100 * TIMES, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("SYNCD_HYPOTHESIS", "steady"))
