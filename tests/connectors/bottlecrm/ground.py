"""A connector on any address: the twin's or a real server's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import structlog
from pydantic import SecretStr

from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Tools
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.testing.conformance import MemoryVault
from syncd_connectors.bottlecrm.connector import BottleCrm, BottleCrmSettings

__all__ = ["connector", "person"]


@contextmanager
def connector(url: str, token: str, transport: httpx.BaseTransport | None = None) -> Iterator[BottleCrm]:
    """The connector as the daemon would open it; without a transport it talks to the network."""
    clock = WallClock()
    log = structlog.wrap_logger(None, processors=[_silence])
    http = Http(open_client(transport=transport), app="crm", clock=clock, gate=Gate(clock=clock), log=log)
    settings = BottleCrmSettings(base_url=url, token=SecretStr(token))
    opened = BottleCrm(settings, Tools("crm", http, clock, log, MemoryVault()))
    try:
        yield opened
    finally:
        opened.close()
        http.close()


def person(url: str, token: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client of a person's own."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, transport=transport, timeout=60)


def _silence(_logger: object, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent
