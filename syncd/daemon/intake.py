"""Webhooks come in: limits before work, the signature before belief, the hint on disk before the answer."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from syncd.core.record import Ref
from syncd.daemon.footing import Footing
from syncd.daemon.meter import Meter
from syncd.daemon.together import Together
from syncd.engine.world import World
from syncd.errors import BrokenProtocol, ConnectorError, StoreError, Transient, Unauthorised, Unavailable
from syncd.sdk import contract
from syncd.sdk.contract import Connector, Hears
from syncd.store.ports import Transaction

__all__ = ["BODY", "Intake", "Limit"]

BODY: Final = 1024 * 1024
"""The longest body, in bytes."""
_READING: Final = 5.0
"""Seconds that a caller has to send its body."""
_LATER: Final = {"retry-after": "10"}
_MOST: Final = 1000
"""Records that one call may name; no vendor packs so many."""
_LONGEST_ID: Final = 200
_SIGNS: Final = ("signature", "timestamp", "webhook-id")
_SOURCES: Final = 4096


class Limit:
    """So many calls a second from each source, and twice as many at once. For one thread."""

    def __init__(self, rate: float = 200.0, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # source to tokens, and when that was

    def allows(self, source: str) -> bool:
        """Count a call; False if it is one too many."""
        now, most = self._now(), self._rate * 2
        left, at = self._left.pop(source, (most, now))
        left = min(most, left + (now - at) * self._rate)
        self._left[source] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _SOURCES:
            self._left.popitem(last=False)
        return left >= 1


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
        limit: Limit | None = None,
    ) -> None:
        self._world = world
        self._hearing = {name: able for name, able in connectors.items() if isinstance(able, Hears)}
        self._footing = footing
        self._meter = meter
        self._heard = heard
        self._public_url = public_url
        self._limit = limit or Limit()
        self._together: Together[int] = Together(world.store.begin)
        self._wanted = {(app, object) for sync in world.syncs.values() for app, object in sync.apps.items()}

    async def __call__(self, request: Request) -> Response:
        """Take one call in. 2xx means: what it hints at is stored, whatever becomes of this process.

        503 asks for another try, where another status would have some vendors give up for good.
        """
        app = request.path_params["app"]
        connector = self._hearing.get(app)
        if connector is None:
            return Response("nobody listens here", 404)
        answer = await self._answer(request, app, connector)
        self._meter.webhook(app, answer.status_code)
        return answer

    async def _answer(self, request: Request, app: str, connector: Hears) -> Response:
        source = request.client.host if request.client else ""
        if not self._limit.allows(f"{app} {source}"):
            return Response("too many calls", 503, _LATER)
        if self._footing.trouble:
            return Response("the store cannot be written to", 503, _LATER)
        if request.headers.get("content-encoding", "identity") != "identity":
            return Response("send the body as it is", 415)
        body = await _body(request)
        if isinstance(body, Response):
            return body
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = contract.Request(request.method, self._address(request), headers, body)
        return await run_in_threadpool(self._take, app, connector, call)

    def _take(self, app: str, connector: Hears, call: contract.Request) -> Response:
        try:
            refs = connector.hear(call)
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
        if len(wanted) > _MOST:
            raise BrokenProtocol(f"a call names {len(wanted)} records, at most {_MOST} are taken")
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


async def _body(request: Request) -> bytes | Response:
    """The body, or why it was not taken."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_READING):
            async for part in request.stream():
                size += len(part)
                if size > BODY:
                    return Response("the body is too long", 413)
                parts.append(part)
    except TimeoutError:
        return Response("the body came too slowly", 408)
    except ClientDisconnect:
        return Response("the caller has left", 400)
    return b"".join(parts)


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
