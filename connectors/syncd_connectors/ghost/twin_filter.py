"""The twin's reading of Ghost's filter language (NQL): as much of it as people write against members and events.

`a:'x'+b:>'y',c:[...]` with `+` before `,`, groups in brackets, and the operators `-`, `>`, `>=`, `<`, `<=`, `~`, `~^`
and `~$`. As in Ghost, times are compared as the database's text, so that a time in ISO form silently finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

__all__ = ["Row", "UnreadableFilterError", "keys", "parse"]


class Row(Protocol):
    """One row of the database: a column's value, a list for a relation, None for what it does not have."""

    def get(self, column: str, /) -> Any:
        """The value."""
        ...


Test = Callable[[Row], bool]

_TOKEN: Final = re.compile(
    r"""(?P<field>[A-Za-z_][\w.]*):(?P<op>-|>=|<=|>|<|~\^|~\$|~)?"""
    # As in nql-lang 0.7: a backslash escapes a quote and nothing else, so that one before the last quote swallows it.
    r"""|(?P<text>'(?:\\['"]|[^'"])+?')"""
    r"""|(?P<mark>[()\[\],+])"""
    r"""|(?P<bare>[^\s'"()\[\],+:]+)"""
)
_CONSTANTS: Final[Mapping[str, Any]] = {"null": None, "true": True, "false": False}


class UnreadableFilterError(ValueError):
    """Ghost answers 400 to such a filter."""


def keys(filter: str) -> frozenset[str]:
    """The columns that a filter speaks of."""
    return frozenset(match["field"] for match in _TOKEN.finditer(filter) if match["field"])


def parse(filter: str) -> Test:
    """The filter as a test of a row; no filter lets everything through. Raises UnreadableFilterError."""
    if not filter:
        return lambda _row: True
    reader = _Reader(filter)
    test = reader.either()
    if reader.token is not None:
        raise UnreadableFilterError(filter)
    return test


class _Reader:
    """A filter, token by token."""

    def __init__(self, filter: str) -> None:
        self._filter = filter
        self._place = 0
        self.token: re.Match[str] | None = None
        self._advance()

    def either(self) -> Test:
        tests = [self._both()]
        while self._mark(","):
            tests.append(self._both())
        return lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._unit()]
        while self._mark("+"):
            tests.append(self._unit())
        return lambda row: all(test(row) for test in tests)

    def _unit(self) -> Test:
        if self._mark("("):
            inner = self.either()
            self._need(")")
            return inner
        token = self._take()
        if token["field"] is None:
            raise UnreadableFilterError(self._filter)
        field, operator = token["field"], token["op"] or ""
        if self._mark("["):
            values = [self._value()]
            while self._mark(","):
                values.append(self._value())
            self._need("]")
            inside = operator != "-"
            return lambda row: any(_holds(row.get(field), "", value) for value in values) is inside
        value = self._value()
        return lambda row: _holds(row.get(field), operator, value)

    def _value(self) -> Any:
        token = self._take()
        if token["text"] is not None:
            return re.sub(r"\\(['\"])", r"\1", token["text"][1:-1])
        if token["bare"] is not None:
            return _CONSTANTS.get(token["bare"], token["bare"])
        raise UnreadableFilterError(self._filter)

    def _mark(self, mark: str) -> bool:
        if self.token is None or self.token["mark"] != mark:
            return False
        self._advance()
        return True

    def _need(self, mark: str) -> None:
        if not self._mark(mark):
            raise UnreadableFilterError(self._filter)

    def _take(self) -> re.Match[str]:
        token = self.token
        if token is None:
            raise UnreadableFilterError(self._filter)
        self._advance()
        return token

    def _advance(self) -> None:
        while self._filter[self._place : self._place + 1].isspace():
            self._place += 1
        self.token = _TOKEN.match(self._filter, self._place)
        if self.token is not None:
            self._place = self.token.end()
        elif self._place < len(self._filter):
            raise UnreadableFilterError(self._filter)


def _holds(held: Any, operator: str, value: Any) -> bool:
    if isinstance(held, list):
        return (value in held) is (operator != "-")
    if operator in ("", "-"):
        return bool(held == value) is (operator == "")
    if held is None or value is None:
        return False
    compare: Mapping[str, Callable[[Any, Any], bool]] = {
        ">": lambda a, b: bool(a > b),
        ">=": lambda a, b: bool(a >= b),
        "<": lambda a, b: bool(a < b),
        "<=": lambda a, b: bool(a <= b),
        "~": lambda a, b: b.lower() in a.lower(),
        "~^": lambda a, b: bool(a.lower().startswith(b.lower())),
        "~$": lambda a, b: bool(a.lower().endswith(b.lower())),
    }
    return compare[operator](held, value)
