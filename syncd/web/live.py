"""The live stream: each change on the screen within a second, by server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from syncd.console.history import Asked, lines
from syncd.console.tell import Line
from syncd.console.voice import clean
from syncd.errors import StoreError
from syncd.store.survey import newest
from syncd.web.guard import Denied
from syncd.web.mask import Mask
from syncd.web.overview import verdict
from syncd.web.render import brief
from syncd.web.visit import HERE, Desk, cookie_name, near, refused

__all__ = ["live_route"]

_EVERY: Final = 0.4
"""Seconds between two looks at the log."""
_FIGURES: Final = 2.0
_MOST: Final = 30
"""Changes told at a time: nobody reads more."""
_VIEWERS: Final = 32
_LONGEST: Final = 600.0
"""Seconds after which a browser must ask again."""


def live_route(desk: Desk) -> Route:
    """Where a page hears of what happens. It keeps no session alive."""
    viewers = 0

    async def answer(request: Request) -> Response:
        nonlocal viewers
        try:
            near(desk, request)
        except Denied as denied:
            return refused(denied)
        id = request.cookies.get(cookie_name(desk), "")
        if desk.asks_who and desk.sessions.peek(id) is None:
            return Response(status_code=401)
        if viewers >= _VIEWERS:
            return Response(status_code=503, headers={"retry-after": "30"})

        leaving: Callable[[], bool] = request.app.state.leaving.is_set

        async def told() -> AsyncIterator[str]:
            nonlocal viewers
            viewers += 1
            try:
                async for event in _events(desk, id, leaving):
                    yield event
            finally:
                viewers -= 1

        return StreamingResponse(told(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    return Route("/live", answer, methods=["GET"])


async def _events(desk: Desk, id: str, leaving: Callable[[], bool]) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    end, due = loop.time() + _LONGEST, 0.0
    seen: int | None = None
    yield "retry: 2000\n\n"
    while loop.time() < end and not leaving():
        session = desk.sessions.peek(id) if desk.asks_who else None
        if desk.asks_who and session is None:
            yield "event: ended\ndata: {}\n\n"
            return
        mask = desk.mask(session.visitor if session else HERE)
        try:
            seen, fresh = await run_in_threadpool(_news, desk, seen, mask)
            for told in fresh:
                yield f"event: change\nid: {told['seq']}\ndata: {json.dumps(told)}\n\n"
            if loop.time() >= due or fresh:
                due = loop.time() + _FIGURES
                yield f"event: figures\ndata: {json.dumps(await run_in_threadpool(_figures, desk))}\n\n"
        except StoreError:
            yield 'event: figures\ndata: {"tone": "bad", "verdict": "The store cannot be read just now."}\n\n'
            await asyncio.sleep(_FIGURES)
        await asyncio.sleep(_EVERY)


def _news(desk: Desk, seen: int | None, mask: Mask) -> tuple[int, list[dict[str, Any]]]:
    """The number of the last entry, and those after `seen`, in order; none before it is known where to begin."""
    with desk.store.read() as tx:
        last = newest(tx.db)
    if seen is None or last <= seen:
        return last, []
    fresh = lines(desk.store, Asked(after=seen, limit=_MOST))
    with desk.store.read() as tx:
        people = mask.people(tx, fresh)
    return max([last, *(line.seq for line in fresh)]), [_data(mask(line), people) for line in fresh]


def _data(line: Line, people: Mapping[str, str]) -> dict[str, Any]:
    who = people.get(line.entity, line.entity)
    return {
        "seq": line.seq,
        "at": line.at.isoformat() if line.at else "",
        "event": line.event,
        "who": clean(who),
        "text": clean(brief(line)),
        "href": f"/record/{line.entity}" if line.entity else "",
    }


def _figures(desk: Desk) -> dict[str, Any]:
    """What stands in the elements of a page that bear the same names in `data-live`."""
    found = desk.standing()
    told = verdict(found)
    figures: dict[str, Any] = {"waiting": sum(found.waiting.values()), "changes": found.changes}
    for app in found.apps:
        figures |= {f"owed.{app.name}": app.owed, f"hints.{app.name}": app.hints, f"state.{app.name}": app.state}
    for sync in found.syncs:
        figures |= {f"entities.{sync.name}": sync.entities, f"behind.{sync.name}": sync.owed}
    return {"tone": told.tone, "verdict": told.text, "figures": figures}
