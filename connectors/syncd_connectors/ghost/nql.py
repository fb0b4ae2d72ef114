"""Ghost's filter language (NQL), as far as we speak it: `field:op'value'`, `+` is and, `,` is or.

Tried on Ghost 6.65: times are compared as text in the form `YYYY-MM-DD HH:MM:SS`, so that an ISO time answers 200
and no rows; `=` compares case as the database does (SQLite exactly, MySQL folding); `~^` and `~$` (begins, ends)
fold case everywhere, which is what telling two e-mail addresses apart calls for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

__all__ = ["among", "equals_folding", "moment", "text"]


def text(value: str) -> str:
    """A quoted string. Backslash and both quotes are escaped; nothing else is special within quotes."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')
    return f"'{escaped}'"


def among(field: str, values: Iterable[str]) -> str:
    """The field has one of the values."""
    return f"{field}:[{','.join(text(value) for value in values)}]"


def equals_folding(field: str, values: Iterable[str]) -> str:
    """The field has one of the values, whatever its case. A row may come that has not: compare again."""
    return ",".join(f"({field}:~^{text(value)}+{field}:~${text(value)})" for value in values)


def moment(at: datetime) -> str:
    """A time in the only form that filters understand; whole seconds, UTC."""
    return text(f"{at:%Y-%m-%d %H:%M:%S}")
