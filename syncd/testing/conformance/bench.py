"""The bench on which a connector is held to its contract: the connector, its twin, a clock that is turned by hand."""

from __future__ import annotations

import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx
import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import LogCapture, ReturnLogger

from syncd.core.record import Cursor, Gone, Merged, Outcome, Raws, Record, Ref, Stored, Write
from syncd.sdk.contract import Capabilities, Clock, Connector, Object, Page, Plugin, Settings, Tools, Vault
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.testing.twin import Faults, Twin

__all__ = ["APP", "ZONES", "Bench", "MemoryVault", "Turned", "Wrong", "elsewhere", "ids", "secrets"]

APP: Final = "app"
"""What the app is called in the suite's configuration."""
ZONES: Final = ("EAST-13:45", "WEST+11")
"""Far from Greenwich on either side, in a form that needs no list of zones on the machine."""
_PART: Final = 8
Change = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Turned(Clock, Protocol):
    """A clock that can be turned on, or waited for."""

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        ...


@dataclass(frozen=True, slots=True)
class Wrong:
    """A machine's clock that is ahead of the app's by some seconds, or behind."""

    right: Clock
    seconds: float

    def now(self) -> float:
        """Seconds since the epoch, as this machine believes."""
        return self.right.now() + self.seconds

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.right.sleep(seconds)


@contextmanager
def elsewhere(zone: str) -> Iterator[None]:
    """Have the machine stand in another time zone for a while. Skips where a system cannot."""
    turn = getattr(time, "tzset", None)
    if turn is None:
        pytest.skip("the zone of this system cannot be changed for a process")
    before = os.environ.get("TZ")
    try:
        os.environ["TZ"] = zone
        turn()
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        turn()


class MemoryVault:
    """A vault that lasts as long as the test."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        """The secret, or None."""
        return self.kept.get(name)

    def put(self, name: str, value: str) -> None:
        """Keep the secret."""
        self.kept[name] = value


@dataclass(slots=True)
class Bench:
    """One connector on one twin, looked at through one of its objects."""

    plugin: Plugin
    settings: Settings
    twin: Twin
    clock: Turned
    subject: str
    """The name of the object under test."""
    vault: Vault = field(default_factory=MemoryVault)
    log: LogCapture = field(default_factory=LogCapture)
    connector: Connector = field(init=False)
    object: Object = field(init=False)
    """The object under test, as the connector discovered it at the start."""
    texts: tuple[str, ...] | None = None
    """Names of plain text fields, once they were looked up."""
    one: str = ""
    """The id of the record whose fields are tried, once it was chosen."""
    _opened: list[tuple[Connector, Http]] = field(init=False, default_factory=list)
    _change: list[Change] = field(init=False, default_factory=list)
    _before: list[Callable[[], None]] = field(init=False, default_factory=list)
    _keys: Iterator[int] = field(init=False, default_factory=itertools.count)
    _series: str = field(init=False, default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.connector = self.open(self.settings)
        self.object = next(found for found in self.connector.objects() if found.name == self.subject)

    def open(self, settings: Settings, clock: Clock | None = None) -> Connector:
        """Another connector on the same twin, as after a restart: it shares nothing with the first but the vault.

        `clock`: the one that its machine goes by, if it is another than that of the app.
        """
        clock = clock or self.clock
        http = Http(
            open_client(connections=self.plugin.concurrency, transport=httpx.MockTransport(self._carried)),
            app=APP,
            clock=clock,
            gate=Gate(self.plugin.quotas, clock=clock, concurrency=self.plugin.concurrency),
            log=self.logger(),
        )
        connector = self.plugin.open(settings, Tools(APP, http, clock, self.logger(), self.vault))
        self._opened.append((connector, http))
        return connector

    def close(self) -> None:
        """Close every connector and its pool."""
        for connector, http in self._opened:
            connector.close()
            http.close()

    def logger(self) -> Any:
        """A logger whose lines end up in `log.entries`."""
        return structlog.wrap_logger(ReturnLogger(), processors=[self.log], wrapper_class=structlog.BoundLogger)

    @property
    def can(self) -> Capabilities:
        """What the connector declares of the object."""
        return self.object.capabilities

    # --- the connector's side ----------------------------------------------------------------------------------

    def key(self) -> str:
        """A key for a write that no other write has, not even of another bench on the same account."""
        return f"key-{self._series}-{next(self._keys)}"

    def ref(self, id: str) -> Ref:
        """The ref of a record of the object under test."""
        return Ref(APP, self.subject, id)

    def pages(self, since: Cursor | None = None) -> list[Page]:
        """A whole listing."""
        return list(self.connector.changes(self.subject, since))

    def cursor(self) -> Cursor:
        """Where a full listing ends."""
        return self.pages()[-1].cursor

    def seen(self, id: str) -> Record:
        """A record that must be there, read by id."""
        ref = self.ref(id)
        record = self.connector.read([ref])[ref]
        assert isinstance(record, Record), f"{ref} should be there, and read() says {record}"
        return record

    def fate(self, id: str) -> Record | Gone | Merged:
        """Whatever read() says of a record."""
        ref = self.ref(id)
        return self.connector.read([ref])[ref]

    def write(self, *writes: Write) -> Mapping[str, Outcome]:
        """Write, and hold the answer to its form: one outcome for each write, told apart by key."""
        outcomes = self.connector.write(writes)
        assert sorted(outcome.key for outcome in outcomes) == sorted({write.key for write in writes})
        return {outcome.key: outcome for outcome in outcomes}

    def store(self, write: Write) -> Stored:
        """Make one write that must succeed."""
        outcome = self.write(write)[write.key]
        assert isinstance(outcome, Stored), f"{write} should be stored, and the outcome is {outcome}"
        return outcome

    # --- the people's side -------------------------------------------------------------------------------------

    def people(self) -> Mapping[str, Raws]:
        """A copy of what persons see in the app now, by id."""
        return {id_: dict(raws) for id_, raws in self.twin.records(self.subject).items()}

    def some(self, count: int = 1) -> Sequence[str]:
        """Ids of records that live in the app, always the same ones."""
        return sorted(self.twin.records(self.subject))[:count]

    def person_edits(self, id: str, name: str, value: Any) -> None:
        """A person changes one field, a while after whatever happened before."""
        self.pass_time()
        self.twin.person_edit(self.subject, id, {name: value})

    def misbehave(self, **faults: Any) -> None:
        """Have the twin show these faults and no others; none to make it well again."""
        self.twin.faults = Faults(**faults)

    @contextmanager
    def answering(self, body: bytes) -> Iterator[None]:
        """For a while every call is carried out, and answered 200 with this body."""

        def garble(_request: httpx.Request, _answer: httpx.Response) -> httpx.Response:
            return httpx.Response(200, content=body, headers={"content-type": "application/json"})

        with self._through(garble):
            yield

    @contextmanager
    def watching(self) -> Iterator[list[tuple[float, httpx.Response]]]:
        """For a while every answer is noted, with the time it was asked for."""
        seen: list[tuple[float, httpx.Response]] = []

        def note(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            seen.append((self.clock.now(), answer))
            return answer

        with self._through(note):
            yield seen

    @contextmanager
    def stumbling(self, well: int, **faults: Any) -> Iterator[None]:
        """For a while so many calls go well, and all that come after them meet these faults."""
        left = itertools.count(well, -1)

        def stumble() -> None:
            if next(left) <= 0:
                self.misbehave(**faults)

        self._before.append(stumble)
        try:
            yield
        finally:
            self._before.pop()
            self.misbehave()

    @contextmanager
    def meddling(self, act: Callable[[], None]) -> Iterator[None]:
        """A person acts while the connector is at work: right after its first call was answered."""
        todo = [act]

        def meddle(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            if todo:
                todo.pop()()
            return answer

        with self._through(meddle):
            yield

    @contextmanager
    def _through(self, change: Change) -> Iterator[None]:
        self._change.append(change)
        try:
            yield
        finally:
            self._change.pop()

    def _carried(self, request: httpx.Request) -> httpx.Response:
        for before in self._before:
            before()
        answer = self.twin.handle(request)
        return self._change[-1](request, answer) if self._change else answer

    def pass_time(self) -> None:
        """Let enough time pass for two changes to bear different times."""
        self.clock.turn(2 * self.can.granularity.total_seconds() + 1.0)

    def settle(self) -> None:
        """Let enough time pass for listings to show everything that was written."""
        self.clock.turn(self.can.list_lag.total_seconds() + 2 * self.can.granularity.total_seconds() + 1.0)


def ids(pages: Iterable[Page]) -> set[str]:
    """The ids of the records that pages show as living."""
    return {row.ref.id for page in pages for row in page.rows if isinstance(row, Record)}


def secrets(settings: Settings) -> list[str]:
    """The plain secrets in the settings, and the parts of those that are made of several."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    plain = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return [*plain, *(part for secret in plain for part in secret.split(":")[1:] if len(part) >= _PART)]
