"""An office with a console: two apps in memory, a mapping in force, and a browser of the plainest kind."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any

import httpx
from starlette.applications import Starlette

from syncd.access import Console, Person, hashed
from syncd.console.find import find
from syncd.core.record import EntityId, Ref
from syncd.engine.cycle import once
from syncd.engine.world import World
from syncd.store.values import Entry, Event, Parked, ParkedKind
from syncd.testing.clock import TurnedClock
from syncd.web.site import desk_of, routes
from syncd.web.visit import Desk
from tests.daemon.company import Company

PASSWORD = "correct horse battery"
QUICK = hashed(PASSWORD, cost=4)
"""The same form as a real one, and made at once."""
PEOPLE = {
    "ada": Person.model_construct(role="owner", password=QUICK),
    "ben": Person.model_construct(role="operator", password=QUICK),
    "cleo": Person.model_construct(role="viewer", password=QUICK),
}


@dataclass
class Browser:
    """What a person sees and sends: it keeps cookies, and says where a form was sent from, as browsers do."""

    app: Starlette
    base: str = "http://127.0.0.1:8420"
    client: tuple[str, int] = ("127.0.0.1", 50000)
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    last: httpx.Response = field(default_factory=lambda: httpx.Response(200))

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Load a page, following where it leads."""
        return self._keep(self._call("GET", path, None, headers))

    def send(self, path: str, form: Mapping[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Send a form with what the last page proves, and follow where it leads."""
        found = dict(re.findall(r'name="(token|once)" value="([^"]+)"', self.last.text)[:2])
        given = {"origin": self.base} | headers
        return self._keep(self._call("POST", path, {**found, **(form or {})}, given))

    def raw(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        """One call, as it is, leading nowhere."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=self.client)
            async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
                return await client.request(method, path, content=content, headers=named)

        return asyncio.run(call())

    def text(self) -> str:
        """What the last page says, without what it is made of."""
        bare = re.sub(r"<(script|style|svg).*?</\1>|<[^>]*>", " ", self.last.text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(bare))

    def field(self, name: str) -> str:
        """What a hidden field of the last page holds."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.last.text)
        assert found is not None, f"there is no field {name}"
        return unescape(found[1])

    def _keep(self, response: httpx.Response) -> httpx.Response:
        self.last = response
        return response

    def _call(
        self, method: str, path: str, form: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=self.client)
            async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
                answer = await client.request(method, path, data=form, headers=named, follow_redirects=True)
                self.cookies = client.cookies
                return answer

        return asyncio.run(call())


@dataclass
class Office:
    """The company, its console, and ways to make things happen in it."""

    company: Company
    world: World
    clock: TurnedClock
    console: Console = field(default_factory=Console)
    desk: Desk = field(init=False)
    app: Starlette = field(init=False)

    def __post_init__(self) -> None:
        self.open(self.console)

    def open(self, console: Console, **daemon: Any) -> Starlette:
        """Open the console as configured."""
        config = self.company.config
        config = replace(config, console=console, daemon=config.daemon.model_copy(update=daemon))
        self.console, self.desk = console, desk_of(config, self.world)
        self.app = Starlette(routes=routes(self.desk))
        return self.app

    def browser(self, *, name: str = "", **browser: Any) -> Browser:
        """A browser at the overview, signed in as somebody if a name is said."""
        made = Browser(self.app, **browser)
        made.get("/")
        if name:
            made.send("/login", {"name": name, "password": PASSWORD, "next": "/"})
            assert made.last.status_code == 200, made.text()
        return made

    def sync(self) -> None:
        """Pull and deliver until it is quiet."""
        once(self.world, whole=True)

    def person(self, email: str, first: str) -> EntityId:
        """Somebody who is known to both apps."""
        self.company.person(email, first)
        self.sync()
        return self.who(email)

    def who(self, text: str) -> EntityId:
        """The entity that is meant."""
        return find(self.world.store, text, list(self.world.syncs)).entity

    def conflict(self, email: str = "ada@example.com", phones: Sequence[str] = ("111", "222")) -> int:
        """Somebody's phone is another in each app, and a person must say which stands. The number of the question."""
        self.person(email, "Ada")
        for app, phone in zip(("crm", "news"), phones, strict=True):
            there = self.company.apps[app]
            there.person_edits(there.find_one(email=email), phone=phone)
        self.sync()
        with self.world.store.read() as tx:
            return tx.parked.open((ParkedKind.CONFLICT,))[-1].id

    def park(self, kind: ParkedKind, **about: Any) -> int:
        """Any other question."""
        with self.world.store.begin() as tx:
            return tx.parked.park(Parked(kind=kind, sync="people", **about))

    def log(self, event: Event, **about: Any) -> int:
        """Something that has happened."""
        with self.world.store.begin() as tx:
            return tx.log.append(Entry(event=event, **about))

    def log_all(self, entries: Iterable[Entry]) -> None:
        """Much that has happened."""
        with self.world.store.begin() as tx:
            for entry in entries:
                tx.log.append(entry)

    def decided(self) -> list[tuple[str, str]]:
        """Who decided what, in order."""
        with self.world.store.read() as tx:
            return [(entry.by, entry.note) for entry in reversed(tx.log.find(events=(Event.DECIDED,)))]

    def agreed(self, email: str = "ada@example.com", field: str = "phone") -> Any:
        """The value that is agreed on."""
        with self.world.store.read() as tx:
            return tx.entities.get(self.who(email)).value(field)


def office(company: Company) -> Office:
    """An office whose sessions end by a clock that is turned by hand."""
    clock = TurnedClock(time.time())
    return Office(company, replace(company.world(), clock=clock), clock)


def refusal(number: int) -> Parked:
    """One of many records that an app refuses."""
    ref = Ref("news", "people", f"r{number}")
    return Parked(kind=ParkedKind.QUARANTINE, sync="people", app="news", ref=ref, reason="no phone, no record")
