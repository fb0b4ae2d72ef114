"""What the tests of the HubSpot connector stand on: a portal, its clock, and a connector before it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import structlog

from syncd.core.record import Create, Cursor, Delete, Outcome, Raw, Record, Ref, Update, Write
from syncd.sdk.contract import Page, Tools
from syncd.sdk.http import Http, Limits, open_client
from syncd.sdk.pace import Gate
from syncd.testing.clock import TurnedClock
from syncd.testing.twin import Faults, Setup
from syncd_connectors.hubspot import HubSpot, HubSpotSettings, plugin
from syncd_connectors.hubspot.connector import HUBSPOT
from syncd_connectors.hubspot.twin import HubSpotTwin

APP = "crm"
HOOK_URL = "https://syncd.test/hooks/crm"


class Drawer:
    """A vault in memory."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.secrets.get(name)

    def put(self, name: str, value: str) -> None:
        self.secrets[name] = value


def connector_over(
    transport: httpx.BaseTransport, clock: TurnedClock, settings: HubSpotSettings, *, tries: int = 1
) -> HubSpot:
    """A connector whose calls go to a transport; by default none is repeated, so that a fault is seen as it is."""
    http = Http(
        open_client(transport=transport),
        app=APP,
        clock=clock,
        gate=Gate(plugin.quotas, clock=clock, concurrency=plugin.concurrency),
        log=structlog.wrap_logger(None, processors=[_drop]),
        limits=Limits(tries=tries),
        chance=random.Random(1),
    )
    return HubSpot(settings, Tools(app=APP, http=http, clock=clock, log=structlog.get_logger(), vault=Drawer()))


def _drop(_logger: object, _method: str, _event: structlog.typing.EventDict) -> str:
    raise structlog.DropEvent


@dataclass
class Portal:
    """A twin and a connector before it."""

    records: int = 0
    dirty: float = 0.0
    knobs: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    limits: bool = False
    clock: TurnedClock = field(default_factory=TurnedClock)

    def __post_init__(self) -> None:
        setup = Setup(clock=self.clock, records=self.records, dirty=self.dirty, limits=self.limits)
        self.twin = HubSpotTwin(setup, **self.knobs)
        self.crm = self.connector()

    def connector(self, *, tries: int = 1) -> HubSpot:
        settings = HubSpotSettings(**({"token": "pat-twin"} | self.settings))
        return connector_over(self.twin.transport(), self.clock, settings, tries=tries)

    def api(self) -> httpx.Client:
        """A bare client with the right token."""
        return httpx.Client(
            transport=self.twin.transport(), base_url=HUBSPOT, headers={"Authorization": f"Bearer {self.twin.token}"}
        )

    def misbehave(self, **faults: Any) -> None:
        self.twin.faults = replace(Faults(), **faults)

    def ids(self, object: str = "contacts") -> list[str]:
        return list(self.twin.tables[object].live)

    def contact(self, **values: str) -> str:
        """Somebody whom a person put into the portal."""
        return self.twin.person_create("contacts", values)

    def stored(self, ref: Ref) -> dict[str, str]:
        return dict(self.twin.tables[ref.object].live[ref.id].values)

    def stored_address(self) -> str:
        """The address of some contact."""
        return self.twin.tables["contacts"].live[self.ids()[0]].values["email"]

    def listing(self, object: str = "contacts") -> list[Page]:
        return list(self.crm.changes(object, None))

    def since(self, cursor: Cursor, object: str = "contacts") -> Iterator[Page]:
        return self.crm.changes(object, cursor)

    def write(self, *writes: Write) -> dict[str, Outcome]:
        outcomes = self.crm.write(writes)
        assert len(outcomes) == len(writes)
        return {outcome.key: outcome for outcome in outcomes}


def ref(id: str, object: str = "contacts") -> Ref:
    return Ref(APP, object, id)


def create(key: str, object: str = "contacts", **fields: Raw) -> Create:
    return Create(APP, object, fields, key)


def update(id: str, key: str, **patch: Raw) -> Update:
    return Update(ref(id), patch, key)


def delete(id: str, key: str) -> Delete:
    return Delete(ref(id), key)


def rows(pages: Sequence[Page]) -> list[Record]:
    return [row for page in pages for row in page.rows if isinstance(row, Record)]


def found_ids(pages: Sequence[Page]) -> list[str]:
    return [row.ref.id for row in rows(pages)]
