"""One call of a page: who asks, what for, and how pages and orders are served."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from syncd.access import Console, Role
from syncd.console.outline import Outline
from syncd.console.status import Status
from syncd.console.tell import Line
from syncd.daemon.renewal import Renew
from syncd.engine.world import World
from syncd.errors import ConfigError, Halted, StoreError, SyncdError
from syncd.settings import Config
from syncd.store.store import Store
from syncd.web.guard import Denied, Form, form_of, same_origin, stranger
from syncd.web.lately import Lately
from syncd.web.mask import Mask
from syncd.web.pulse import Pulse
from syncd.web.render import rendered
from syncd.web.sessions import Gatekeeper, Note, Session, Sessions, Visitor
from syncd.web.trials import Trials

__all__ = [
    "HERE",
    "Desk",
    "View",
    "Visit",
    "cookie_name",
    "link",
    "local",
    "missing",
    "near",
    "order",
    "own_form",
    "page",
    "refused",
    "signed_in",
    "worth_keeping",
]

HERE: Final = Visitor("console", "owner")
"""Whoever sits at this machine, where nobody has been named."""
_STATUS: Final[tuple[tuple[type[SyncdError], int], ...]] = ((Halted, 409), (ConfigError, 404), (StoreError, 503))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all pages are made from."""

    world: World
    store: Store
    config: Config
    outline: Outline
    closed: str
    """Why nothing is shown; "" where it is."""
    sessions: Sessions
    gatekeeper: Gatekeeper
    pulse: Pulse
    standing: Lately[Status]
    heard: Callable[[], Mapping[str, Mapping[str, int]]]
    """App to status answered to how many webhook calls came in."""
    trials: Trials
    stood: str = ""
    """The digest of the configuration that the daemon began with; "" where it was not read from a file."""
    renew: Renew | None = None
    """Asks the daemon to take up another mapping, where it can."""
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    """What this daemon is told from the next one by."""

    @property
    def console(self) -> Console:
        """Who may look, and from where."""
        return self.config.console

    def mask(self, visitor: Visitor) -> Mask:
        """How somebody sees what there is to see."""
        return Mask(self.world.syncs, visitor.role)

    @property
    def asks_who(self) -> bool:
        """Whether one must sign in."""
        return bool(self.console.people)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One call, by somebody who may make it."""

    desk: Desk
    session: Session
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=Form)
    at: str = "/"

    @property
    def visitor(self) -> Visitor:
        """Who asks."""
        return self.session.visitor

    @property
    def mask(self) -> Mask:
        """How whoever asks sees what there is to see."""
        return self.desk.mask(self.visitor)

    def render(self, template: str, *, status: int = 200, **known: Any) -> Response:
        """A page made of a template, what all pages know, and `known`, as far as whoever asks may see it."""
        desk = self.desk
        with desk.store.read() as tx:
            waiting = sum(tx.parked.counts().values())
        about = {
            "visitor": self.visitor,
            "asks_who": desk.asks_who,
            "token": self.session.token,
            "notes": self.session.take_notes(),
            "waiting": waiting,
            "at": self.at,
            "now": desk.world.clock.now(),
            "once": lambda: secrets.token_urlsafe(12),
            "link": link,
        }
        mask = self.mask
        seen = {name: mask(value) for name, value in known.items()}
        return HTMLResponse(rendered(template, about | seen), status)

    def people(self, lines: Iterable[Line]) -> Mapping[str, str]:
        """What people know the entities by that some entries are about."""
        with self.desk.store.read() as tx:
            return self.mask.people(tx, lines)

    def to(self, path: str, note: Note | None = None, **query: str) -> Response:
        """Another page, which says the note."""
        if note is not None:
            self.session.notes.append(note)
        return RedirectResponse(link(path, **query), 303)

    def back(self, path: str) -> Response:
        """The page that the form stood on."""
        return RedirectResponse(local(path), 303)


View = Callable[[Visit], Response]


def link(path: str, **query: object) -> str:
    """An address on this console. What is "" or None is left out of the query."""
    asked = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return quote(path) + (f"?{urlencode(asked)}" if asked else "")


def local(path: str) -> str:
    """A path on this console, query and all; the overview for what leads elsewhere."""
    return path if re.fullmatch(r"/(?![/\\\\])[\x21-\x5b\x5d-\x7e]*", path) else "/"


def page(desk: Desk, path: str, view: View, *, role: Role = "viewer") -> Route:
    """Serve a page to whoever may see it. It is made in a thread, and changes nothing."""

    async def answer(request: Request) -> Response:
        try:
            visit = _visit(desk, request)
            if visit is None:
                return _reload(request) or RedirectResponse(link("/login", next=_whole(request)), 303)
            return _kept(desk, request, visit, await run_in_threadpool(_seen, view, visit, role))
        except Denied as denied:
            return refused(denied)

    return Route(path, answer, methods=["GET"])


def order(desk: Desk, path: str, view: View, *, role: Role = "operator") -> Route:
    """Carry out what a form says, once: by somebody who may, who was shown the form by us."""

    async def answer(request: Request) -> Response:
        try:
            own_form(desk, request)
            form = await form_of(request)
            visit = _visit(desk, request)
            if visit is None:
                return await run_in_threadpool(_sign_in_first, desk, request.url.path, form)
            visit = replace(visit, form=form)
            return _kept(desk, request, visit, await run_in_threadpool(_done, view, visit, role))
        except Denied as denied:
            return refused(denied)

    return Route(path, answer, methods=["POST"])


def missing(desk: Desk) -> Route:
    """What is said of an address that leads nowhere."""

    def view(visit: Visit) -> Response:
        del visit
        raise Denied(
            404, "There is no such page", "Perhaps the address was cut. The pages there are stand on the left."
        )

    return page(desk, "/{rest:path}", view)


# --- who asks -------------------------------------------------------------------------------------------------------


def cookie_name(desk: Desk) -> str:
    """Under which name a browser keeps its session. The prefix makes it one that no other host may set."""
    return "__Host-syncd" if desk.console.url else "syncd"


def _session(desk: Desk, request: Request) -> Session | None:
    """The session of the browser that calls, if it has one; where nobody need sign in, a new one."""
    session = desk.sessions.get(request.cookies.get(cookie_name(desk), ""))
    return session or (None if desk.asks_who else desk.sessions.begin(HERE))


def signed_in(desk: Desk, response: Response, session: Session) -> Response:
    """The response, with the session for the browser to keep."""
    secure = bool(desk.console.url)
    response.set_cookie(cookie_name(desk), session.id, httponly=True, samesite="strict", secure=secure, path="/")
    return response


def near(desk: Desk, request: Request) -> None:
    """Raises Denied where the console is closed, or was called by another name than its own."""
    if desk.closed:
        raise Denied(403, "The console is closed", f"It would be open to strangers: {desk.closed}.")
    if strange := stranger(request, desk.console):
        raise Denied(403, "Not from here", f"{strange[:1].upper()}{strange[1:]}.")


def own_form(desk: Desk, request: Request) -> None:
    """Raises Denied for a form that does not come from a page of ours."""
    near(desk, request)
    if not same_origin(request, desk.console):
        raise Denied(403, "That came from elsewhere", "Forms are taken from this console's own pages alone.")


def _visit(desk: Desk, request: Request) -> Visit | None:
    near(desk, request)
    session = _session(desk, request)
    if session is None:
        return None
    path = {name: str(value) for name, value in request.path_params.items()}
    return Visit(desk=desk, session=session, path=path, query=dict(request.query_params), at=request.url.path)


def _kept(desk: Desk, request: Request, visit: Visit, response: Response) -> Response:
    known = request.cookies.get(cookie_name(desk)) == visit.session.id
    return response if known else signed_in(desk, response, visit.session)


def _whole(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _reload(request: Request) -> Response | None:
    """A link in a mail brings no session along, for it comes from elsewhere; the same page asked for by us does."""
    if request.headers.get("sec-fetch-site") != "cross-site":
        return None
    return HTMLResponse(rendered("reload.html", {}))


# --- what is answered -----------------------------------------------------------------------------------------------


def _seen(view: View, visit: Visit, role: Role) -> Response:
    if not visit.visitor.may(role):
        return _told(visit, _not_yours(visit, role))
    try:
        return view(visit)
    except Denied as denied:
        return _told(visit, denied)
    except SyncdError as error:
        return _told(visit, _failed(error))


def _done(view: View, visit: Visit, role: Role) -> Response:
    if not visit.visitor.may(role):
        return _told(visit, _not_yours(visit, role))
    if not visit.form.holds(visit.session.token):
        return _again(visit)
    once = visit.form.get("once")
    with visit.session.turn:
        if once in visit.session.done:
            return RedirectResponse(visit.session.done[once], 303)
        try:
            response = view(visit)
        except Denied as denied:
            return _told(visit, denied)
        except SyncdError as error:
            return _told(visit, _failed(error))
        visit.desk.standing.forget()
        if once and response.status_code == 303:
            visit.session.carried_out(once, response.headers["location"])
        return response


def _failed(error: SyncdError) -> Denied:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 502)
    text = f"{error.message}. {error.hint}".rstrip(". ") + "."
    return Denied(status, "That could not be done" if status != 404 else "That is not there", text)


def _not_yours(visit: Visit, role: Role) -> Denied:
    text = f"This takes the role {role}; {visit.visitor.name} is {visit.visitor.role}. Nothing was done."
    return Denied(403, "That is not yours to do", text)


def _told(visit: Visit, denied: Denied) -> Response:
    return visit.render("told.html", status=denied.status, title=denied.title, text=denied.text)


def _again(visit: Visit) -> Response:
    """The form is older than the session: show what was sent, to be sent again by a person's own hand."""
    return visit.render("again.html", status=409, action=visit.at, pairs=worth_keeping(visit.form))


def _sign_in_first(desk: Desk, path: str, form: Form) -> Response:
    del desk
    return HTMLResponse(
        rendered("login.html", {"next": path, "pairs": worth_keeping(form), "name": "", "wrong": "", "ended": True}),
        401,
    )


def worth_keeping(form: Form) -> list[tuple[str, str]]:
    """What somebody filled in, without what proves that they did."""
    return [(name, value) for name, value in form.pairs if name not in ("token", "once", "password")]


def refused(denied: Denied) -> Response:
    """What is said to whoever may not see even the frame of a page."""
    return HTMLResponse(rendered("refused.html", {"title": denied.title, "text": denied.text}), denied.status)
