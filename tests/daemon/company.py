"""A daemon in a thread, on a store in a file, between apps that live in memory."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog
from pydantic import SecretStr

from syncd.app import Assembly
from syncd.core.fieldmap import Sync
from syncd.core.record import Cursor, Ref
from syncd.daemon.daemon import Daemon, Pages, no_pages
from syncd.daemon.lock import Held, sole
from syncd.destinations import Alerts
from syncd.engine.plan import mark_applied
from syncd.engine.world import App, World
from syncd.errors import ConnectorError, StoreError, Unauthorised
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Connector, Page, Plugin, Request, Settings
from syncd.settings import AppConfig, Audit, Config, Log, Safety
from syncd.settings import Daemon as DaemonSettings
from syncd.settings import Store as StoreSettings
from syncd.store.store import Store
from syncd.testing.fake import Fake, text_fields
from tests.daemon.house import eventually
from tests.engine.world import people

FAST = timedelta(milliseconds=200)
SELDOM = timedelta(hours=1)


@dataclass
class Caller(Fake):
    """An app that sends webhooks: the body names records, the header `x-signature` says "ours"."""

    subscribed: list[str] = field(default_factory=list)
    heard: list[Request] = field(default_factory=list)
    understands: Callable[[Request], Sequence[Ref]] | None = None
    """What it makes of a call, instead."""

    def hear(self, request: Request) -> Sequence[Ref]:
        self.heard.append(request)
        if self.understands is not None:
            return self.understands(request)
        if request.headers.get("x-signature") != "ours":
            raise Unauthorised("not signed")
        return [Ref(self.name, self.object, id) for id in request.body.decode("latin-1").split()]

    takes_hooks: bool = True
    listing: Callable[[Cursor | None], None] = lambda _: None
    """Called when a listing begins."""

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        self.listing(since)
        return super().changes(object, since)

    def subscribe(self, url: str) -> None:
        if not self.takes_hooks:
            raise Unauthorised("this token may not register webhooks")
        self.subscribed.append(url)

    def unsubscribe(self, url: str) -> None:
        self.subscribed.remove(url)


@dataclass
class Company:
    """Two apps, a mapping in force, and a daemon when asked for."""

    folder: Path
    closing: ExitStack
    names: tuple[str, ...] = ("crm", "news")
    poll: timedelta = FAST
    public_url: str = ""
    hook: str = ""
    listen: str = "127.0.0.1:0"
    pages: Pages = no_pages
    alerts: Alerts = field(default_factory=Alerts)
    audit: Audit = field(default_factory=Audit)
    apps: dict[str, Caller] = field(default_factory=dict)
    unreachable: Mapping[str, ConnectorError] = field(default_factory=dict)
    said: list[Mapping[str, Any]] = field(default_factory=list)
    """What the daemon has logged."""

    def __post_init__(self) -> None:
        clock = WallClock()
        fields = text_fields("email", "first", "phone", "out", unique=("email",))
        self.apps = {name: Caller(name, clock, fields) for name in self.names}
        self.store = Store.open(self.config.store.url, clock.now)
        self.closing.callback(self.store.close)
        self.sync: Sync = people(self.names)
        mark_applied(self.world(), by="test")

    @property
    def config(self) -> Config:
        plugin = Plugin(name="fake", title="Fake", settings=Settings, open=_never_opened)
        apps = {
            name: AppConfig(
                name=name,
                connector="fake",
                plugin=plugin,
                settings=Settings(),
                poll=self.poll,
                sweep=SELDOM,
                hook=SecretStr(self.hook) if self.hook else None,
            )
            for name in self.names
        }
        return Config(
            path=self.folder / "syncd.toml",
            apps=apps,
            syncs={},
            daemon=DaemonSettings(listen=self.listen, public_url=self.public_url, memory=1 << 20),
            store=StoreSettings(url=f"sqlite:///{self.folder / 'syncd.db'}"),
            safety=Safety(),
            log=Log(),
            alerts=self.alerts,
            audit=self.audit,
        )

    def world(self) -> World:
        apps = {name: App(name, fake, {o.name: o for o in fake.objects()}) for name, fake in self.apps.items()}
        log = structlog.wrap_logger(None, processors=[self._listen])
        return World(self.store, apps, {self.sync.name: self.sync}, WallClock(), random.Random(1), log)

    def _listen(self, _logger: object, _method: str, event: structlog.typing.EventDict) -> str:
        self.said.append(dict(event))
        raise structlog.DropEvent

    def daemon(self, held: Held, *, grace: float = 5.0) -> Daemon:
        assembly = Assembly(self.config, self.world(), self.unreachable, ExitStack())
        return Daemon(assembly, held, grace=timedelta(seconds=grace), pages=self.pages)

    @contextmanager
    def running(self, *, grace: float = 5.0, lost: Callable[[], None] | None = None) -> Iterator[Service]:
        """A daemon at work; asked to stop at the end, unless it has been. `lost` is called to see about the lock."""
        with sole(self.config) as held:
            daemon = self.daemon(Held(held.holder, lost or held.check), grace=grace)
            service = Service(daemon)
            service.thread.start()
            try:
                eventually(service.answers, "the door opens")
                yield service
            finally:
                daemon.stop()
                service.thread.join(20)

    def person(self, email: str, first: str) -> None:
        """Somebody who lives in the CRM."""
        self.apps["crm"].person_creates(email=email, first=first)

    def called(self, email: str) -> Mapping[str, object]:
        """What each app that knows a person calls them."""
        return {
            name: row.fields.get("first")
            for name, app in self.apps.items()
            for row in list(app.rows.values())
            if row.fields.get("email") == email
        }

    def renames(self, app: str, email: str, first: str) -> None:
        self.apps[app].person_edits(self.apps[app].find_one(email=email), first=first)


class Lock:
    """A lock that can be taken away."""

    def __init__(self) -> None:
        self.lost = threading.Event()

    def check(self) -> None:
        if self.lost.is_set():
            raise StoreError("the connection that held the lock is lost")


class Service:
    """A daemon in a thread."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.code: int | None = None
        self.thread = threading.Thread(target=self._run)
        self.url = f"http://127.0.0.1:{daemon.port}"

    def _run(self) -> None:
        self.code = self.daemon.run()

    def answers(self) -> bool:
        try:
            return bool(httpx.get(f"{self.url}/healthz").content)
        except httpx.TransportError:
            return False

    def state(self, app: str) -> str:
        return self.daemon.health().apps[app].state

    def stops(self) -> int | None:
        """Ask for a clean stop; the exit code."""
        self.daemon.stop()
        self.thread.join(20)
        return self.code


def _never_opened(_settings: object, _tools: object) -> Connector:
    raise AssertionError("the apps of a company are open already")
