"""Ghost's filter language (NQL), as far as we speak it: `field:op'value'`, `+` is and, `,` is or.

Tried on Ghost 6.65: times are compared as text in the form `YYYY-MM-DD HH:MM:SS`, so that an ISO time answers 200
and no rows; `=` compares case as the database does (SQLite exactly, MySQL folding); `~^` and `~$` (begins, ends)
fold case everywhere, which is what telling two e-mail addresses apart calls for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

__all__ = ["among", "equals_folding", "moment", "sayable", "text"]

_SWALLOWS: Final = re.compile(r"""\\(['"]|$)""")


def sayable(value: str) -> bool:
    """Whether a filter can name the value: none can end in a backslash, or have one before a quote."""
    return _SWALLOWS.search(value) is None


def text(value: str) -> str:
    """A quoted string; the value must be sayable. A backslash escapes a quote and nothing else (nql-lang 0.7)."""
    return "'" + re.sub("(['\"])", r"\\\1", value) + "'"


def among(field: str, values: Iterable[str]) -> str:
    """The field has one of the values."""
    return f"{field}:[{','.join(text(value) for value in values)}]"


def equals_folding(field: str, values: Iterable[str]) -> str:
    """The field has one of the values, whatever its case. A row may come that has not: compare again."""
    return ",".join(f"({field}:~^{text(value)}+{field}:~${text(value)})" for value in values)


def moment(at: datetime) -> str:
    """A time in the only form that filters understand; whole seconds, UTC."""
    return text(f"{at:%Y-%m-%d %H:%M:%S}")
