"""What the tables of the configuration are made of."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

__all__ = ["Duration", "Section", "Span"]

_LONGEST: Final = timedelta(days=36525)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(r"(\d{1,9}(ms|[smhd]))+", text):
        raise ValueError(f'is {value!r}, expected a duration such as "90s", "10m", "1h30m" or "2d"')
    return timedelta(seconds=sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhd])", text)))


def _span(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= _LONGEST:
        raise ValueError(f"is {value}, expected more than nothing, and at most {_LONGEST.days} days")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A length of time, written `"10m"`."""
Span = Annotated[Duration, AfterValidator(_span)]
"""One after which something is done: not at once, and before all are gone."""


class Section(BaseModel):
    """A table in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
