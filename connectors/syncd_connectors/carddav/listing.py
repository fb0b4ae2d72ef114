"""Which cards there are and which have changed: by sync token where the server has those, else by ETags.

A position is a token of the server (RFC 6578) and whether a full listing is still under way. It moves on only with the
last row of an answer: whoever goes on from a page before that is told all of the answer once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from syncd.core.record import Cursor
from syncd.errors import BrokenProtocol, Unauthorised
from syncd.sdk.http import Http
from syncd.sdk.pages import by_token
from syncd_connectors.carddav import dav
from syncd_connectors.carddav.book import Book, propfind

__all__ = ["PAGE", "Part", "parts", "report"]

PAGE: Final = 100
_LOST: Final = (403, 409, 410, 412, 507)
"""How servers say that they do not know a token any more: 403 by the book, others in the wild."""
_ETAG: Final = f"{dav.DAV}getetag"
Rows = Sequence[tuple[str, str | None]]
"""Ids with the ETag of each; None for one that is gone."""


@dataclass(frozen=True, slots=True)
class Part:
    """One page, and where to go on."""

    rows: Rows
    cursor: Cursor
    complete: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    token: str = ""
    whole: bool = True
    """A full listing is under way."""

    def cursor(self) -> Cursor:
        return Cursor(json.dumps(asdict(self), separators=(",", ":")))


class _Forgotten(Exception):
    """The server does not know the token any more."""


def parts(http: Http, book: Book, since: Cursor | None) -> Iterator[Part]:
    """What may have changed since a position, or everything."""
    mark = _Mark(**json.loads(since)) if since else _Mark()
    if not book.syncs:
        yield from _all_by_etag(http, book)
        return
    try:
        yield from _since(http, book, mark)
    except _Forgotten:
        yield from _since(http, book, _Mark())


def report(http: Http, book: Book, body: str, *, depth: int, expect: Sequence[int] = ()) -> dav.Answered:
    """The answer to a REPORT on the book. Raises _Forgotten for a status in `expect`."""
    answer = http.call(
        "REPORT",
        book.href(""),
        content=body,
        text=True,
        headers={"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"},
        writes=False,
        expect=expect,
    )
    if answer.status in expect:
        if answer.status == 403 and dav.condition(answer)[0] != "valid-sync-token":
            raise Unauthorised("the server forbids to list the address book", hint="check that the user may read it")
        raise _Forgotten
    return dav.multistatus(answer)


def _since(http: Http, book: Book, start: _Mark) -> Iterator[Part]:
    answers = by_token(
        lambda token: report(http, book, dav.sync(token or ""), depth=0, expect=_LOST if token else ()),
        lambda answer: _token(answer) if answer.cut(book.path) else None,
        start=start.token,
    )
    here = start
    for answer in answers:
        more = answer.cut(book.path)
        after = _Mark(_token(answer), start.whole and more)
        pages = _paged(_rows(book, answer))
        for number, rows in enumerate(pages, start=1):
            last = number == len(pages)
            mark = after if last else here
            yield Part(rows, mark.cursor(), complete=last and not more and start.whole)
        here = after


def _all_by_etag(http: Http, book: Book) -> Iterator[Part]:
    rows = _rows(book, propfind(http, book.path, 1, _ETAG))
    pages = _paged(rows)
    for number, page in enumerate(pages, start=1):
        yield Part(page, _Mark().cursor(), complete=number == len(pages))


def _rows(book: Book, answer: dav.Answered) -> Rows:
    """The members that an answer names; not the book itself, which some servers list among them."""
    found: dict[str, str | None] = {}
    for one in answer.responses:
        id = one.path.removeprefix(book.path)
        if id == one.path or not id or "/" in id:
            continue
        etag = one.text(_ETAG)
        if one.status in (404, 410):
            found[id] = None
        elif etag:
            found[id] = etag
    return list(found.items())


def _paged(rows: Rows) -> Sequence[Rows]:
    return [rows[at : at + PAGE] for at in range(0, len(rows), PAGE)] or [()]


def _token(answer: dav.Answered) -> str:
    if not answer.token:
        raise BrokenProtocol("the server answered a sync-collection without a new token")
    return answer.token
