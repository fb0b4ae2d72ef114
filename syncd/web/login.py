"""Signing in and out."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from syncd.errors import StoreError
from syncd.store.values import Entry, Event
from syncd.web.guard import Denied, Form, address_of, form_of
from syncd.web.render import rendered
from syncd.web.sessions import Throttled, Visitor
from syncd.web.visit import (
    Desk,
    Visit,
    cookie_name,
    local,
    near,
    order,
    own_form,
    refused,
    signed_in,
    worth_keeping,
)

__all__ = ["login_routes"]

_MARKED: Final = 365 * 24 * 3600
"""Seconds for which a browser keeps the mark of somebody who has signed in there."""
_KEPT: Final = "kept."
_AT_ONCE: Final = 4
"""Passwords that are being looked at, or wait for it. Each holds a thread that webhooks need, too."""


def login_routes(desk: Desk) -> list[Route]:
    """Where to sign in, and out."""

    async def ask(request: Request) -> Response:
        try:
            near(desk, request)
        except Denied as denied:
            return refused(denied)
        if not desk.asks_who or desk.sessions.get(request.cookies.get(cookie_name(desk), "")):
            return RedirectResponse("/", 303)
        return _asking(request.query_params.get("next", "/"))

    busy = 0

    async def enter(request: Request) -> Response:
        nonlocal busy
        try:
            own_form(desk, request)
            form = await form_of(request)
        except Denied as denied:
            return refused(denied)
        if busy >= _AT_ONCE:
            wrong = "Too many are signing in at this moment. Try again."
            return _asking(form.get("next"), name=form.get("name").strip()[:64], wrong=wrong, status=429, wait=2)
        busy += 1
        try:
            return await run_in_threadpool(_enter, desk, request, form)
        finally:
            busy -= 1

    return [
        Route("/login", ask, methods=["GET"]),
        Route("/login", enter, methods=["POST"]),
        order(desk, "/logout", _leave, role="viewer"),
    ]


def _enter(desk: Desk, request: Request, form: Form) -> Response:
    name, password = form.get("name").strip()[:64], form.get("password")[:1024]
    address, mark = address_of(request, desk.console), request.cookies.get(_mark_name(desk), "")
    kept = Form(tuple((key.removeprefix(_KEPT), value) for key, value in form.pairs if key.startswith(_KEPT)))
    log = desk.world.log
    try:
        visitor = desk.gatekeeper.admit(name, password, address=address, mark=mark)
    except Throttled as throttled:
        log.warning("sign-in throttled", address=address)
        wrong = f"{str(throttled)[:1].upper()}{str(throttled)[1:]}."
        return _asking(form.get("next"), kept, name=name, wrong=wrong, status=429, wait=int(throttled.wait) + 1)
    if visitor is None:
        known = name if name in desk.console.people else "nobody known"  # it may be a password in the wrong place
        log.warning("sign-in refused", person=known, address=address)
        return _asking(form.get("next"), kept, name=name, wrong="Name or password is wrong.", status=401)
    try:
        _noted(desk, Event.SIGNED_IN, name, f"as {visitor.role}")
    except StoreError as failed:
        log.warning("sign-in not noted", person=name, reason=failed.message)
        wrong = "The store cannot be written to, and nobody signs in without it being noted. Try again."
        return _asking(form.get("next"), kept, name=name, wrong=wrong, status=503, wait=10)
    log.info("signed in", person=name, role=visitor.role, address=address)
    return _welcome(desk, request, visitor, form, kept)


def _welcome(desk: Desk, request: Request, visitor: Visitor, form: Form, kept: Form) -> Response:
    desk.sessions.end(request.cookies.get(cookie_name(desk), ""))  # nobody goes on in a session begun before
    session = desk.sessions.begin(visitor)
    target = local(form.get("next"))
    if kept.pairs:
        visit = Visit(desk=desk, session=session, at=target)
        response = visit.render("again.html", action=target, pairs=worth_keeping(kept))
    else:
        response = RedirectResponse(target, 303)
    secure = bool(desk.console.url)
    response.set_cookie(
        _mark_name(desk),
        desk.gatekeeper.mark(visitor.name),
        max_age=_MARKED,
        httponly=True,
        samesite="strict",
        secure=secure,
        path="/",
    )
    return signed_in(desk, response, session)


def _leave(visit: Visit) -> Response:
    visit.desk.sessions.end(visit.session.id)
    if visit.desk.asks_who:
        _noted(visit.desk, Event.SIGNED_OUT, visit.visitor.name)
    visit.desk.world.log.info("signed out", person=visit.visitor.name)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(visit.desk), path="/", secure=bool(visit.desk.console.url), httponly=True)
    return response


def _noted(desk: Desk, event: Event, person: str, note: str = "") -> None:
    """Note in the change log who came and went. Raises StoreError."""
    with desk.store.begin() as tx:
        tx.log.append(Entry(event=event, by=person, note=note))


def _asking(
    next: str, kept: Form | None = None, *, name: str = "", wrong: str = "", status: int = 200, wait: int = 0
) -> HTMLResponse:
    pairs = [] if kept is None else worth_keeping(kept)
    known = {"next": local(next), "pairs": pairs, "name": name, "wrong": wrong, "ended": False}
    return HTMLResponse(rendered("login.html", known), status, {"retry-after": str(wait)} if wait else None)


def _mark_name(desk: Desk) -> str:
    return f"{cookie_name(desk)}-mark"
