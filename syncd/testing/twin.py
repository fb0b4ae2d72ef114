"""The ground that twins stand on: a simulated vendor app, on the vendor's real routes, with faults on demand.

A twin is one object with routes. It answers `httpx.Request`s with `httpx.Response`s, so the same twin runs in-process
(`httpx.Client(transport=twin.transport())`) and as a server (`syncd.testing.serve`). It reads time from the clock it is
given and chance from its own seeded random, so that the same seed tells the same story.

The *people's side* is what persons do in that app's own screens: `Twin.person_*`, over HTTP under `/_people/`. Every
value that ever stood in a record goes to the journal with author and time: the oracle that tests ask what was lost.
"""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import parse_qs

import httpx
from starlette.routing import Match, Route

from syncd.sdk.contract import Clock

__all__ = ["Call", "Faults", "Hook", "Journal", "JournalEntry", "Setup", "Twin", "answer", "call_of", "route"]

Author = Literal["person", "api", "app"]
Handler = TypeVar("Handler", bound=Callable[..., httpx.Response])


@dataclass(frozen=True, slots=True)
class Faults:
    """How often, per call, the twin misbehaves: shares between 0 and 1, drawn from the twin's own random.

    Faults strike the vendor's routes only, never the people's side.
    """

    throttle: float = 0.0
    """Answer 429, nothing applied."""
    before: float = 0.0
    """Cut the connection before anything is applied."""
    after: float = 0.0
    """Apply, then cut the connection: the answer is lost."""
    error: float = 0.0
    """Answer 500 without applying."""
    error_after: float = 0.0
    """Apply, then answer 500."""
    slow: float = 0.0
    """Wait `delay` seconds before answering."""
    delay: float = 0.2
    outage: bool = False
    """Answer 503 to everything."""
    blind: bool = False
    """Answer reads with 404 and listings with nothing, status 200: what a lost permission looks like."""
    revoked: bool = False
    """Answer 401 to everything: the token is no longer good."""
    hooks_lost: float = 0.0
    hooks_doubled: float = 0.0

    PROFILES: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "none": {},
        "rough": {"throttle": 0.03, "before": 0.01, "after": 0.01, "error": 0.01, "error_after": 0.005, "slow": 0.02},
        "lossy": {"before": 0.05, "after": 0.05, "hooks_lost": 0.5, "hooks_doubled": 0.2},
        "busy": {"throttle": 0.25, "slow": 0.1},
    }

    @classmethod
    def profile(cls, name: str) -> Faults:
        """A named set of faults; raises KeyError for a name that does not exist."""
        return cls(**cls.PROFILES[name])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the twin, taken apart."""

    method: str
    path: str
    query: Mapping[str, str]
    queries: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as JSON; raises ValueError if it is none."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook call that the twin owes somebody."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One value that came to stand in a record. `field` "" with value None: the record was deleted."""

    at: float
    author: Author
    object: str
    id: str
    field: str
    value: Any


@dataclass
class Journal:
    """Everything that ever stood in the app, in order, with author and time."""

    entries: list[JournalEntry] = field(default_factory=list)

    def note(self, at: float, author: Author, object: str, id: str, changes: Mapping[str, Any]) -> None:
        """Write down the new values of a record."""
        self.entries += [JournalEntry(at, author, object, id, name, value) for name, value in changes.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a twin starts: who lives in it and how it behaves."""

    clock: Clock
    seed: int = 1
    records: int = 0
    """How many people of the population `seed` live here ..."""
    start: int = 0
    """... beginning with this one, so that two twins share those whose numbers overlap."""
    dirty: float = 0.0
    """The share of records kept sloppily: odd case, spaces, phones in a local form, blanks."""
    faults: Faults = field(default_factory=Faults)
    limits: bool = True
    """Enforce the vendor's rate limits."""


def route(method: str, path: str, *, name: str = "") -> Callable[[Handler], Handler]:
    """Mark a method of a Twin as the handler of a route; `{name}` segments become keyword arguments."""

    def mark(handler: Handler) -> Handler:
        marks = getattr(handler, "twin_routes", [])
        handler.twin_routes = [*marks, (method, path, name)]  # type: ignore[attr-defined]
        return handler

    return mark


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """A response: JSON for a mapping or list, nothing for None, bytes and str as they are."""
    if body is None:
        return httpx.Response(status, headers=dict(headers or {}))
    if isinstance(body, bytes | str):
        return httpx.Response(status, content=body, headers=dict(headers or {}))
    try:
        return httpx.Response(status, json=body, headers=dict(headers or {}))
    except UnicodeEncodeError:  # half a character, as JSON can hold it and UTF-8 cannot
        content = json.dumps(body, separators=(",", ":"))
        return httpx.Response(status, content=content, headers={"content-type": "application/json", **(headers or {})})


class Twin:
    """A simulated app. A vendor's twin derives from it, adds routes, and says how people edit its records."""

    name: ClassVar[str] = ""
    objects: ClassVar[tuple[str, ...]] = ()
    """The objects that have a people's side, by the same names as the connector gives them."""
    credentials: ClassVar[Mapping[str, str]] = {}
    """The connector's secret settings, and the values that open this twin and nothing else."""

    also: ClassVar[Mapping[str, str]] = {}
    """Further settings with which the conformance suite opens the connector: the secrets of webhooks, say."""
    wilful: ClassVar[frozenset[str]] = frozenset()
    """Fields whose values the app replaces by rules of its own: what is written need not come back."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.clock = setup.clock
        self.random = random.Random(f"{self.name}:{setup.seed}")  # one stream: the order of calls decides
        self.faults = setup.faults
        self.journal = Journal()
        self.outbox: deque[Hook] = deque()
        self.calls: dict[str, int] = {}
        """How often each kind of call came in, by "METHOD path-template"."""
        self.lock = threading.RLock()
        self._routes: list[tuple[Route, Callable[..., httpx.Response], bool]] = []
        for attribute in dir(type(self)):
            for method, path, _ in getattr(getattr(type(self), attribute), "twin_routes", ()):
                endpoint = getattr(self, attribute)
                self._routes.append((Route(path, endpoint, methods=[method]), endpoint, path.startswith("/_people")))
        # Fixed segments before parameters: "/batch/read" must not be taken for "/{id}/read".
        self._routes.sort(key=lambda entry: (entry[0].path.count("{"), -len(entry[0].path)))

    # --- the vendor's side -------------------------------------------------------------------------------------

    def transport(self) -> httpx.MockTransport:
        """For `httpx.Client(transport=...)`: the twin in this very process."""
        return httpx.MockTransport(self.handle)

    def close(self) -> None:
        """Let go of what is held open: nothing, by default."""

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, faults and limits included. Raises httpx errors where a connection would break."""
        call = call_of(request)
        with self.lock:
            for found, endpoint, people in self._routes:
                scope = {"type": "http", "path": call.path, "method": call.method, "root_path": "", "headers": []}
                match, child = found.matches(scope)
                if match is not Match.FULL:
                    continue
                arguments: dict[str, str] = child["path_params"]
                if people:
                    return endpoint(call, **arguments)
                key = f"{call.method} {found.path}"
                self.calls[key] = self.calls.get(key, 0) + 1
                return self.faulty(call, request, lambda: endpoint(call, **arguments))  # noqa: B023
        return self.not_found(call)

    def faulty(self, call: Call, request: httpx.Request, act: Callable[[], httpx.Response]) -> httpx.Response:
        """Answer one call by `act`, unless the faults of the moment or the vendor's own refusal come before."""
        faults, draw = self.faults, self.random.random
        if faults.outage:
            return answer(503, "Service Unavailable")
        refusal = self.refuses(call)
        if refusal is not None:
            return refusal
        if faults.throttle and draw() < faults.throttle:
            return self.throttled(call)
        if faults.before and draw() < faults.before:
            raise httpx.ReadTimeout("the twin cut the connection before acting", request=request)
        if faults.error and draw() < faults.error:
            return answer(500, {"message": "internal error"})
        if faults.slow and draw() < faults.slow:
            self.clock.sleep(faults.delay)
        response = act()
        if faults.after and draw() < faults.after:
            raise httpx.ReadTimeout("the twin cut the connection after acting", request=request)
        if faults.error_after and draw() < faults.error_after:
            return answer(500, {"message": "internal error"})
        return response

    def refuses(self, call: Call) -> httpx.Response | None:
        """Authentication and rate limits: the vendor's refusal of this call, or None. Overridden by each twin."""
        raise NotImplementedError(f"{type(self).__name__} must say whom it lets in: {call.path}")

    def throttled(self, call: Call) -> httpx.Response:
        """The vendor's own 429."""
        return answer(429, {"message": f"too many requests for {call.path}"})

    def not_found(self, call: Call) -> httpx.Response:
        """The vendor's own answer to a path that it does not have."""
        return answer(404, {"message": f"no route {call.path}"})

    # --- the people's side, each overridden by the vendor's twin -----------------------------------------------

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Everything that lives in the app now, id to raw fields, by the connector's field names."""
        raise NotImplementedError(object)

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """A person changes fields, by the connector's field names. Raises KeyError for an unknown record."""
        raise NotImplementedError(object)

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """A person makes a record; its id."""
        raise NotImplementedError(object)

    def person_delete(self, object: str, id: str) -> None:
        """A person deletes a record."""
        raise NotImplementedError(object)

    def person_restore(self, object: str, id: str) -> None:
        """A person takes a delete back."""
        raise NotImplementedError(object)

    def person_opt_out(self, object: str, id: str) -> None:
        """The person behind the record unsubscribes."""
        raise NotImplementedError(object)

    def person_merge(self, object: str, keep: str, lose: str) -> str:
        """A person merges two records; the id of the survivor."""
        raise NotImplementedError(object)

    @route("POST", "/_people/{action}")
    def _people(self, call: Call, action: str) -> httpx.Response:
        body = call.json()
        try:
            return answer(200, self._act(action, body))
        except KeyError as missing:
            return answer(404, {"message": f"nothing there: {missing}"})
        except ValueError as impossible:
            return answer(422, {"message": f"not possible: {impossible}"})
        except NotImplementedError:
            return answer(405, {"message": f"people cannot {action} here"})

    def _act(self, action: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        match action:
            case "edit":
                self.person_edit(body["object"], body["id"], body["fields"])
                return {"id": body["id"]}
            case "create":
                return {"id": self.person_create(body["object"], body["fields"])}
            case "delete":
                self.person_delete(body["object"], body["id"])
                return {"id": body["id"]}
            case "restore":
                self.person_restore(body["object"], body["id"])
                return {"id": body["id"]}
            case "opt-out":
                self.person_opt_out(body["object"], body["id"])
                return {"id": body["id"]}
            case "merge":
                return {"id": self.person_merge(body["object"], body["keep"], body["lose"])}
            case "faults":
                self.faults = replace(self.faults, **body)
                return asdict(self.faults)
        raise KeyError(action)

    @route("GET", "/_people/records/{object}")
    def _people_records(self, call: Call, object: str) -> httpx.Response:
        return answer(200, {"records": self.records(object), "at": self.clock.now(), "asked": call.path})

    @route("GET", "/_people/journal")
    def _people_journal(self, call: Call) -> httpx.Response:
        since = int(call.query.get("since", "0"))
        return answer(200, {"entries": [asdict(e) for e in self.journal.entries[since:]], "calls": self.calls})

    # --- what twins share --------------------------------------------------------------------------------------

    def uuid(self) -> str:
        """A random-looking id from the twin's own stream."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def owe(self, hook: Hook) -> None:
        """Queue a webhook; it may be lost or doubled, as the faults say."""
        if self.faults.hooks_lost and self.random.random() < self.faults.hooks_lost:
            return
        self.outbox.append(hook)
        if self.faults.hooks_doubled and self.random.random() < self.faults.hooks_doubled:
            self.outbox.append(hook)


def call_of(request: httpx.Request) -> Call:
    """A request, taken apart."""
    queries = parse_qs(request.url.query.decode(), keep_blank_values=True)
    return Call(
        method=request.method,
        path=request.url.path,
        query={name: values[-1] for name, values in queries.items()},
        queries=queries,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.read(),
        url=str(request.url),
    )
