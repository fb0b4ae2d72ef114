"""Twins as real HTTP servers on loopback: for `syncd sandbox`, for whole processes, for a vendor's own SDK.

The twin itself stays what it is, a function from request to response; this module is the wire around it.
Where the twin raises an httpx error, the connection is cut without an answer, so that a client has the same
doubt as in life. Webhooks that the twin owes are sent in the background, a few times if need be.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncd.testing.twin import Hook, Twin

__all__ = ["Answers", "Served", "run_forever", "serve"]

_LOOPBACK: Final = "127.0.0.1"
_PATIENCE: Final = (0.2, 1.0, 5.0)  # seconds between the attempts to deliver one webhook
_PULSE: Final = 0.2  # seconds after which a webhook that a person's edit caused is noticed, at the latest
# What the server itself says of the body; a twin's own word would say it twice.
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Answers(Protocol):
    """What can be served: a twin, or what stands before one."""

    @property
    def name(self) -> str:
        """For its threads."""

    @property
    def outbox(self) -> deque[Hook]:
        """The webhooks it owes."""

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer, or raise an httpx error where the line is to be cut."""


@dataclass(frozen=True, slots=True)
class Served:
    """A twin that listens, to be stopped by `stop` or by leaving the `with` block."""

    url: str
    """The address, without a slash at the end."""
    stop: Callable[[], None]
    """Close the door, wait for the threads; calling it again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def serve(twin: Answers, port: int = 0) -> Served:
    """Serve a twin on loopback from background threads. Port 0 takes a free one. OSError if it is taken."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, each answer takes 40 ms.
    door = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((_LOOPBACK, port))
        door.listen(128)  # from here on a caller may connect: it waits in the queue until the server is up
    except OSError:
        door.close()
        raise
    wire = _Wire(twin)
    answering = threading.Thread(target=wire.server.run, args=([door],), name=f"twin {twin.name}", daemon=True)
    posting = threading.Thread(target=wire.post, name=f"hooks of {twin.name}", daemon=True)
    answering.start()
    posting.start()

    def stop() -> None:
        wire.server.should_exit = True
        wire.closing.set()
        wire.owed.set()
        answering.join()
        posting.join()

    return Served(url=f"http://{_LOOPBACK}:{door.getsockname()[1]}", stop=stop)


def run_forever(twin: Twin, port: int = 0, *, ready: Callable[[str], None] = print) -> None:
    """Serve a twin until Ctrl-C. `ready` is called with its address once it listens."""
    with serve(twin, port) as served, suppress(KeyboardInterrupt):
        ready(served.url)
        threading.Event().wait()


class _Wire:
    """One twin's server and its postman."""

    def __init__(self, twin: Answers) -> None:
        self.twin = twin
        self.closing = threading.Event()
        self.owed = threading.Event()
        self.server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,  # a twin that dates its answers reads its own clock
                timeout_graceful_shutdown=1,
            )
        )

    async def app(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """The ASGI application: one request in, one answer out, or the line cut."""
        request = await _request(scope, receive)
        try:
            # In a thread: the twin may wait, and it locks itself.
            response = await asyncio.get_running_loop().run_in_executor(None, self.twin.handle, request)
        except httpx.TransportError:
            self.owed.set()
            await self._cut(scope, receive)
            return
        self.owed.set()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _FRAMING]
        if response.status_code not in (204, 304):
            headers.append((b"content-length", str(len(response.content)).encode()))
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.content})

    async def _cut(self, scope: _Scope, receive: _Receive) -> None:
        for line in self.server.server_state.connections:
            if isinstance(line, H11Protocol) and line.client == scope["client"]:
                line.transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass

    def post(self) -> None:
        """Deliver what the twin owes until the door closes; one deaf receiver never holds up the others."""
        order = itertools.count()
        waiting: list[tuple[float, int, int, Hook]] = []  # due, a tie-breaker, attempts made, the hook
        with httpx.Client(timeout=5.0) as client:
            while not self.closing.is_set():
                while self.twin.outbox:
                    heapq.heappush(waiting, (time.monotonic(), next(order), 0, self.twin.outbox.popleft()))
                while waiting and waiting[0][0] <= time.monotonic() and not self.closing.is_set():
                    _, _, attempts, hook = heapq.heappop(waiting)
                    if not _delivered(client, hook) and attempts < len(_PATIENCE):
                        due = time.monotonic() + _PATIENCE[attempts]
                        heapq.heappush(waiting, (due, next(order), attempts + 1, hook))
                self.owed.wait(_PULSE)
                self.owed.clear()


def _delivered(client: httpx.Client, hook: Hook) -> bool:
    try:
        return client.request(hook.method, hook.url, headers=dict(hook.headers), content=hook.body).is_success
    except httpx.TransportError:
        return False


async def _request(scope: _Scope, receive: _Receive) -> httpx.Request:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = httpx.Headers(scope["headers"])
    query = f"?{scope['query_string'].decode('ascii')}" if scope["query_string"] else ""
    path = scope["raw_path"].decode("ascii")
    url = f"http://{headers.get('host', _LOOPBACK)}{path}{query}"
    return httpx.Request(scope["method"], url, headers=headers, content=body)
