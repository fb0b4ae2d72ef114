"""A Ghost to run flows against, simulated or real: the same calls by the same stranger, and a way to pass time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx
import structlog
from pydantic import SecretStr

from syncd.core.record import Create, Delete, Gone, Merged, Outcome, Raw, Record, Ref, Update
from syncd.sdk.contract import Clock, Request, Tools
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.testing.clock import TurnedClock
from syncd.testing.conformance import MemoryVault
from syncd.testing.twin import Setup
from syncd_connectors.ghost import Ghost, GhostSettings
from syncd_connectors.ghost.token import token
from syncd_connectors.ghost.twin import ADMIN_KEY, GhostTwin

__all__ = ["APP", "HOOK_SECRET", "Ear", "World", "twin_world", "world"]

APP: Final = "news"
HOOK_SECRET: Final = "the-site-signs-with-this"
_KEYS = itertools.count()


class Ear(Protocol):
    """Where webhooks arrive."""

    @property
    def url(self) -> str:
        """The address to register."""
        ...

    def calls(self, count: int) -> Sequence[Request]:
        """The calls that came since the last question: at least `count`, if they come within some seconds."""
        ...


@dataclass(slots=True)
class World:
    """One Ghost: our connector on it, and somebody else with the same rights."""

    connector: Ghost
    stranger: httpx.Client
    """Speaks to Ghost without a line of our code but the token."""
    admin_key: str
    clock: Clock
    ear: Ear
    default: str
    """The slug of a newsletter that new members get ..."""
    other: str
    """... and of one that they do not."""
    _addresses: Iterator[int] = field(default_factory=itertools.count)

    # --- the stranger ------------------------------------------------------------------------------------

    def api(self, method: str, path: str, json: Any = None, **params: Any) -> Any:
        """One call by the stranger, which must succeed; the answer's JSON."""
        headers = {"Authorization": token(self.admin_key, self.clock.now()), "Accept-Version": "v6.0"}
        answer = self.stranger.request(method, f"/ghost/api/admin/{path}", json=json, params=params, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def make(self, **said: Any) -> str:
        """The stranger makes a member; its id."""
        made = self.api("POST", "members/", {"members": [{"email": self.address(), **said}]})
        return str(made["members"][0]["id"])

    def change(self, id: str, **said: Any) -> None:
        """The stranger changes a member."""
        self.api("PUT", f"members/{id}/", {"members": [said]})

    def shown(self, id: str) -> Mapping[str, Any]:
        """A member as Ghost shows it to the stranger."""
        found: Mapping[str, Any] = self.api("GET", f"members/{id}/")["members"][0]
        return found

    def pass_time(self, seconds: float = 1.1) -> None:
        """Let Ghost's clock move on."""
        self.clock.sleep(seconds)

    def address(self, name: str = "ann") -> str:
        """An address that nobody has."""
        return f"{name}.{next(self._addresses)}.{time.time_ns()}@example.com"

    # --- the connector -----------------------------------------------------------------------------------

    def ref(self, id: str) -> Ref:
        """A member's ref."""
        return Ref(APP, "members", id)

    def create(self, **fields: Raw) -> Outcome:
        """The connector makes a member."""
        (outcome,) = self.connector.write([Create(APP, "members", fields, _key())])
        return outcome

    def update(self, id: str, **patch: Raw) -> Outcome:
        """The connector changes a member."""
        (outcome,) = self.connector.write([Update(self.ref(id), patch, _key())])
        return outcome

    def delete(self, id: str) -> Outcome:
        """The connector deletes a member."""
        (outcome,) = self.connector.write([Delete(self.ref(id), _key())])
        return outcome

    def fate(self, id: str) -> Record | Gone | Merged:
        """What the connector reads."""
        return self.connector.read([self.ref(id)])[self.ref(id)]

    def fields(self, id: str) -> Mapping[str, Raw]:
        """The fields of a member that must be there."""
        record = self.fate(id)
        assert isinstance(record, Record), record
        return record.fields


def _key() -> str:
    return f"key-{next(_KEYS)}"


@contextmanager
def world(
    url: str,
    admin_key: str,
    ear: Ear,
    *,
    clock: Clock,
    slugs: tuple[str, str],
    transport: httpx.BaseTransport | None = None,
) -> Iterator[World]:
    """Connector and stranger on the Ghost at `url`. `slugs`: the default newsletter and the other one."""
    log = structlog.get_logger()
    http = Http(open_client(transport=transport), app=APP, clock=clock, gate=Gate(clock=clock), log=log)
    settings = GhostSettings(base_url=url, admin_key=SecretStr(admin_key), webhook_secret=SecretStr(HOOK_SECRET))
    connector = Ghost(settings, Tools(APP, http, clock, log, MemoryVault()))
    with httpx.Client(base_url=url, transport=transport, timeout=60) as stranger:
        connector.objects()
        yield World(connector, stranger, admin_key, clock, ear, *slugs)
    connector.close()


@dataclass(frozen=True, slots=True)
class _TwinEar:
    """What the twin owes, handed over at once."""

    twin: GhostTwin
    url: str = "https://sync.example.com/hooks/news"

    def calls(self, count: int) -> Sequence[Request]:
        owed = list(self.twin.outbox)
        self.twin.outbox.clear()
        assert len(owed) >= count
        return [Request(h.method, h.url, {k.lower(): v for k, v in h.headers.items()}, h.body) for h in owed]


@contextmanager
def twin_world(records: int = 0, *, clock: Clock | None = None) -> Iterator[tuple[World, GhostTwin]]:
    """A world on a twin, and the twin."""
    turned = clock or TurnedClock()
    twin = GhostTwin(Setup(clock=turned, records=records))
    with world(
        "https://blog.example.com",
        ADMIN_KEY,
        _TwinEar(twin),
        clock=turned,
        slugs=("weekly", "product-news"),
        transport=twin.transport(),
    ) as made:
        yield made, twin
