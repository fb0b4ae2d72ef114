"""How hard a property is tried: a little in every run, a lot under the profile `thorough`."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings

__all__ = ["TIMES", "effort"]

TIMES: Final = int(os.environ.get("SYNCD_EFFORT", "40"))
"""How many times as many examples the profile `thorough` tries."""


def effort(examples: int, **more: Any) -> settings:
    """Settings for so many examples; under the profile `thorough` for `SYNCD_EFFORT` times as many, 40 by default."""
    thorough = settings.get_current_profile_name() == "thorough"
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much] if thorough else []
    return settings(
        max_examples=examples * (TIMES if thorough else 1),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, *slow],
        **more,
    )
