"""A twin whose answers are spoilt on the way: shapes that no documentation promises, and bodies that are no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from hypothesis import strategies as st

from syncd.testing.twin import Twin

__all__ = ["Endless", "Mangle", "Mangled", "mangles"]

_MOST_CALLS: Final = 700
"""More calls than any honest answer to one question of these small twins takes."""
_DEEP: Final = 3000

ODD: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 10**30, 1.5, float("inf"), "", "x", "2024-13-45", "\ud83d", "\x00", [], [[]], [None], ["x"], {},
    {"x": None}, {"id": 1}, [{}], [{"id": None}],
)  # fmt: skip


class Endless(AssertionError):
    """The connector goes on asking."""


@dataclass(frozen=True, slots=True)
class Mangle:
    """One way to spoil an answer. `how`: drop, put, double, deep, or a whole body of this kind."""

    how: str
    place: int = 0
    """At which of the values in the answer."""
    odd: Any = None
    """What stands there instead."""

    def body(self, body: bytes) -> bytes:
        """The spoilt body."""
        match self.how:
            case "cut":
                return body[: self.place % max(1, len(body))]
            case "html":
                return b"<!doctype html><title>Sign in</title><p>503"
            case "empty":
                return b""
            case "bytes":
                return b"\xff\xfe" + body
            case "nested":
                return b"[" * _DEEP + b"]" * _DEEP
            case "digits":
                return b"9" * 5000
        try:
            shown = json.loads(body)
        except ValueError:
            return body
        whole = {"": shown}
        spots = list(_spots(whole))
        holder, key = spots[self.place % len(spots)]
        match self.how:
            case "drop" if key != "":
                del holder[key]
            case "double" if isinstance(holder, list):
                holder.append(holder[key])
            case "deep":
                holder[key] = "@deep@"
            case _:
                holder[key] = self.odd
        text = json.dumps(whole[""]) if "" in whole else ""
        return text.replace('"@deep@"', "[" * _DEEP + "]" * _DEEP).replace("Infinity", "1e999").encode()


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value, as what holds it and by which key; outer ones first."""
    level = [value]
    while level:
        below = []
        for holder in level:
            for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
                yield holder, key
                if isinstance(holder[key], dict | list):
                    below.append(holder[key])
        level = below


def mangles() -> st.SearchStrategy[Mangle]:
    """Every way there is, the simplest first."""
    whole = st.builds(
        Mangle, st.sampled_from(["empty", "html", "cut", "bytes", "nested", "digits"]), st.integers(0, 40)
    )
    near = st.integers(0, 12) | st.integers(0, 200)
    return st.one_of(
        st.builds(Mangle, st.just("put"), near, st.sampled_from(ODD)),
        st.builds(Mangle, st.just("drop"), near),
        st.builds(Mangle, st.sampled_from(["double", "deep"]), near),
        whole,
    )


@dataclass
class Mangled(httpx.BaseTransport):
    """The way to a twin. From call number `start` on, `count` answers are spoilt; statuses stay as they are."""

    twin: Twin
    mangle: Mangle | None = None
    start: int = 0
    count: int = 1_000_000
    calls: int = field(default=0, init=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The twin's answer, or what is left of it."""
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise Endless(f"{self.calls} calls, the last of them {request.method} {request.url.path}")
        response = self.twin.handle(request)
        if self.mangle is None or not self.start < self.calls <= self.start + self.count:
            return response
        body = self.mangle.body(response.read())
        headers = {name: value for name, value in response.headers.items() if name.lower() != "content-length"}
        return httpx.Response(response.status_code, headers=headers, content=body)

    def spoils(self, mangle: Mangle, start: int, count: int) -> None:
        """From now on, after `start` good answers, spoil `count`."""
        self.mangle, self.start, self.count, self.calls = mangle, start, count, 0
