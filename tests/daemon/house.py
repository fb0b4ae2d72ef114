"""Two simulated apps on loopback, a configuration that names them, and daemons as processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.app import assemble
from syncd.engine.plan import mark_applied
from syncd.sdk.clock import WallClock
from syncd.settings import Config, load
from syncd.store.store import Store
from syncd.testing.serve import serve
from syncd.testing.twin import Setup, Twin
from syncd_connectors.hubspot.twin import HubSpotTwin
from syncd_connectors.mailchimp.twin import MailchimpTwin

ROOT = Path(__file__).parents[2]

CONFIG = """
[daemon]
listen = "127.0.0.1:{port}"
poll = "400ms"

[store]
url = "sqlite:///syncd.db"

[safety]
late_write = "1s"

[log]
level = "info"
format = "json"

[apps.crm]
connector = "hubspot"
base_url = "{crm}"
token = {{ env = "CRM_TOKEN" }}
app_secret = {{ env = "CRM_SECRET" }}

[apps.news]
connector = "mailchimp"
base_url = "{news}"
api_key = {{ env = "NEWS_KEY" }}
webhook_secret = {{ env = "NEWS_SECRET" }}

[syncs.people]
entity = "person"
apps = {{ crm = "contacts", news = "members" }}
match = ["email"]
first = "prefer crm"

[syncs.people.fields.email]
type = "email"
crm = "email"
news = "email_address"

[syncs.people.fields.first_name]
type = "text"
crm = "firstname"
news = "merge_fields.FNAME"
"""


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def eventually(holds: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Wait until something holds; fails with `what` if it does not in time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.05)


@dataclass
class Running:
    """One daemon process and the address of its door."""

    process: subprocess.Popen[str]
    url: str
    output: Path

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=5)

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/healthz").json()
        return found

    def answers(self) -> bool:
        try:
            return bool(self.get("/healthz").content)
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """Ask for a clean stop, as systemd does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def kill(self) -> None:
        """The power fails."""
        self.process.kill()
        self.process.wait(timeout=5)

    def said(self) -> str:
        return self.output.read_text()


@dataclass
class House:
    """A CRM and a newsletter tool with the same three people in them, and a mapping that is in force."""

    folder: Path
    crm: Twin
    news: Twin
    crm_url: str
    news_url: str
    closing: ExitStack
    port: int = field(default_factory=free_port)

    @property
    def config_file(self) -> Path:
        return self.folder / "syncd.toml"

    def config(self) -> Config:
        return load(self.config_file)

    def put_in_force(self) -> None:
        with assemble(self.config()) as assembly:
            mark_applied(assembly.world, by="test")

    def store(self) -> Store:
        return Store.open(f"sqlite:///{self.folder / 'syncd.db'}", WallClock().now)

    def start(self, *, grace: float = 10.0) -> Running:
        """A daemon, once its door is open."""
        running = self.launch(grace=grace)
        eventually(lambda: running.process.poll() is not None or running.answers(), "the door opens")
        if running.process.poll() is not None:
            raise AssertionError(f"the daemon did not start: {running.said()}")
        return running

    def launch(self, *, grace: float = 10.0) -> Running:
        """A daemon, from its first instruction on."""
        output = self.folder / f"log-{time.monotonic_ns()}.txt"
        with output.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.daemon.process", str(self.config_file), str(grace)],
                cwd=ROOT,
                env={**os.environ, **SECRETS},
                stdout=out,
                stderr=out,
                text=True,
            )
        self.closing.callback(process.wait)
        self.closing.callback(process.kill)
        return Running(process, f"http://127.0.0.1:{self.port}", output)

    def contact(self, email: str) -> tuple[str, Mapping[str, Any]]:
        return _one(self.crm, "contacts", "email", email)

    def member(self, email: str) -> tuple[str, Mapping[str, Any]]:
        return _one(self.news, "members", "email_address", email)

    def first_name(self, email: str) -> tuple[Any, Any]:
        """What the two apps call a person."""
        return self.contact(email)[1].get("firstname"), self.member(email)[1].get("merge_fields.FNAME")

    def emails(self) -> list[str]:
        return sorted(str(record["email"]) for record in self.crm.records("contacts").values())


SECRETS = {
    "CRM_TOKEN": "pat-twin",
    "CRM_SECRET": "the-crm-signs-with-this",
    "NEWS_KEY": "twin-us1",
    "NEWS_SECRET": "nobody-guesses-this-path",
}


def _one(twin: Twin, object: str, name: str, value: str) -> tuple[str, Mapping[str, Any]]:
    with twin.lock:
        (found,) = [(id, row) for id, row in twin.records(object).items() if row.get(name) == value]
    return found


@contextmanager
def house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Both apps listening, with three people whom they have in common."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    crm = HubSpotTwin(Setup(clock=WallClock(), records=3, limits=False), app_secret=SECRETS["CRM_SECRET"])
    news = MailchimpTwin(Setup(clock=WallClock(), records=3, limits=False))
    with ExitStack() as closing:
        crm_url = closing.enter_context(serve(crm)).url
        news_url = closing.enter_context(serve(news)).url
        made = House(folder, crm, news, crm_url, news_url, closing)
        made.config_file.write_text(CONFIG.format(port=made.port, crm=crm_url, news=news_url))
        made.put_in_force()
        yield made
