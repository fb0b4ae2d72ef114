"""Where the address book is: at the address that was given, or found from its server (RFC 6764; RFC 6352, 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from syncd.errors import BrokenProtocol, Rejected
from syncd.sdk.http import Http
from syncd.sdk.pages import same_origin
from syncd_connectors.carddav.dav import CARDDAV, DAV, Answered, Response, asked, multistatus, path

__all__ = ["Book", "find", "propfind"]

_HOME: Final = f"{CARDDAV}addressbook-home-set"
_PRINCIPAL: Final = f"{DAV}current-user-principal"
_ABOUT: Final = (f"{DAV}resourcetype", f"{DAV}displayname", f"{DAV}supported-report-set", _PRINCIPAL, _HOME)
_MOVED: Final = (301, 302, 303, 307, 308)
_MOST_HOPS: Final = 5
_WELL_KNOWN: Final = "/.well-known/carddav"


@dataclass(frozen=True, slots=True)
class Book:
    """One address book. `path`: decoded, with its slash at the end."""

    path: str
    name: str = ""
    syncs: bool = True
    """It can say what has changed since a token (RFC 6578)."""

    def href(self, id: str) -> str:
        """The address of a card, as it is asked for."""
        return quote(f"{self.path}{id}", safe="/~@:!$&'()*+,;=")


def find(http: Http, base_url: str, wanted: str) -> Book:
    """The address book, from the address in the configuration. Raises Rejected where it is none, or one of several."""
    start = f"{unquote(urlsplit(base_url).path).rstrip('/')}/"
    at, told = _first(http, base_url, start)
    own = told.about(at) or _only(told)
    if own is not None and _is_book(own):
        return _book(own, at)
    found = list(_at_home(http, base_url, at, own))
    named = [book for book in found if wanted in ("", book.name, book.path.rstrip("/").rpartition("/")[2])]
    if len(named) == 1:
        return named[0]
    names = ", ".join(sorted(book.path for book in found)) or "none"
    raise Rejected(
        f"{base_url} is not the address of an address book, and its server has {len(named)} that could be meant",
        hint=f"set base_url to the address of one, or `book` to its name; there are: {names}",
        code="no_such_book",
    )


def propfind(http: Http, at: str, depth: int, *names: str) -> Answered:
    """Properties of a resource, and with depth 1 of what is in it."""
    headers = {"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"}
    where = quote(at, safe="/~@:!$&'()*+,;=")
    return multistatus(http.call("PROPFIND", where, content=asked(*names), text=True, headers=headers, writes=False))


def _first(http: Http, base_url: str, start: str) -> tuple[str, Answered]:
    """What the address itself says, or where it says to look; and where that is."""
    headers = {"Depth": "0", "Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"}
    at = start
    for _ in range(_MOST_HOPS):
        where, body = quote(at, safe="/~@:!$&'()*+,;="), asked(*_ABOUT)
        answer = http.call(
            "PROPFIND", where, content=body, text=True, headers=headers, writes=False, expect=(404, 405, *_MOVED)
        )
        if answer.status in _MOVED:
            target = urljoin(base_url, answer.headers.get("location", ""))
            at = path(same_origin(target, base_url))
        elif answer.status < 400:
            told = multistatus(answer)
            own = told.about(at) or _only(told)
            if at != "/" or (own and (own.href(_PRINCIPAL) or own.href(_HOME))):
                return at, told
            at = _WELL_KNOWN
        elif at == "/":
            at = _WELL_KNOWN
        else:
            raise Rejected(f"there is nothing at {at}", hint="check base_url", code=str(answer.status))
    raise BrokenProtocol(f"{base_url} sends its visitors from one place to the next", hint="check base_url")


def _at_home(http: Http, base_url: str, at: str, own: Response | None) -> Iterator[Book]:
    """The address books of whoever is logged in."""
    home = own.href(_HOME) if own else None
    principal = own.href(_PRINCIPAL) if own else None
    if home is None and principal is not None:
        about_whom = _here(principal, base_url)
        told = propfind(http, about_whom, 0, _HOME)
        about = told.about(about_whom) or _only(told)
        home = about.href(_HOME) if about else None
    where = _here(home, base_url) if home else at
    for one in propfind(http, where, 1, *_ABOUT[:3]).responses:
        if _is_book(one):
            yield _book(one, one.path)


def _here(href: str, base_url: str) -> str:
    """The path of an address on this server. Raises Rejected for one elsewhere: the password does not go there."""
    whole = urljoin(base_url, href)
    try:
        return path(same_origin(whole, base_url))
    except BrokenProtocol as elsewhere:
        if _netloc(whole) == _netloc(base_url):  # behind a proxy that ends TLS a server may take itself for http
            return path(whole)
        told = urlsplit(whole)
        scheme = urlsplit(base_url).scheme if told.scheme == "http" else told.scheme  # no advice to speak in the clear
        there = f"{scheme}://{told.netloc}{told.path}"
        raise Rejected(
            f"the address books of this user are on another server: {there}",
            hint=f'if that is theirs, set base_url = "{there}"',
            code="another_server",
        ) from elsewhere


def _netloc(url: str) -> tuple[str, bool]:
    """The host of an address, and whether it names a port of its own."""
    told = urlsplit(url)
    return (told.hostname or "").lower(), told.port is not None


def _is_book(told: Response) -> bool:
    kinds = told.props.get(f"{DAV}resourcetype")
    return kinds is not None and kinds.find(f"{CARDDAV}addressbook") is not None


def _book(told: Response, at: str) -> Book:
    reports = told.props.get(f"{DAV}supported-report-set")
    syncs = reports is not None and next(reports.iter(f"{DAV}sync-collection"), None) is not None
    return Book(f"{at.rstrip('/')}/", told.text(f"{DAV}displayname") or "", syncs)


def _only(told: Answered) -> Response | None:
    return told.responses[0] if len(told.responses) == 1 else None
