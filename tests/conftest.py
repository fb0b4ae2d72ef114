"""How Hypothesis draws: the same examples each time, so that a run says the same of the same code.

`SYNCD_HYPOTHESIS=explore` draws new ones, and more of them.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("SYNCD_HYPOTHESIS", "steady"))
