"""The connector for Ledger. Found by an entry point that the benchmark writes beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import Field as Key
from pydantic import SecretStr

from benchmarks.office import SECRET
from syncd.sdk import (
    Capabilities,
    Create,
    Cursor,
    Delete,
    Deletes,
    Exists,
    Field,
    FieldType,
    Gone,
    Object,
    Outcome,
    Page,
    Plugin,
    Quota,
    Record,
    Ref,
    Request,
    Settings,
    Stale,
    Stored,
    Tools,
    Unknown,
    Version,
    Write,
    hmac_sha256,
)

__all__ = ["BATCH", "limited", "plugin"]

BATCH: Final = 1000
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT: Final = (
    "first", "last", "phone", "company", "title", "street", "city", "zip", "country", "stage", "note", "source",
    "owner",
)  # fmt: skip
_FIELDS: Final = (
    Field(name="email", type=FieldType.EMAIL, required=True, unique=True),
    *(Field(name=name, type=FieldType.TEXT) for name in _TEXT),
    Field(name="left", type=FieldType.BOOLEAN, consent=True),
)


class LedgerSettings(Settings):
    """What a benchmark varies."""

    batch: int = Key(default=BATCH, description="how many records one read or write carries")


class Ledger:
    """One account."""

    def __init__(self, settings: LedgerSettings, tools: Tools) -> None:
        self._app = tools.app
        self._batch = settings.batch
        self._http = tools.http.at(settings.base_url)

    def objects(self) -> Sequence[Object]:
        """One."""
        capabilities = Capabilities(
            incremental=True,
            deletes=Deletes.ABSENT,
            unique=("email",),
            read_batch=self._batch,
            write_batch=self._batch,
            page_size=BATCH,
            late_write=timedelta(seconds=5),
        )
        return (Object("people", {field.name: field for field in _FIELDS}, capabilities),)

    def check(self) -> None:
        """Reachable?"""
        self._http.call("GET", "/me")

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """Pages of a thousand, oldest change first."""
        after = int(since or 0)
        while True:
            page = self._http.call("GET", "/people", params={"after": after, "limit": BATCH}).json
            rows = page["people"]
            after = rows[-1]["serial"] if rows else after
            records = tuple(self._record(row) for row in rows)
            yield Page(records, Cursor(str(after)), complete=since is None and page["next"] is None)
            if page["next"] is None:
                return

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone]:
        """A thousand in a call."""
        found: dict[Ref, Record | Gone] = {}
        for start in range(0, len(refs), self._batch):
            part = refs[start : start + self._batch]
            rows = self._http.call("POST", "/people/read", json={"ids": [ref.id for ref in part]}, writes=False).json
            for ref, row in zip(part, rows["people"], strict=True):
                found[ref] = Gone(ref) if row is None else self._record(row)
        return found

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """By address."""
        found = self._http.call("POST", "/people/find", json={"values": list(values)}, writes=False).json["found"]
        return {value: [self._ref(known)] if (known := found[value]) else [] for value in values}

    def findable(self, object: str) -> Sequence[str]:
        """By address alone."""
        return ("email",)

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """A thousand in a call; outcomes by key."""
        outcomes: list[Outcome] = []
        for start in range(0, len(writes), self._batch):
            part = writes[start : start + self._batch]
            told = self._http.call("POST", "/people/write", json={"writes": [_told(write) for write in part]}).json
            by_key = {result["key"]: result for result in told["results"]}
            outcomes += [self._outcome(write, by_key.get(write.key)) for write in part]
        return outcomes

    def hear(self, request: Request) -> Sequence[Ref]:
        """Who has changed."""
        hmac_sha256(request.body, request.headers.get("x-ledger-signature", ""), [SecretStr(SECRET)])
        return [self._ref(id) for id in orjson.loads(request.body)["ids"]]

    def close(self) -> None:
        """Nothing of its own."""

    def _outcome(self, write: Write, result: Mapping[str, Any] | None) -> Outcome:
        match result and result["status"]:
            case "stored" if result is not None and "row" in result:
                record = self._record(result["row"])
                return Stored(write.key, record.ref, record)
            case "stored" if result is not None:
                return Stored(write.key, self._ref(result["id"]))
            case "exists" if result is not None:
                return Exists(write.key, self._ref(result["id"]))
            case "missing":
                return Stale(write.key)
        return Unknown(write.key, "no word of this one")

    def _record(self, row: Mapping[str, Any]) -> Record:
        fields = {field.name: row.get(field.name) for field in _FIELDS}
        version = Version(str(row["serial"]), _EPOCH + timedelta(milliseconds=row["serial"]))
        return Record(self._ref(row["id"]), fields, version, _EPOCH + timedelta(milliseconds=row["made"]))

    def _ref(self, id: str) -> Ref:
        return Ref(self._app, "people", id)


def _told(write: Write) -> Mapping[str, Any]:
    match write:
        case Create(fields=fields):
            return {"key": write.key, "op": "create", "fields": dict(fields)}
        case Delete(ref=ref):
            return {"key": write.key, "op": "delete", "id": ref.id}
        case _:
            return {"key": write.key, "op": "update", "id": write.ref.id, "fields": dict(write.patch)}


plugin = Plugin(
    name="ledger", title="Ledger", settings=LedgerSettings, open=Ledger, quotas=(), base_url="http://127.0.0.1"
)
limited = replace(plugin, name="ledger-limited", title="Ledger, limited", quotas=(Quota(calls=190, seconds=10.0),))
"""The same account on a tariff that allows 190 calls in ten seconds, and is known to."""
