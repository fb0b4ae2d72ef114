"""Paging that comes to an end: an app that sends its reader in circles is found out, not followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx

from syncd.errors import BrokenProtocol

__all__ = ["MOST_PAGES", "by_offset", "by_token", "same_origin"]

MOST_PAGES = 100_000
"""More pages than any listing has; a listing this long is a defect of the app."""

P = TypeVar("P")


def by_token(
    fetch: Callable[[str | None], P],
    token: Callable[[P], str | None],
    *,
    start: str | None = None,
    most: int = MOST_PAGES,
) -> Iterator[P]:
    """Pages until one names no next token (None or ""). The token may be a cursor, a URL, or an id to go on after.

    Raises BrokenProtocol for a token that was followed before, and for more than `most` pages.
    """
    followed = {start}
    for _ in range(most):
        page = fetch(start)
        yield page
        start = token(page)
        if not start:
            return
        if start in followed:
            raise BrokenProtocol("the app's paging makes no progress: it names a page that was read before")
        followed.add(start)
    raise BrokenProtocol(f"the app's listing does not end: {most} pages read")


def by_offset(
    fetch: Callable[[int], P],
    count: Callable[[P], int],
    *,
    total: Callable[[P], int | None] = lambda _: None,
    start: int = 0,
    most: int = MOST_PAGES,
) -> Iterator[P]:
    """Pages by offset, until one is empty, or until as many rows were read as the app says there are in all.

    A short page is not the last one: apps cap the page size as they please. Rows that move between pages while one
    reads are skipped or doubled by any app that pages this way: sort by something that does not move. Raises
    BrokenProtocol for more than `most` pages.
    """
    for _ in range(most):
        page = fetch(start)
        rows = count(page)
        yield page
        start += rows
        all_there_is = total(page)
        if rows == 0 or (all_there_is is not None and start >= all_there_is):
            return
    raise BrokenProtocol(f"the app's listing does not end: {most} pages read")


def same_origin(url: str, base_url: str) -> str:
    """The URL, if it has the scheme, host and port of `base_url`.

    Raises BrokenProtocol otherwise: credentials must not follow a link to somewhere else.
    """
    try:
        theirs, ours = httpx.URL(url), httpx.URL(base_url)
    except httpx.InvalidURL as broken:
        raise BrokenProtocol("the app sent a link that is no URL") from broken
    if _origin(theirs) != _origin(ours):
        raise BrokenProtocol(f"the app sent a link to {theirs.host}, which is not where it lives ({ours.host})")
    return url


_PORTS = {"http": 80, "https": 443}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.lower(), url.port or _PORTS.get(url.scheme)
