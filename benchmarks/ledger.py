"""Ledger, an invented app that is as fast as an app can be: batches of a thousand, everything in memory.

A process of its own on loopback. It has a cursor, conditional nothing, unique addresses, a search, and counts what it
is asked. `/bench/…` is what people and the benchmark do there.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import itertools
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
import uvicorn

from benchmarks.office import Office

__all__ = ["FIELDS", "Ledger", "main", "person"]

FIELDS: Final = (
    "email", "first", "last", "phone", "company", "title", "street", "city", "zip", "country", "stage", "note",
    "source", "owner", "left",
)  # fmt: skip
"""Fifteen, all text but `left`, which is whether the person opted out."""

Row = dict[str, Any]
Body = Mapping[str, Any]


def person(number: int) -> Row:
    """The same person in every app."""
    town = number % 97
    return {
        "email": f"person{number}@example.com",
        "first": f"First{number % 1009}",
        "last": f"Last{number % 2003}",
        "phone": f"+49 30 {number % 10_000_000:07}",
        "company": f"Company {number % 501}",
        "title": ("Engineer", "Buyer", "Clerk")[number % 3],
        "street": f"{number % 211} Market Street",
        "city": f"Town {town}",
        "zip": f"{10_000 + town}",
        "country": "DE",
        "stage": ("lead", "customer")[number % 2],
        "note": f"Met at stand {number % 53}.",
        "source": "fair",
        "owner": f"owner{number % 11}",
        "left": False,
    }


class Ledger:
    """The app: rows by id, their order of change, an index of addresses, and counters."""

    def __init__(self, start: int, count: int) -> None:
        self.rows: dict[str, Row] = {}
        self.changed: list[tuple[int, str]] = []
        self.by_address: dict[str, str] = {}
        self.serial = 0
        self.calls: dict[str, int] = {}
        self.received = self.sent = 0
        self.office = Office()
        for number in range(start, start + count):
            self.store(None, person(number))

    def store(self, id: str | None, fields: Body) -> Row:
        """Make or change a record."""
        self.serial += 1
        id = id or f"r{self.serial}"
        row = self.rows.setdefault(id, {"id": id, "made": self.serial})
        row.update(fields)
        row["serial"] = self.serial
        self.by_address[str(row["email"]).casefold()] = id
        self.changed.append((self.serial, id))
        return row

    def people(self, after: int, limit: int) -> Body:
        """A page, oldest change first."""
        found: list[Row] = []
        place = bisect.bisect_right(self.changed, (after, "~"))
        for serial, id in itertools.islice(self.changed, place, None):
            row = self.rows.get(id)
            if row is None or row["serial"] != serial:
                continue
            found.append(row)
            if len(found) == limit:
                return {"people": found, "next": serial}
        return {"people": found, "next": None}

    def write(self, writes: list[Body]) -> list[Body]:
        """One result for each, by its key."""
        return [self._write(write) for write in writes]

    def _write(self, write: Body) -> Body:
        key, id = write["key"], str(write.get("id", ""))
        if write["op"] == "create":
            known = self.by_address.get(str(write["fields"]["email"]).casefold())
            if known is not None:
                return {"key": key, "status": "exists", "id": known}
        elif id not in self.rows:
            return {"key": key, "status": "missing"}
        self.office.arrived(write.get("fields", {}))
        if write["op"] == "delete":
            self.by_address.pop(str(self.rows.pop(id)["email"]).casefold(), None)
            return {"key": key, "status": "stored", "id": id}
        return {"key": key, "status": "stored", "row": self.store(id, write["fields"])}

    def edit(self, first: int, count: int, value: str) -> Body:
        """People type: so many records, from the `first` one on, get another title."""
        ids = list(self.rows)[first : first + count]
        for id in ids:
            self.store(id, {"title": f"{value} {id}"})
        return {"edited": len(ids)}

    def busy(self, rate: float, seconds: float, hooks: str) -> Body:
        """People type at a steady pace from now on, and webhooks tell of it."""
        return self.office.busy(list(self.rows), self._retitle, rate, seconds, hooks)

    def _retitle(self, id: str, title: str) -> None:
        self.store(id, {"title": title})

    def same(self, field: str, prefix: str) -> Body:
        """How many records have a value that begins so."""
        return {"count": sum(1 for row in self.rows.values() if str(row.get(field)).startswith(prefix))}

    def titled(self, prefix: str) -> Body:
        """The titles that begin so."""
        return {"titles": [row["title"] for row in self.rows.values() if str(row["title"]).startswith(prefix)]}

    def stats(self) -> Body:
        """What it was asked since it began."""
        return {"rows": len(self.rows), "calls": self.calls, "received": self.received, "sent": self.sent}

    # --- over HTTP ---------------------------------------------------------------------------------------------

    def route(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
        """The answer to one call; None for a route that is not there."""
        match method, path:
            case "GET", "/people":
                return self.people(int(query.get("after", 0)), int(query.get("limit", 1000)))
            case "POST", "/people/read":
                return {"people": [self.rows.get(id) for id in body["ids"]]}
            case "POST", "/people/find":
                return {"found": {value: self.by_address.get(value.casefold()) for value in body["values"]}}
            case "POST", "/people/write":
                return {"results": self.write(body["writes"])}
            case "GET", "/me":
                return {"account": "Ledger"}
            case "POST", "/bench/edit":
                return self.edit(**body)
            case "POST", "/bench/same":
                return self.same(**body)
            case "POST", "/bench/busy":
                return self.busy(**body)
            case "POST", "/bench/limit":
                return self.office.limit(**body)
            case "POST", "/bench/titled":
                return self.titled(**body)
            case "GET", "/bench/seen":
                return self.office.seen()
            case "GET", "/bench/stats":
                return self.stats()
        return None

    async def __call__(
        self, scope: Body, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """One call, as ASGI has it."""
        if scope["type"] != "http":
            return
        raw = bytearray()
        while True:
            part = await receive()
            raw += part.get("body", b"")
            if not part.get("more_body"):
                break
        path = scope["path"]
        if not path.startswith("/bench") and not self.office.lets_in():
            await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"1")]})
            await send({"type": "http.response.body", "body": b"{}"})
            return
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        told = self.route(scope["method"], path, query, orjson.loads(raw) if raw else None)
        answer = orjson.dumps(told)
        if not path.startswith("/bench"):
            self.calls[path] = self.calls.get(path, 0) + 1
            self.received += len(raw)
            self.sent += len(answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 404 if told is None else 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def main(words: list[str]) -> None:
    """Serve until killed; the port is the first line of output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=0)
    asked = parser.parse_args(words)
    app = Ledger(asked.start, asked.count)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))

    async def serve() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving

    asyncio.run(serve())


if __name__ == "__main__":
    main(sys.argv[1:])
