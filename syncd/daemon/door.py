"""The web door: webhooks in, health and figures out, and whatever pages the console adds."""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from syncd.access import host_of
from syncd.daemon.health import Health
from syncd.daemon.intake import Intake
from syncd.daemon.wire import Prompt
from syncd.errors import ConfigError, SyncdError
from syncd.settings import Daemon

__all__ = ["Door", "Occupied", "application"]

_LOCAL: Final = frozenset({"localhost"})
_HEADERS: Final = 16 * 1024
_CALLERS: Final = 256


def application(
    settings: Daemon,
    intake: Intake,
    health: Callable[[], Health],
    figures: Callable[[], bytes],
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The door's routes. `health` and `figures` may block; they are called in a thread."""

    async def healthz(_: Request) -> Response:
        found = await run_in_threadpool(health)
        return JSONResponse(found.data(), 503 if found.status == "broken" else 200)

    async def metrics(_: Request) -> Response:
        return Response(await run_in_threadpool(figures), media_type=CONTENT_TYPE_LATEST)

    async def hooks(request: Request) -> Response:
        return await intake(request)

    return Starlette(
        routes=[
            Route("/hooks/{app}", hooks, methods=["GET", "POST"]),
            Route("/hooks/{app}/{rest:path}", hooks, methods=["GET", "POST"]),
            Route("/healthz", healthz),
            Route("/metrics", metrics),
            *routes,
        ],
        middleware=[Middleware(_KnownHosts, hosts=_hosts(settings))],
    )


def _hosts(settings: Daemon) -> frozenset[str]:
    public = urlsplit(settings.public_url).hostname or ""
    return _LOCAL | {settings.host.lower(), public.lower(), socket.gethostname().lower()} - {""}


class Occupied(SyncdError):
    """Another program has the port: for a moment, it may be, so this is no fault of the configuration."""

    exit_code = 7


class _KnownHosts:
    """Lets in only calls for a host we know, so that no web page can reach us through a name of its own."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            named = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
            host = host_of(named)
            if host not in self._hosts and not _numeric(host):
                await Response("unknown host", 400)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _numeric(host: str) -> bool:
    """An address in numbers is nobody's name: it cannot be turned to point elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Door:
    """The application as a server in a thread of its own. Takes the port at once.

    Raises Occupied if another program has it, and ConfigError if it cannot be had.
    """

    def __init__(self, app: Starlette, settings: Daemon, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._leaving = app.state.leaving = threading.Event()  # what is told without an end must come to one
        self._socket = _listen(settings)
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=Prompt,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=_HEADERS,
                limit_concurrency=_CALLERS,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)

    def open(self) -> None:
        """Serve."""
        self._thread.start()

    def close(self) -> None:
        """Answer what is being asked, and serve no more."""
        self._leaving.set()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(5.0)
        self._socket.close()

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended("door")


def _listen(settings: Daemon) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, each answer takes 40 ms.
    door = socket.socket(family, proto=socket.IPPROTO_TCP)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((settings.host, settings.port))
        door.listen(128)
    except OSError as error:
        door.close()
        if error.errno == errno.EADDRINUSE:
            raise Occupied(
                f"cannot listen on {settings.listen}: another program has this port",
                hint="stop it, or set daemon.listen",
            ) from error
        hint = "this machine has not this address, or lets you not have this port: set daemon.listen"
        raise ConfigError(f"cannot listen on {settings.listen}: {error.strerror}", hint=hint) from error
    return door
