"""What the tests of the Mailchimp connector stand on: a twin, the connector that speaks to it, and a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog
from pydantic import SecretStr

from syncd.sdk import Create, Cursor, Delete, Gone, Merged, Outcome, Page, Record, Ref, Stored, Tools, Update
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.testing.clock import TurnedClock
from syncd.testing.twin import Faults, Setup
from syncd_connectors.mailchimp.account import MailchimpSettings
from syncd_connectors.mailchimp.connector import Mailchimp
from syncd_connectors.mailchimp.twin import API_KEY, LIST_ID, MailchimpTwin

APP = "news"
MEMBERS = f"/3.0/lists/{LIST_ID}/members"


@dataclass
class Shelf:
    """A vault in memory."""

    secrets: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        return self.secrets.get(name)

    def put(self, name: str, value: str) -> None:
        self.secrets[name] = value


def tools_for(transport: httpx.BaseTransport | None, clock: TurnedClock, vault: Shelf | None = None) -> Tools:
    http = Http(
        open_client(connections=8, transport=transport),
        app=APP,
        clock=clock,
        gate=Gate(clock=clock, concurrency=8),
        log=structlog.get_logger(),
    )
    return Tools(app=APP, http=http, clock=clock, log=structlog.get_logger(), vault=vault or Shelf())


@dataclass
class Ground:
    """A twin and its connector."""

    twin: MailchimpTwin
    clock: TurnedClock
    app: Mailchimp
    vault: Shelf

    @property
    def ids(self) -> list[str]:
        """Who lives in the twin, in the order in which they came."""
        return list(self.twin.records("members"))

    def ref(self, place: int = 0) -> Ref:
        return Ref(APP, "members", self.ids[place])

    def shown(self, ref: Ref) -> Record:
        record = self.app.read([ref])[ref]
        assert isinstance(record, Record), record
        return record

    def create(self, fields: Mapping[str, Any], key: str = "k") -> Outcome:
        return self.app.write([Create(APP, "members", fields, key)])[0]

    def update(self, ref: Ref, patch: Mapping[str, Any], key: str = "k") -> Outcome:
        return self.app.write([Update(ref, patch, key)])[0]

    def delete(self, ref: Ref, key: str = "k") -> Outcome:
        return self.app.write([Delete(ref, key)])[0]

    def changes(self, since: Cursor | None = None) -> list[Page]:
        return list(self.app.changes("members", since))

    def cursor(self) -> Cursor:
        """After everything there is now, and so long after that nothing of it is listed again."""
        cursor = self.changes()[-1].cursor
        self.clock.turn(60)
        return self.changes(cursor)[-1].cursor

    def called(self, kind: str) -> int:
        """How often the twin was called, by "METHOD path" below the audience."""
        method, _, path = kind.partition(" ")
        return self.twin.calls.get(f"{method} /3.0/lists/{{list_id}}{path}", 0)

    @contextmanager
    def before_answer(self, path: str, act: Callable[[int], None]) -> Iterator[None]:
        """Have something happen in the twin before each GET of a path is answered; told how many came before."""
        plain, came = self.twin.handle, 0

        def handle(request: httpx.Request) -> httpx.Response:
            nonlocal came
            if request.method == "GET" and request.url.path == path:
                act(came)
                came += 1
            return plain(request)

        self.twin.handle = handle  # type: ignore[method-assign]
        try:
            yield
        finally:
            self.twin.handle = plain  # type: ignore[method-assign]


def ground(
    *,
    records: int = 0,
    dirty: float = 0.0,
    page_size: int = 1000,
    double_optin: bool = False,
    faults: Faults | None = None,
    **settings: Any,
) -> Ground:
    """A twin with so many members, and a connector to it."""
    clock = TurnedClock()
    setup = Setup(clock=clock, records=records, dirty=dirty, faults=faults or Faults())
    twin = MailchimpTwin(setup, double_optin=double_optin)
    vault = Shelf()
    wanted = {"api_key": SecretStr(API_KEY), "audience": "Customers", **settings}

    def answer(request: httpx.Request) -> httpx.Response:
        return twin.handle(request)  # looked up for each call: a test may put something before it

    transport = httpx.MockTransport(answer)
    app = Mailchimp(MailchimpSettings(**wanted), tools_for(transport, clock, vault), page_size=page_size)
    return Ground(twin, clock, app, vault)


def rows(pages: Sequence[Page]) -> list[Record | Gone | Merged]:
    """Every row of some pages."""
    return [row for page in pages for row in page.rows]


def ids(pages: Sequence[Page]) -> list[str]:
    """The ids of every row."""
    return [row.ref.id for row in rows(pages)]


def stored(outcome: Outcome) -> Record:
    """The record that an outcome carries."""
    assert isinstance(outcome, Stored), outcome
    assert outcome.record is not None
    return outcome.record
