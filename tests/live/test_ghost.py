"""The flows, on a real Ghost: `python -m pytest tests/live/test_ghost.py -o addopts=--import-mode=importlib`.

Ghost is installed by the first run, which then takes minutes; see `tests.live.servers.ghost`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Request
from syncd_connectors.ghost.token import token
from tests.connectors.ghost.flows import GhostFlows
from tests.connectors.ghost.world import World, world
from tests.live.servers.ghost import Ghost, running_ghost

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]  # the first run installs Ghost

_DEFAULT = "default-newsletter"


class LoopbackEar:
    """A door on loopback that Ghost's webhooks knock on."""

    def __init__(self) -> None:
        self.came: queue.SimpleQueue[Request] = queue.SimpleQueue()
        ear = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                ear.came.put(Request("POST", ear.url, headers, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *said: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def calls(self, count: int) -> Sequence[Request]:
        heard = [self.came.get(timeout=10) for _ in range(count)]
        time.sleep(0.3)  # for one too many
        while not self.came.empty():
            heard.append(self.came.get())
        return heard


@pytest.fixture(scope="module")
def ghost() -> Iterator[Ghost]:
    with running_ghost() as running:
        yield running


@pytest.fixture(scope="module")
def other(ghost: Ghost) -> str:
    """The slug of a newsletter that new members do not get."""
    answer = httpx.post(
        f"{ghost.url}/ghost/api/admin/newsletters/",
        json={"newsletters": [{"name": f"Other {time.time_ns()}", "subscribe_on_signup": False}]},
        headers={"Authorization": token(ghost.admin_key, time.time())},
    )
    return str(answer.raise_for_status().json()["newsletters"][0]["slug"])


class TestRealGhost(GhostFlows):
    @pytest.fixture
    def world(self, ghost: Ghost, other: str) -> Iterator[World]:
        ear = LoopbackEar()
        listening = threading.Thread(target=ear.server.serve_forever, daemon=True)
        listening.start()
        with world(ghost.url, ghost.admin_key, ear, clock=WallClock(), slugs=(_DEFAULT, other)) as made:
            yield made
        ear.server.shutdown()
        ear.server.server_close()
        listening.join()
