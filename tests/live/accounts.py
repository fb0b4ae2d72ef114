"""Real accounts for the conformance suite: people who act by the apps' own APIs, and doors for their webhooks."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import httpx

from syncd.testing.conformance import Account
from syncd.testing.twin import Call, Hook, Setup, answer
from syncd_connectors.bottlecrm.twin import BottleCrmTwin
from syncd_connectors.carddav import twin_card
from syncd_connectors.ghost.token import token
from tests.live.servers.bottlecrm import BottleCrm
from tests.live.servers.ghost import Ghost
from tests.live.servers.radicale import Radicale

__all__ = ["BottleCrmAccount", "Door", "GhostAccount", "RadicaleAccount", "numbers"]

_STARTED = int(time.time()) % 100_000
_COUNT = itertools.count()
_TEXT = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "organization",
    "title",
    "department",
    "city",
    "name",
    "job_title",
)
_MORE = ("description", "website", "postcode", "salutation", "company_name", "source_detail", "number_of_employees")
_PATIENCE, _QUIET = 6.0, 2.0
"""Seconds within which a first webhook may come, and without another one after which no more are awaited."""


def numbers() -> int:
    """Where the numbers of a bench begin, so that no record of one is taken for that of another."""
    return (_STARTED * 1000 + next(_COUNT)) * 100_000


class GhostAccount(Account):
    """A real Ghost; its people have the rights of its owner."""

    name: ClassVar[str] = "ghost"
    objects: ClassVar[tuple[str, ...]] = ("members",)

    def __init__(self, setup: Setup, ghost: Ghost, door: Door) -> None:
        super().__init__(setup)
        self._ghost = ghost
        self._client = httpx.Client(base_url=f"{ghost.url}/ghost/api/admin", timeout=60)
        self.outbox = door.heard

    def _asked(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": token(self._ghost.admin_key, time.time()), "Accept-Version": "v6.0"}
        said = self._client.request(method, path, headers=headers, **more)
        if said.status_code == 404:
            raise KeyError(path)
        if said.status_code == 422:
            raise ValueError(said.text)
        said.raise_for_status()
        return said.json() if said.content else None

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Everybody, by what does not depend on how it is shown."""
        found: dict[str, Mapping[str, Any]] = {}
        page: int | None = 1
        while page:
            told = self._asked("GET", "/members/", params={"limit": 100, "page": page})
            found |= {row["id"]: {name: row[name] for name in ("name", "email", "note")} for row in told["members"]}
            page = told["meta"]["pagination"]["next"]
        return found

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """Somebody edits a member on the screen."""
        self._asked("PUT", f"/members/{id}/", json={"members": [dict(fields)]})

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """Somebody adds a member."""
        return str(self._asked("POST", "/members/", json={"members": [dict(fields)]})["members"][0]["id"])

    def person_delete(self, object: str, id: str) -> None:
        """Somebody deletes a member."""
        self._asked("DELETE", f"/members/{id}/")

    def unseen(self, request: httpx.Request) -> httpx.Response:
        """A 404 for a member, and nobody in a list."""
        if request.method == "GET" and request.url.path.endswith("/members/"):
            page = {"page": 1, "limit": 100, "pages": 1, "total": 0, "next": None, "prev": None}
            return answer(200, {"members": [], "meta": {"pagination": page}})
        if not request.url.path.endswith(("/members/", "/events/")) and "/members/" in request.url.path:
            return answer(404, {"errors": [{"message": "Resource not found error", "type": "NotFoundError"}]})
        return self.carried(request)

    def stranger(self, call: Call) -> httpx.Response:
        """What Ghost says of a key that was revoked."""
        said = {"message": "Unknown Admin API Key", "type": "UnauthorizedError", "code": "UNKNOWN_ADMIN_API_KEY"}
        return answer(401, {"errors": [{**said, "context": call.path}]})

    def close(self) -> None:
        """Hang up."""
        super().close()
        self._client.close()


class BottleCrmAccount(Account):
    """A real BottleCRM; its people have the token of its administrator."""

    name: ClassVar[str] = "bottlecrm"
    objects: ClassVar[tuple[str, ...]] = ("contacts", "accounts", "leads")
    wilful = BottleCrmTwin.wilful

    def __init__(self, setup: Setup, server: BottleCrm) -> None:
        super().__init__(setup)
        self._client = httpx.Client(
            base_url=f"{server.url}/api", headers={"Authorization": f"Bearer {server.token}"}, timeout=60
        )

    def _asked(self, method: str, path: str, **more: Any) -> Any:
        said = self._client.request(method, path, **more)
        if said.status_code == 404:
            raise KeyError(path)
        if said.status_code == 400:
            raise ValueError(said.text)
        said.raise_for_status()
        return said.json() if said.content else None

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Every record that stands in a list."""
        found: dict[str, Mapping[str, Any]] = {}
        for part in _PARTS[object]:
            for offset in itertools.count(0, 200):
                told = self._asked("GET", f"/{object}/", params={**part.query, "limit": 200, "offset": offset})
                rows = part.rows(told)
                found |= {row["id"]: {name: row[name] for name in _TEXT + _MORE if name in row} for row in rows}
                if len(rows) < 200:
                    break
        return found

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """Somebody edits a record."""
        self._asked("PATCH", f"/{object}/{id}/", json=dict(fields))

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """Somebody makes a record."""
        return str(self._asked("POST", f"/{object}/", json=dict(fields))["id"])

    def person_delete(self, object: str, id: str) -> None:
        """Somebody deletes a record."""
        self._asked("DELETE", f"/{object}/{id}/")

    def stranger(self, call: Call) -> httpx.Response:
        """A 403: BottleCRM knows no 401 for tokens."""
        return answer(403, {"detail": "Organization context is required. Please login again."})

    def close(self) -> None:
        """Hang up."""
        super().close()
        self._client.close()


class RadicaleAccount(Account):
    """A real Radicale with one address book; its people have a program that writes whole cards."""

    name: ClassVar[str] = "carddav"
    objects: ClassVar[tuple[str, ...]] = ("contacts",)

    def __init__(self, setup: Setup, server: Radicale, book: str) -> None:
        super().__init__(setup)
        self._book = server.book(book)
        self._client = httpx.Client(auth=server.auth, timeout=60)

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Every card in the book."""
        query = (
            '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
            "<prop><C:address-data/></prop></C:addressbook-query>"
        )
        told = self._client.request("REPORT", self._book, content=query, headers={"Depth": "1"})
        rows = ET.fromstring(told.raise_for_status().content).iter("{DAV:}response")  # noqa: S314 - of a server of our own
        texts = {row.findtext("{DAV:}href", ""): "".join(row.itertext()) for row in rows}
        return {unquote(href).rpartition("/")[2]: twin_card.seen(_whole(text)) for href, text in texts.items()}

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """Somebody changes a card."""
        told = self._client.get(self._book + id)
        if told.status_code == 404:
            raise KeyError(id)
        self._put(id, twin_card.edited(_whole(told.text), fields))

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """Somebody adds a card."""
        uid = self.uuid() + str(time.time_ns())
        start = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nN:;;;;\r\nEND:VCARD\r\n"
        self._put(f"{uid}.vcf", twin_card.edited(start, fields))
        return f"{uid}.vcf"

    def person_delete(self, object: str, id: str) -> None:
        """Somebody deletes a card."""
        self._client.delete(self._book + id).raise_for_status()

    def _put(self, id: str, text: str) -> None:
        told = self._client.put(self._book + id, content=text, headers={"Content-Type": "text/vcard"})
        if told.status_code == 400:
            raise ValueError(told.text)
        told.raise_for_status()

    def close(self) -> None:
        """Hang up."""
        super().close()
        self._client.close()


def _whole(text: str) -> str:
    """A card within some text, with the line ends that it should have."""
    card = "BEGIN:VCARD" + text.partition("BEGIN:VCARD")[2].partition("END:VCARD")[0] + "END:VCARD\n"
    return card.replace("\r\n", "\n").replace("\n", "\r\n")


class _Part:
    """A part of a listing, and how it is asked for."""

    def __init__(self, *path: str, **query: str) -> None:
        self.path, self.query = path, query

    def rows(self, told: Any) -> list[Mapping[str, Any]]:
        for name in self.path:
            told = told[name]
        found: list[Mapping[str, Any]] = told
        return found


_PARTS: Mapping[str, tuple[_Part, ...]] = {
    "contacts": (_Part("results"),),
    "accounts": (
        _Part("active_accounts", "open_accounts", is_active="true"),
        _Part("closed_accounts", "close_accounts", is_active="false"),
    ),
    "leads": (
        _Part("open_leads", "open_leads", open="true"),
        _Part("close_leads", "close_leads", status="closed"),
    ),
}


class _Heard(deque[Hook]):
    """What has come in. Who looks waits until no more comes."""

    def __init__(self) -> None:
        super().__init__()
        self.came: queue.SimpleQueue[Hook] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Hook]:
        self._wait(_PATIENCE)
        return super().__iter__()

    def clear(self) -> None:
        self._wait(_QUIET)
        super().clear()

    def _wait(self, seconds: float) -> None:
        with suppress(queue.Empty):
            self.append(self.came.get(timeout=seconds))
            while True:
                self.append(self.came.get(timeout=_QUIET))


class Door:
    """A door on loopback that webhooks knock on; open within a `with` block."""

    def __init__(self) -> None:
        self.heard = _Heard()
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                door.heard.came.put(Hook(f"{door.place}{self.path}", dict(self.headers.items()), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *said: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.place}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
