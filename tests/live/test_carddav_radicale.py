"""Two address books on a real Radicale, kept the same by the engine and the CardDAV connector."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from syncd.app import Assembly, assemble
from syncd.engine.cycle import Report, once
from syncd.settings import load
from syncd.store.values import ParkedKind
from syncd.testing.population import Person, person
from tests.live.servers.radicale import Radicale, running_radicale

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

CONFIG = """
[safety]
second_look = "1s"

[apps.left]
connector = "carddav"
base_url  = "{left}"
username  = "{user}"
password  = {{ env = "BOOKS_PASSWORD" }}

[apps.right]
connector = "carddav"
base_url  = "{server}"
book      = "right"
username  = "{user}"
password  = {{ env = "BOOKS_PASSWORD" }}

[syncs.people]
entity  = "person"
apps    = {{ left = "contacts", right = "contacts" }}
match   = ["email"]
first   = "prefer left"
deletes = "hold"

[syncs.people.fields.email]
type  = "email"
left  = "email"
right = "email"

[syncs.people.fields.first_name]
type  = "text"
left  = "n.given"
right = "n.given"

[syncs.people.fields.last_name]
type  = "text"
left  = "n.family"
right = "n.family"

[syncs.people.fields.phone]
type  = "phone"
left  = "tel"
right = "tel"

[syncs.people.fields.city]
type  = "text"
left  = "adr.city"
right = "adr.city"
"""
LEFT, RIGHT, BOTH = range(40), range(30, 60), range(30, 40)


@dataclass
class Line(httpx.BaseTransport):
    """The wire to one book, counting what goes over it."""

    told: Counter[str] = field(default_factory=Counter)
    wire: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        kind = next((name for name in (b"multiget", b"sync-collection") if name in body), b"").decode()
        self.told[f"{request.method} {kind}".strip()] += 1
        return self.wire.handle_request(request)


@dataclass
class Books:
    """Two books, those who write into them by hand, and syncd between them."""

    server: Radicale
    people: httpx.Client
    lines: Mapping[str, Line]
    assembly: Assembly

    def run(self, *, whole: bool = False) -> Report:
        for line in self.lines.values():
            line.told.clear()
        report = once(self.assembly.world, whole=whole)
        assert not report.failing
        return report

    def put(self, book: str, who: Person, **more: str) -> None:
        lines = {
            "FN": f"{who.first} {who.last}",
            "N": f"{who.last};{who.first};;;",
            "item1.EMAIL;TYPE=INTERNET": who.email,
            "item1.X-ABLabel": f"{book}'s own",
            "X-OF": book,
            "TEL;TYPE=CELL": who.phone,
            "ADR;TYPE=WORK": f";;;{who.city};;{who.postcode};",
            **more,
        }
        body = "".join(f"{name}:{value}\r\n" for name, value in lines.items())
        text = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{book}-{who.number}\r\n{body}END:VCARD\r\n"
        address = f"{self.server.book(book)}{book}-{who.number}.vcf"
        self.people.put(address, content=text, headers={"Content-Type": "text/vcard"}).raise_for_status()

    def cards(self, book: str) -> dict[str, str]:
        """Address to the text of the card."""
        query = (
            '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
            "<prop><C:address-data/></prop></C:addressbook-query>"
        )
        told = self.people.request("REPORT", self.server.book(book), content=query, headers={"Depth": "1"})
        texts = [part.partition("END:VCARD")[0] for part in told.text.replace("\r", "").split("BEGIN:VCARD")[1:]]
        return {line(text, "EMAIL").lower(): text for text in texts}


def line(text: str, name: str) -> str:
    """The value of a property."""
    found = [one for one in text.split("\n") if one.partition(":")[0].partition(";")[0].rpartition(".")[2] == name]
    return found[0].partition(":")[2] if found else ""


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    with running_radicale(books=("left", "right")) as server, opened(server, tmp_path, monkeypatch) as books:
        yield books


@contextmanager
def opened(server: Radicale, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    monkeypatch.setenv("BOOKS_PASSWORD", server.auth[1])
    path = folder / "config.toml"
    path.write_text(CONFIG.format(left=server.book("left"), server=server.url, user=server.auth[0]))
    lines = {"left": Line(), "right": Line()}
    with httpx.Client(auth=server.auth) as people, assemble(load(path), transports=lines) as assembly:
        yield Books(server, people, lines, assembly)


def test_two_real_address_books_are_kept_the_same(books: Books) -> None:
    for number in LEFT:
        books.put("left", person(1, number))
    for number in RIGHT:
        books.put("right", person(1, number))

    report = books.run()
    assert (report.tally.created, report.tally.deleted) == (len(LEFT) + len(RIGHT) - 2 * len(BOTH), 0)
    left, right = books.cards("left"), books.cards("right")
    assert set(left) == set(right) == {person(1, number).email for number in range(60)}
    names = ("N", "TEL", "FN")
    assert [mail for mail in left if any(line(left[mail], name) != line(right[mail], name) for name in names)] == []

    again = books.run()
    assert again.tally.written == 0
    for book in books.lines.values():
        assert book.told == {"REPORT sync-collection": 1}  # not one card was fetched

    whole = books.run(whole=True)
    assert whole.tally.written == 0
    for book in books.lines.values():
        assert book.told == {"REPORT sync-collection": 1}  # nor for a full comparison

    books.put("left", person(1, 3), **{"TEL;TYPE=CELL": "+12025550177"})
    books.put("right", person(1, 33), N="Newname;Given;;;")
    report = books.run()
    assert report.tally.updated == 2
    assert line(books.cards("right")[person(1, 3).email], "TEL") == "+12025550177"
    mirrored = books.cards("left")[person(1, 33).email]
    assert line(mirrored, "N") == "Newname;Given;;;"
    assert line(mirrored, "X-OF") == "left"
    assert line(mirrored, "X-ABLABEL") == "left's own"

    gone = person(1, 5)
    books.people.delete(f"{books.server.book('left')}left-5.vcf").raise_for_status()
    books.run()
    time.sleep(1.5)  # it is looked for a second time before it is believed
    books.run()
    assert gone.email in books.cards("right")
    with books.assembly.world.store.read() as tx:
        assert len(tx.parked.open((ParkedKind.HOLD,), sync="people")) == 1
    assert books.run().tally.written == 0
