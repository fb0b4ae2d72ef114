"""A connector that comes upon an answer it was not made for says so, instead of falling over it.

Connectors take answers apart at the border and raise BrokenProtocol for shapes that no documentation promises. No
author thinks of all of them, and an app that answers with a list where an object was promised must not end the daemon.
So what was not thought of becomes the error whose remedy is right: BrokenProtocol where only something was read,
InDoubt where something may have been written.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final, TypeVar

from syncd.errors import BrokenProtocol, ConnectorError, InDoubt
from syncd.sdk.contract import Page

__all__ = ["MOST_REPEATS", "progressing", "sturdy"]

MOST_REPEATS: Final = 100
"""So many pages in a row that show what a page shortly before them showed are no listing any more."""

_FALLS: Final = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What taking an unforeseen value apart raises."""
_METHODS: Final[Mapping[str, type[ConnectorError]]] = {
    **dict.fromkeys(("objects", "check", "read", "find", "findable", "hear", "associated", "history"), BrokenProtocol),
    **dict.fromkeys(("write", "associate", "erase", "subscribe", "unsubscribe"), InDoubt),
}

C = TypeVar("C")


def sturdy(connector: type[C]) -> type[C]:
    """The same class, for use as a decorator: none of the contract's methods raises anything but ConnectorErrors."""
    for name, error in _METHODS.items():
        method = vars(connector).get(name)
        if method is not None:
            setattr(connector, name, _sturdy(method, error))
    if "changes" in vars(connector):
        setattr(connector, "changes", _sturdy_listing(vars(connector)["changes"]))  # noqa: B010  # C has no such name
    return connector


def progressing(pages: Iterator[Page]) -> Iterator[Page]:
    """The pages, as long as they show something new. Raises BrokenProtocol for a listing that goes in circles."""
    recent: deque[object] = deque(maxlen=MOST_REPEATS)
    repeats = 0
    for page in pages:
        shown = frozenset(row.ref for row in page.rows) or page.cursor
        repeats = repeats + 1 if shown in recent else 0
        if repeats >= MOST_REPEATS:
            raise BrokenProtocol(f"the listing makes no progress: {repeats} pages in a row show what was shown before")
        recent.append(shown)
        yield page


def _sturdy(method: Callable[..., Any], error: type[ConnectorError]) -> Callable[..., Any]:
    @functools.wraps(method)
    def safe(*args: Any, **asked: Any) -> Any:
        with _understood(method, error):
            return method(*args, **asked)

    return safe


def _sturdy_listing(method: Callable[..., Iterator[Page]]) -> Callable[..., Iterator[Page]]:
    def understood(pages: Iterator[Page]) -> Iterator[Page]:
        with _understood(method, BrokenProtocol):
            yield from progressing(pages)

    @functools.wraps(method)
    def safe(*args: Any, **asked: Any) -> Iterator[Page]:
        with _understood(method, BrokenProtocol):
            pages = method(*args, **asked)
        return understood(pages)

    return safe


@contextmanager
def _understood(method: Callable[..., Any], error: type[ConnectorError]) -> Iterator[None]:
    try:
        yield
    except _FALLS as odd:
        # Where, not what: the value may be anybody's.
        frame = extract_tb(odd.__traceback__)[-1]
        where = f"{type(odd).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        what = f"{method.__qualname__} met an answer that it does not understand ({where})"
        raise error(what, hint="report this with the app's name: its answers are not as they were") from odd
