"""BottleCRM (django-crm), self-hosted: contacts, accounts and leads.

The app has no cursor, no versions to write against, no tombstones and no webhooks that a token may register: syncd
lists everything and compares. It answers writes with an id at most, never with the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from pydantic import Field as Key
from pydantic import SecretStr

from syncd.core.record import (
    Create,
    Cursor,
    Delete,
    Exists,
    Gone,
    Outcome,
    Record,
    Ref,
    Stale,
    Stored,
    Unknown,
    Update,
    Write,
)
from syncd.errors import BrokenProtocol, Unauthorised, Unavailable
from syncd.sdk.auth import Bearer
from syncd.sdk.contract import Capabilities, Field, Object, Option, Page, Settings, Tools
from syncd.sdk.each import each
from syncd.sdk.http import Answer
from syncd.sdk.sturdy import sturdy
from syncd_connectors.bottlecrm.fields import custom_field, with_options
from syncd_connectors.bottlecrm.kinds import KINDS, Kind, Shelf
from syncd_connectors.bottlecrm.listing import Part, walk
from syncd_connectors.bottlecrm.records import body, place, record, refusal, says_taken, unfit

__all__ = ["BottleCrm", "BottleCrmSettings"]

_PAGE: Final = 200
_PASSES: Final = 3
"""How often a listing is read at most, if rows come or go while it is read."""
_START: Final = Cursor("all")
"""The one cursor there is: every listing begins at the beginning."""


class BottleCrmSettings(Settings):
    """What the admin writes in `[apps.NAME]` for a BottleCRM."""

    base_url: str = Key(min_length=1, description="Where the API listens, e.g. https://crm.example.com")
    token: SecretStr = Key(
        description="A personal access token (bcrm_pat_...) of an administrator, from the profile page"
    )


@sturdy
class BottleCrm:
    """One organisation, seen as the owner of the token sees it. Implements Connector and Finds."""

    def __init__(self, settings: BottleCrmSettings, tools: Tools) -> None:
        self._app = tools.app
        self._http = tools.http.at(settings.base_url, auth=Bearer(settings.token))
        self._schema: Mapping[str, Mapping[str, Field]] = {}

    def objects(self) -> Sequence[Object]:
        """The objects whose module is switched on, with the account's own options and custom fields."""
        # `_fields` reads them anew only where they are not known; a new look at the account is asked for here.
        self._schema = self._discover()
        return [_object(kind, self._schema[kind.name]) for kind in KINDS.values() if self._is_on(kind)]

    def check(self) -> None:
        """Raise Unauthorised if the token is not good: BottleCRM answers 403 to any that it does not know."""
        self._get("/api/contacts/", {"limit": 1})

    def close(self) -> None:
        """Nothing of its own to let go of: the connections are the client's."""

    # --- reading ---------------------------------------------------------------------------------------------

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:  # noqa: ARG002 - there is no cursor
        """Everything, whatever the cursor. The last page is empty, and complete if the app's count agrees.

        Rows are facts: lists and reads come from one serializer and one database.
        """
        kind, fields = KINDS[object], self._fields(object)
        for _ in range(_PASSES):
            listed: set[str] = set()
            for shelf in kind.shelves:
                for part in walk(partial(self._part, kind, shelf, {}), partial(place, kind)):
                    listed.update(row["id"] for row in part.rows)
                    rows = tuple(record(self._app, kind, fields, row) for row in part.rows)
                    yield Page(rows, _START, total=part.total if len(kind.shelves) == 1 else None)
            # A row may pass from a shelf that was not read yet to one that was: the count tells.
            last_look = self._get(kind.path, {"limit": 1})
            standing = sum(_dig(last_look, shelf.total) for shelf in kind.shelves)
            if standing == len(listed):
                yield Page((), _START, complete=True, total=standing)
                return

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone]:
        """One call each. A 404 is Gone, unless it is the module that is gone (Unavailable)."""
        return {ref: self._read(ref) for ref in refs}

    def _read(self, ref: Ref) -> Record | Gone:
        kind = KINDS[ref.object]
        if not _is_uuid(ref.id):
            return Gone(ref)  # the app has no route for such an id
        answer = self._http.call("GET", f"{kind.path}{ref.id}/", expect=(404,))
        if answer.status == 404:
            _must_be_missing(answer)
            return Gone(ref)
        return record(self._app, kind, self._fields(ref.object), _dig(answer.json, (kind.detail,)))

    # --- finding ---------------------------------------------------------------------------------------------

    def findable(self, object: str) -> Sequence[str]:
        """The field that the app keeps unique."""
        return (KINDS[object].unique,)

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """Equal but for upper and lower case, as the app's own uniqueness has it. Converted leads stay unseen."""
        return {value: self._find(KINDS[object], field, value) for value in values}

    def _find(self, kind: Kind, field: str, value: str) -> Sequence[Ref]:
        wanted = value.strip().lower()
        if not wanted:
            return ()
        # The app's filter is "contains"; what is equal is among what it gives.
        rows = (
            row
            for shelf in kind.shelves
            for part in walk(partial(self._part, kind, shelf, {field: wanted}), partial(place, kind))
            for row in part.rows
        )
        return tuple(Ref(self._app, kind.name, row["id"]) for row in rows if (row[field] or "").lower() == wanted)

    # --- writing ---------------------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One call each. Nothing is cut: the app refuses what is too long, and names the field."""
        return each(writes, self._write)

    def _write(self, write: Write) -> Outcome:
        match write:
            case Create():
                return self._create(KINDS[write.object], write)
            case Update():
                return self._update(KINDS[write.ref.object], write)
            case Delete():
                return self._delete(KINDS[write.ref.object], write)

    def _create(self, kind: Kind, write: Create) -> Outcome:
        refused = unfit(kind, self._fields(kind.name), write.fields, write.key)
        if refused is not None:
            return refused
        answer = self._http.call("POST", kind.path, json=body(write.fields), expect=(400, 404))
        match answer.status, answer.json:
            case 404, _:
                _must_be_missing(answer)
            case 400, complaint if says_taken(kind, complaint):
                same = self._find(kind, kind.unique, write.fields[kind.unique])
                return Exists(write.key, same[0] if same else None)
            case 400, complaint:
                return refusal(write.key, 400, complaint)
            case _, {"id": str(id)}:
                return Stored(write.key, Ref(self._app, kind.name, id))
        return Unknown(write.key, "BottleCRM did not name the record that it made")

    def _update(self, kind: Kind, write: Update) -> Outcome:
        if not _is_uuid(write.ref.id):
            return Stale(write.key)
        refused = unfit(kind, self._fields(kind.name), write.patch, write.key)
        if refused is not None:
            return refused
        answer = self._http.call("PATCH", _path(kind, write.ref), json=body(write.patch), expect=(400, 404))
        return self._settled(answer, write)

    def _delete(self, kind: Kind, write: Delete) -> Outcome:
        if not _is_uuid(write.ref.id):
            return Stale(write.key)
        # 403: not the record's creator, nor an administrator. 409: an account that invoices or deals hang on.
        answer = self._http.call("DELETE", _path(kind, write.ref), expect=(400, 403, 404, 409))
        if answer.status == 403 and not (isinstance(answer.json, dict) and "errors" in answer.json):
            raise Unauthorised("BottleCRM no longer takes the token", hint="make a new personal access token")
        return self._settled(answer, write)

    def _settled(self, answer: Answer, write: Update | Delete) -> Outcome:
        if answer.status == 404:
            _must_be_missing(answer)
            return Stale(write.key)
        if answer.status >= 400:
            return refusal(write.key, answer.status, answer.json)
        return Stored(write.key, write.ref)

    # --- the account -----------------------------------------------------------------------------------------

    def _fields(self, object: str) -> Mapping[str, Field]:
        self._schema = self._schema or self._discover()
        return self._schema[object]

    def _discover(self) -> Mapping[str, Mapping[str, Field]]:
        lists = self._get("/api/accounts/", {"limit": 1})  # the lists of choices come with every page
        sources = self._get("/api/leads/sources/")["sources"]
        options = {
            "country": _options(lists["countries"]),
            "industry": _options(lists["industries"]),
            "source": [Option(row["key"], row["label"]) for row in sources if row["is_active"]],
            "assigned_to": [Option(row["id"], row["user__email"]) for row in lists["users"]],
            "teams": [Option(row["id"], row["name"]) for row in lists["teams"]],
            "tags": [Option(row["id"], row["name"]) for row in lists["tags"]],
        }
        custom: defaultdict[str, list[Field]] = defaultdict(list)
        definitions = self._get("/api/custom-fields/", {"include_counts": "false"})["definitions"]
        for definition in definitions:
            custom[definition["target_model"]].append(custom_field(definition))
        return {kind.name: with_options((*kind.fields, *custom[kind.model]), options) for kind in KINDS.values()}

    def _is_on(self, kind: Kind) -> bool:
        if not kind.module:
            return True
        answer = self._http.call("GET", kind.path, params={"limit": 1}, expect=(404,))
        return not _module_is_off(answer)

    def _part(self, kind: Kind, shelf: Shelf, query: Mapping[str, Any], offset: int) -> Part:
        page = {**shelf.alone, **query, "limit": _PAGE, "offset": offset}
        answer = self._get(kind.path, page)
        return Part(_dig(answer, shelf.rows), _dig(answer, shelf.total))

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        answer = self._http.call("GET", path, params=params, expect=(404,))
        if answer.status == 404:
            _must_be_missing(answer)
            raise BrokenProtocol(f"there is no {path}", hint="check that base_url is where the API listens")
        return answer.json


def _object(kind: Kind, fields: Mapping[str, Field]) -> Object:
    capabilities = Capabilities(
        incremental=False,
        deletes=kind.deletes,
        unique=(kind.unique,),
        returns_record=False,
        page_size=_PAGE,
        granularity=timedelta(microseconds=1),
    )
    return Object(kind.name, fields, capabilities, kind.label)


def _options(pairs: Sequence[tuple[str, str]]) -> list[Option]:
    return [Option(value, label) for value, label in pairs]


def _dig(answer: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(answer, dict) or name not in answer:
            raise BrokenProtocol(f"BottleCRM answered without {'.'.join(path)}")
        answer = answer[name]
    return answer


def _path(kind: Kind, ref: Ref) -> str:
    return f"{kind.path}{ref.id}/"


def _module_is_off(answer: Answer) -> bool:
    return answer.status == 404 and isinstance(answer.json, dict) and answer.json.get("code") == "module_off"


def _must_be_missing(answer: Answer) -> None:
    """Let a 404 pass that is about one record.

    While a module is switched off all its records answer 404 (django-crm, `common/modules.py`), and so does anything
    else that may stand at the address. Raises Unavailable for the one and BrokenProtocol for the other.
    """
    if _module_is_off(answer):
        raise Unavailable(answer.json["detail"], hint="switch the module on in BottleCRM's settings")
    if not isinstance(answer.json, dict) or "detail" not in answer.json:
        hint = "check that base_url is where BottleCRM's API listens"
        raise BrokenProtocol("404 without BottleCRM's own words", hint=hint)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
