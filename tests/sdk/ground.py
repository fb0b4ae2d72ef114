"""What the tests of the sdk stand on: one client before a router of single exchanges, with a clock turned by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import respx
import structlog
from structlog.typing import EventDict

from syncd.sdk import Http, Quota
from syncd.sdk.http import Limits, open_client
from syncd.sdk.pace import Gate
from syncd.testing.clock import TurnedClock

BASE = "https://api.crm.test/v3"


class Notebook:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[EventDict] = []
        self.logger = structlog.wrap_logger(None, processors=[self._write])

    def _write(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        self.lines.append(event)
        raise structlog.DropEvent


@dataclass
class Ground:
    """One app, as the sdk sees it."""

    quotas: Sequence[Quota] = ()
    concurrency: int = 4
    limits: Limits = field(default_factory=Limits)
    clock: TurnedClock = field(default_factory=TurnedClock)
    router: respx.MockRouter = field(default_factory=lambda: respx.MockRouter(assert_all_called=False))
    notebook: Notebook = field(default_factory=Notebook)

    def __post_init__(self) -> None:
        self.gate = Gate(self.quotas, clock=self.clock, concurrency=self.concurrency)
        self.http = self.over(httpx.MockTransport(self.router.handler))

    def over(self, transport: httpx.BaseTransport | None) -> Http:
        """A client of this app over another transport."""
        return Http(
            open_client(transport=transport),
            app="crm",
            clock=self.clock,
            gate=self.gate,
            log=self.notebook.logger,
            base_url=BASE,
            limits=self.limits,
            chance=random.Random(1),
        )
