"""Webhooks come in: limits before work, the signature before belief, the hint on disk before the answer.

What goes beyond a limit is answered 503, also where it can never be taken: some vendors give up for good after a 4xx,
and strike the address off. They try again for a day or three, and the sweep finds what the call told of.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from syncd.core.record import Ref
from syncd.daemon.footing import Footing
from syncd.daemon.meter import Meter
from syncd.daemon.space import Space
from syncd.daemon.together import Together
from syncd.engine.world import World
from syncd.errors import ConnectorError, StoreError, Transient, Unauthorised, Unavailable
from syncd.sdk import contract
from syncd.sdk.contract import Connector, Hears
from syncd.store.ports import Transaction

__all__ = ["BODY", "DEEPEST", "HELD", "Intake", "Limit", "Limits"]

BODY: Final = 1024 * 1024
"""The longest body, in bytes."""
HELD: Final = 64 * 1024 * 1024
"""Bytes of all the bodies that are held at the same time."""
DEEPEST: Final = 64
"""Brackets within brackets, where a body is JSON."""
_READING: Final = 5.0
"""Seconds that a caller has to send its body."""
_LATER: Final = {"retry-after": "10"}
_MOST: Final = 1000
"""Records that one call may name; no vendor packs so many."""
_LONGEST_ID: Final = 200
_SIGNS: Final = ("signature", "timestamp", "webhook-id")
_SOURCES: Final = 4096
# A text that is never closed runs to the end: looked for from every quote in it, its end would cost minutes.
_BRACKET: Final = re.compile(rb'"(?:\\.|[^"\\])*"?|[\[{]|[\]}]', re.DOTALL)


class Limit:
    """So much a second from each source, and `burst` at once (twice as much, where nothing is said)."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic, *, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = rate * 2 if burst is None else burst
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # source to tokens, and when that was
        self._lock = threading.Lock()

    def allows(self, source: str, count: int = 1) -> bool:
        """Take so many; False, and nothing is taken, if they are too many."""
        with self._lock:
            now = self._now()
            left, at = self._left.pop(source, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            self._left[source] = (left - count if left >= count else left, now)
            if len(self._left) > _SOURCES:
                self._left.popitem(last=False)
            return left >= count


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may come in, for each second. A caller that is asked to wait loses nothing: it comes again."""

    source: Limit = field(default_factory=lambda: Limit(200.0))
    """Calls of one source for one app."""
    app: Limit = field(default_factory=lambda: Limit(2000.0))
    """Calls for one app, from everywhere."""
    hints: Limit = field(default_factory=lambda: Limit(1000.0, burst=20_000.0))
    """Records of one app to be read: whoever has got hold of an address must not use up the quota of the app."""


class Intake:
    """Answers `/hooks/{app}` and everything below it."""

    def __init__(
        self,
        world: World,
        connectors: Mapping[str, Connector],
        footing: Footing,
        meter: Meter,
        heard: Callable[[str], None],
        *,
        public_url: str,
        limits: Limits | None = None,
        space: Space | None = None,
        ends: Mapping[str, str] | None = None,
    ) -> None:
        """`space`: while it lacks something, nothing is taken in. `ends`: app to the secret end of its address."""
        self._world = world
        self._hearing = {name: able for name, able in connectors.items() if isinstance(able, Hears)}
        self._footing = footing
        self._meter = meter
        self._heard = heard
        self._public_url = public_url
        self._limits = limits or Limits()
        self._space = space or Space()
        self._ends = ends or {}
        self._held = 0
        self._together: Together[int] = Together(world.store.begin)
        self._wanted = {(app, object) for sync in world.syncs.values() for app, object in sync.apps.items()}

    async def __call__(self, request: Request) -> Response:
        """Take one call in. 2xx means: what it hints at is stored, whatever becomes of this process.

        503 asks for another try, where another status would have some vendors give up for good.
        """
        app = request.path_params["app"]
        connector, end = self._hearing.get(app), request.path_params.get("rest", "").partition("/")[0]
        if connector is None or not compare_digest(end.encode(), self._ends.get(app, end).encode()):
            return Response("nobody listens here", 404)
        with self._world.spans.span("webhook", "server", app=app, method=request.method) as span:
            answer = await self._answer(request, app, connector)
            span.note(status=answer.status_code)
        self._meter.webhook(app, answer.status_code)
        return answer

    async def _answer(self, request: Request, app: str, connector: Hears) -> Response:
        source = request.client.host if request.client else ""
        if not (self._limits.source.allows(f"{app} {source}") and self._limits.app.allows(app)):
            return Response("too many calls", 503, _LATER)
        if self._footing.trouble:
            return Response("the store cannot be written to", 503, _LATER)
        if lacks := self._space.lacks:
            return Response(lacks, 503, _LATER)
        if request.headers.get("content-encoding", "identity") != "identity":
            return Response("send the body as it is", 415)
        with self._holding() as more:
            body = await _body(request, more)
            if isinstance(body, Response):
                return body
            headers = {name.lower(): value for name, value in request.headers.items()}
            call = contract.Request(request.method, self._address(request), headers, body)
            return await run_in_threadpool(self._take, app, connector, call)

    @contextmanager
    def _holding(self) -> Iterator[Callable[[int], bool]]:
        """Asks whether there is room for so many bytes more, and lets go of all of them at the end."""
        mine = 0

        def more(size: int) -> bool:
            nonlocal mine
            if self._held + size > HELD:
                return False
            self._held += size
            mine += size
            return True

        try:
            yield more
        finally:
            self._held -= mine

    def _take(self, app: str, connector: Hears, call: contract.Request) -> Response:
        if _depth(call.body) > DEEPEST:
            return Response("too deep", 503, _LATER)
        try:
            refs = connector.hear(call)
            if len(refs) > _MOST or not self._limits.hints.allows(app, len(refs)):
                return Response("too many records", 503, _LATER)
            fresh = self._store(app, call, refs)
        except Unauthorised:
            self._world.log.warning("webhook not believed", app=app)
            return Response("not signed by the app", 401)
        except (Transient, Unavailable):
            return Response("try again", 503, _LATER)
        except (ConnectorError, RecursionError) as odd:
            self._world.log.warning("webhook not understood", app=app, error=type(odd).__name__)
            return Response("not understood", 400)
        except StoreError as failed:
            self._footing.fails(failed.message)
            return Response("the store cannot be written to", 503, _LATER)
        if fresh:
            self._heard(app)
        return Response(status_code=200)

    def _store(self, app: str, call: contract.Request, refs: Sequence[Ref]) -> int:
        """Make the hints durable; how many there were. A call that was signed and came in before adds nothing."""
        wanted = [ref for ref in refs if ref.app == app and (app, ref.object) in self._wanted and _readable(ref.id)]
        if not wanted:
            return 0
        signs = [f"{name}:{call.headers[name]}" for name in sorted(call.headers) if _signs(name)]
        digest = _digest(app, call, signs) if signs else ""

        def note(tx: Transaction) -> int:
            # Without a signature two calls may be alike and yet tell of two edits.
            if digest and tx.apps.heard(digest):
                return 0
            tx.hints.add(wanted, tx.now)
            return len(wanted)

        return self._together.run(note)

    def _address(self, request: Request) -> str:
        """The address as the caller wrote it, since some vendors sign it."""
        path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        query: bytes = request.scope["query_string"]
        base = self._public_url or f"{request.url.scheme}://{request.url.netloc}"
        return base + path.decode("ascii", "replace") + (f"?{query.decode('ascii', 'replace')}" if query else "")


async def _body(request: Request, more: Callable[[int], bool]) -> bytes | Response:
    """The body, or why it was not taken. `more`: whether so many bytes more may be held."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_READING):
            async for part in request.stream():
                size += len(part)
                if size > BODY:
                    return Response("the body is too long", 503, _LATER)
                if not more(len(part)):
                    return Response("too much at once", 503, _LATER)
                parts.append(part)
    except TimeoutError:
        return Response("the body came too slowly", 503, _LATER)
    except ClientDisconnect:
        return Response("the caller has left", 400)
    return b"".join(parts)


def _depth(body: bytes) -> int:
    """How deep its brackets nest, as far as that matters, in linear time; 0 for what is no JSON object or array."""
    deepest = depth = 0
    if body.lstrip()[:1] in {b"{", b"["}:
        for found in _BRACKET.finditer(body):
            token = found[0]
            depth += (token in b"[{") - (token in b"]}")
            deepest = max(deepest, depth)
            if deepest > DEEPEST:
                break
    return deepest


def _readable(id: str) -> bool:
    """Whether it can be the id of a record: what no store can hold, or nobody would ask for, is no hint."""
    return 0 < len(id) <= _LONGEST_ID and id.isprintable()


def _signs(header: str) -> bool:
    return any(sign in header for sign in _SIGNS)


def _digest(app: str, call: contract.Request, signs: Sequence[str]) -> str:
    told = hashlib.blake2b(digest_size=20)
    for part in (app.encode(), "\n".join(signs).encode(), call.body):
        told.update(len(part).to_bytes(8, "big") + part)
    return told.hexdigest()
