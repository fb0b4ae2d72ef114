"""A simulated CardDAV server with one address book: RFC 6352 and 6578, and what servers in the wild make of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import httpx

from syncd.testing.population import person
from syncd.testing.twin import Author, Call, Setup, Twin, answer, route
from syncd_connectors.carddav import twin_card

__all__ = ["BOOK", "PASSWORD", "USER", "CardDavTwin"]

USER: Final = "ada"
PASSWORD: Final = "twin-password"  # noqa: S105 - it opens nothing but a twin
BOOK: Final = "/dav/ada/contacts/"
_HOME: Final = "/dav/ada/"
_PRINCIPAL: Final = "/dav/principals/ada/"
_SPACES: Final = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
_DAV: Final = "{DAV:}"
_CARD: Final = "{urn:ietf:params:xml:ns:carddav}"
_MOST: Final = 100
"""Changes in one answer; the rest is told to whoever asks on."""


class CardDavTwin(Twin):
    """One user with one address book."""

    name: ClassVar[str] = "carddav"
    objects: ClassVar[tuple[str, ...]] = ("contacts",)
    credentials: ClassVar[Mapping[str, str]] = {"username": USER, "password": PASSWORD}

    def __init__(self, setup: Setup, *, syncs: bool = True, rewrites: bool = False) -> None:
        """`syncs`: it knows sync-collection. `rewrites`: it adds to the cards it is given, and then names no ETag."""
        super().__init__(setup)
        self.syncs = syncs
        self.rewrites = rewrites
        self.cards: dict[str, str] = {}
        self.etags: dict[str, str] = {}
        self.history: list[str] = []
        """Names of the cards that were changed or deleted, in their order."""
        self.oldest = 0
        """Tokens before this place in the history are not known any more."""
        for number in range(setup.start, setup.start + setup.records):
            uid = self.uuid()
            sloppy = self.random.random() < setup.dirty
            self.keep(f"{uid}.vcf", twin_card.of(person(setup.seed, number), uid, sloppy=sloppy), "app")

    def refuses(self, call: Call) -> httpx.Response | None:
        """Basic authentication, and nothing else."""
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if call.headers.get("authorization") == f"Basic {token}" and not self.faults.revoked:
            return None
        return answer(401, "Unauthorized", {"WWW-Authenticate": 'Basic realm="twin"'})

    # --- where things are --------------------------------------------------------------------------------------

    @route("PROPFIND", "/")
    def root(self, call: Call) -> httpx.Response:
        """Nothing of interest."""
        return _multistatus([_found(call.path, "<resourcetype><collection/></resourcetype>")])

    @route("PROPFIND", "/.well-known/carddav")
    def well_known(self, call: Call) -> httpx.Response:
        """The way to the service (RFC 6764, section 5)."""
        return answer(301, f"{call.path} has moved", {"Location": "/dav/"})

    @route("PROPFIND", "/dav/")
    def service(self, call: Call) -> httpx.Response:
        """Who is asking."""
        principal = f"<current-user-principal><href>{_PRINCIPAL}</href></current-user-principal>"
        return _multistatus([_found(call.path, f"<resourcetype><collection/></resourcetype>{principal}")])

    @route("PROPFIND", _PRINCIPAL)
    def principal(self, call: Call) -> httpx.Response:
        """Where their address books are."""
        home = f"<C:addressbook-home-set><href>{_HOME}</href></C:addressbook-home-set>"
        return _multistatus([_found(call.path, home)])

    @route("PROPFIND", _HOME)
    def home(self, call: Call) -> httpx.Response:
        """The address books."""
        own = _found(call.path, "<resourcetype><collection/></resourcetype>")
        return _multistatus([own, *([self._about()] if call.headers.get("depth") == "1" else [])])

    @route("PROPFIND", BOOK)
    def book(self, call: Call) -> httpx.Response:
        """The address book, and with depth 1 its cards."""
        cards = {} if self.faults.blind or call.headers.get("depth") != "1" else self.etags
        return _multistatus([self._about(), *(_found(_href(id), _etag(etag)) for id, etag in cards.items())])

    def _about(self) -> str:
        reports = ["C:addressbook-multiget", *(["sync-collection"] if self.syncs else [])]
        supported = "".join(f"<supported-report><report><{name}/></report></supported-report>" for name in reports)
        return _found(
            BOOK,
            "<resourcetype><collection/><C:addressbook/></resourcetype><displayname>Contacts</displayname>"
            f"<supported-report-set>{supported}</supported-report-set>",
        )

    # --- reading -----------------------------------------------------------------------------------------------

    @route("REPORT", BOOK)
    def report(self, call: Call) -> httpx.Response:
        """Changes since a token, or cards by their addresses."""
        root = ET.fromstring(call.body)  # noqa: S314 - it comes from the connector
        if root.tag == f"{_DAV}sync-collection" and self.syncs:
            return self._changes((root.findtext(f"{_DAV}sync-token") or "").strip())
        if root.tag == f"{_CARD}addressbook-multiget":
            return _multistatus([self._card(node.text or "") for node in root.iter(f"{_DAV}href")])
        return answer(403, f"<error {_SPACES}><supported-report/></error>")

    def _changes(self, token: str) -> httpx.Response:
        """RFC 6578, section 3. A token names a place in the history."""
        now = len(self.history)
        at = self._place(token) if token else 0
        if at is None or (token and not self.oldest <= at <= now):
            return answer(403, f"<error {_SPACES}><valid-sync-token/></error>")
        if self.faults.blind:
            return _multistatus([], _token(at if token else now))
        told: dict[str, None] = {}
        while at < now and len(told) < _MOST:
            if token or self.history[at] in self.cards:  # at first, what is gone is not told
                told[self.history[at]] = None
            at += 1
        rows = [
            _found(_href(id), _etag(self.etags[id])) if id in self.cards else _status(_href(id), 404) for id in told
        ]
        if at < now:
            rows.append(_status(BOOK, 507))
        return _multistatus(rows, _token(at))

    def _place(self, token: str) -> int | None:
        place = token.removeprefix("https://dav.example.com/sync/")
        return int(place) if place != token and place.isdecimal() else None

    def _card(self, href: str) -> str:
        id = unquote(urlsplit(href).path).removeprefix(BOOK)
        if self.faults.blind or id not in self.cards:
            return _status(href, 404)
        return _found(href, f"{_etag(self.etags[id])}<C:address-data>{escape(self.cards[id])}</C:address-data>")

    @route("GET", BOOK + "{id}")
    def show(self, call: Call, id: str) -> httpx.Response:
        """One card."""
        if self.faults.blind or id not in self.cards:
            return answer(404, f"no {call.path}")
        return answer(200, self.cards[id], {"ETag": self.etags[id], "Content-Type": "text/vcard; charset=utf-8"})

    # --- writing -----------------------------------------------------------------------------------------------

    @route("PUT", BOOK + "{id}")
    def put(self, call: Call, id: str) -> httpx.Response:
        """Make or change a card."""
        if not self._met(call, id):
            return answer(412, f"<error {_SPACES}><getetag/></error>")
        text = call.body.decode()
        flaw = twin_card.flaw(text)
        if flaw:
            return answer(403, f"<error {_SPACES}><C:valid-address-data/></error><!-- {flaw} -->")
        uid = twin_card.seen(text)["uid"]
        other = next((at for at, kept in self.cards.items() if at != id and twin_card.seen(kept)["uid"] == uid), None)
        if other is not None:
            held = f"<C:no-uid-conflict><href>{_href(other)}</href></C:no-uid-conflict>"
            return answer(409, f"<error {_SPACES}>{held}</error>")
        status = 204 if id in self.cards else 201
        if self.rewrites:
            kept = [line for line in text.split("\r\n")[:-2] if not line.startswith("REV:")]
            text = "\r\n".join([*kept, f"REV:{int(self.clock.now())}", "END:VCARD", ""])
        self.keep(id, text, "api")
        return answer(status, None, {} if self.rewrites else {"ETag": self.etags[id]})

    @route("DELETE", BOOK + "{id}")
    def delete(self, call: Call, id: str) -> httpx.Response:
        """Delete a card."""
        if id not in self.cards:
            return answer(404, f"no {call.path}")
        if not self._met(call, id):
            return answer(412, f"<error {_SPACES}><getetag/></error>")
        self._drop(id, "api")
        return answer(204)

    def _met(self, call: Call, id: str) -> bool:
        wanted, unwanted = call.headers.get("if-match"), call.headers.get("if-none-match")
        return (wanted is None or wanted == self.etags.get(id)) and not (unwanted == "*" and id in self.cards)

    def keep(self, id: str, text: str, author: Author) -> None:
        """Put a card into the book."""
        before = twin_card.seen(self.cards[id]) if id in self.cards else {}
        self.cards[id] = text
        self.history.append(id)
        self.etags[id] = f'"{hashlib.sha256(f"{len(self.history)} {text}".encode()).hexdigest()[:24]}"'
        values = {name: value for name, value in twin_card.seen(text).items() if before.get(name) != value}
        self.journal.note(self.clock.now(), author, "contacts", id, values)

    def _drop(self, id: str, author: Author) -> None:
        del self.cards[id], self.etags[id]
        self.history.append(id)
        self.journal.note(self.clock.now(), author, "contacts", id, {"": None})

    # --- the people's side -------------------------------------------------------------------------------------

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Every card, by the connector's field names."""
        _expect(object)
        return {id: twin_card.seen(text) for id, text in self.cards.items()}

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """A person changes fields in their address book."""
        _expect(object)
        self.keep(id, twin_card.edited(self.cards[id], fields), "person")

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """A person adds a card."""
        _expect(object)
        uid = self.uuid().upper()  # as telephones make them
        start = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nN:;;;;\r\nEND:VCARD\r\n"
        self.keep(f"{uid}.vcf", twin_card.edited(start, fields), "person")
        return f"{uid}.vcf"

    def person_delete(self, object: str, id: str) -> None:
        """A person deletes a card."""
        _expect(object)
        self._drop(id, "person")

    def person_merge(self, object: str, keep: str, lose: str) -> str:
        """The one that stays takes what it has blank from the other, which is deleted."""
        kept, lost = self.records(object)[keep], self.records(object)[lose]
        gains = {name: value for name, value in lost.items() if value and not kept[name] and name != "uid"}
        self.person_delete(object, lose)
        self.person_edit(object, keep, gains)
        return keep


def _expect(object: str) -> None:
    if object != "contacts":
        raise KeyError(object)


def _href(id: str) -> str:
    return quote(BOOK + id)


def _etag(etag: str) -> str:
    return f"<getetag>{escape(etag)}</getetag>"


def _token(place: int) -> str:
    return f"https://dav.example.com/sync/{place}"


def _found(href: str, props: str) -> str:
    stat = f"<propstat><prop>{props}</prop><status>HTTP/1.1 200 OK</status></propstat>"
    return f"<response><href>{escape(href)}</href>{stat}</response>"


def _status(href: str, status: int) -> str:
    words = {404: "Not Found", 507: "Insufficient Storage"}[status]
    return f"<response><href>{escape(href)}</href><status>HTTP/1.1 {status} {words}</status></response>"


def _multistatus(rows: Sequence[str], token: str | None = None) -> httpx.Response:
    end = f"<sync-token>{escape(token)}</sync-token>" if token is not None else ""
    body = f'<?xml version="1.0" encoding="utf-8"?><multistatus {_SPACES}>{"".join(rows)}{end}</multistatus>'
    return answer(207, body, {"Content-Type": "application/xml; charset=utf-8"})
