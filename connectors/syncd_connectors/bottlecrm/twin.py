"""A simulated BottleCRM: its routes, shapes, refusals and oddities, as seen on a real django-crm 1.35.0.

What it keeps of the real one: lists by offset only, accounts and leads downwards by random id; converted leads in no
list; hard deletes; a 403 for any token that it does not know; fields it does not know dropped without a word; text
trimmed; unique e-mail addresses and account names, upper and lower case alike; a module that can be switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

import httpx

from syncd.testing.population import Person, person
from syncd.testing.twin import Author, Call, Setup, Twin, answer, route
from syncd_connectors.bottlecrm.fields import CUSTOM, TIES
from syncd_connectors.bottlecrm.kinds import KINDS, Kind
from syncd_connectors.bottlecrm.twin_desk import COUNTRIES, INDUSTRIES, SOURCES, Desk, Errors, Row

__all__ = ["TOKEN", "BottleCrmTwin"]

TOKEN: Final = "bcrm_pat_twin"  # noqa: S105 - it opens nothing but a twin
"""The token that the twin knows."""

_DONE: Final[Mapping[str, tuple[str, str, str]]] = {
    "contacts": ("Contact created Successfuly", "Contact Updated Successfully", "Contact Deleted Successfully."),
    "accounts": ("Account Created Successfully", "Account Updated Successfully", "Account Deleted Successfully."),
    "leads": ("Lead Created Successfully", "Lead updated Successfully", "Lead deleted Successfully"),
}
_ON_SHELF: Final[Mapping[str, Callable[[Row], bool]]] = {
    "results": lambda _row: True,
    "active_accounts": lambda row: bool(row["is_active"]),
    "closed_accounts": lambda row: not row["is_active"],
    "open_leads": lambda row: row["status"] not in ("closed", "converted"),
    "close_leads": lambda row: row["status"] == "closed",
}
_FILTERS: Final[Mapping[str, Callable[[Row, str], bool]]] = {
    "email": lambda row, text: text.lower() in (row["email"] or "").lower(),
    "name": lambda row, text: text.lower() in (row.get("name") or "").lower(),
    "is_active": lambda row, text: row["is_active"] == (text == "true"),
    "open": lambda row, text: text != "true" or row["status"] != "closed",
    "status": lambda row, text: row["status"] == text,
}


class BottleCrmTwin(Twin):
    """One organisation with one administrator, whose token is `TOKEN`."""

    name: ClassVar[str] = "bottlecrm"
    objects: ClassVar[tuple[str, ...]] = tuple(KINDS)
    credentials: ClassVar[Mapping[str, str]] = {"token": TOKEN}
    wilful: ClassVar[frozenset[str]] = frozenset({"status"})  # a lead is converted by a call of its own

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.leads_on = True
        """Whether the Leads module is switched on."""
        self._user = {"id": self.uuid(), "email": "admin@example.com"}
        self._desk = Desk(self.uuid, self.clock.now, self._note)
        self._desk.ties["assigned_to"][self._user["id"]] = {"id": self._user["id"], "user_details": self._user}
        for number in range(setup.start, setup.start + setup.records):
            self._move_in(person(setup.seed, number))

    def _note(self, author: Author, object: str, id: str, changes: Mapping[str, Any]) -> None:
        self.journal.note(self.clock.now(), author, object, id, changes)

    def _move_in(self, who: Person) -> None:
        sloppy = self.random.random() < self.setup.dirty
        company = self._desk.owner("accounts", who.company)
        if company is None:
            company = self.person_create("accounts", {"name": who.company})
        told = {
            "first_name": who.first.upper() if sloppy else who.first,
            "last_name": who.last,
            "email": who.email.title() if sloppy else who.email,
            "phone": who.phone.removeprefix("+1") if sloppy else who.phone,
            "organization": who.company,
            "title": "" if sloppy else None,
            "do_not_call": who.opted_out,
            "city": who.city,
            "state": who.region or None,
            "postcode": who.postcode,
            "country": who.country,
            "account": company,
        }
        self.person_create("contacts", told)

    # --- the vendor's side -----------------------------------------------------------------------------------

    def refuses(self, call: Call) -> httpx.Response | None:
        """403 for a token that is not known: the app has no 401 for tokens, and no rate limit."""
        known = call.headers.get("authorization") == f"Bearer {TOKEN}" and not self.faults.revoked
        if known:
            return None
        return answer(403, {"detail": "Organization context is required. Please login again."})

    def throttled(self, call: Call) -> httpx.Response:
        """What the REST framework says when it, or a proxy before it, asks for patience."""
        words = f"Request to {call.path} was throttled. Expected available in 1 second."
        return answer(429, {"detail": words}, {"Retry-After": "1"})

    def not_found(self, call: Call) -> httpx.Response:
        """Django's own page: no route, or an id that is none."""
        return answer(404, f"<!doctype html><title>Not Found</title>{call.path}", {"Content-Type": "text/html"})

    @route("GET", "/api/{object}/")
    def _list(self, call: Call, object: str) -> httpx.Response:
        return self._about(call, object, partial(self._page, call.query))

    def _page(self, query: Mapping[str, str], kind: Kind) -> httpx.Response:
        asked = [(test, query[name]) for name, test in _FILTERS.items() if query.get(name)]
        rows = [row for row in self._desk.listed(kind) if all(test(row, text) for test, text in asked)]
        limit, offset = int(query.get("limit", "10")), int(query.get("offset", "0"))
        body: Row = {
            "per_page": 10,
            "countries": COUNTRIES,
            "industries": [(name, name) for name in INDUSTRIES],
            "users": [{"id": self._user["id"], "user__email": self._user["email"]}],
            "teams": [*self._desk.ties["teams"].values()],
            "tags": [*self._desk.ties["tags"].values()],
        }
        for shelf in kind.shelves:
            standing = [] if self.faults.blind else [row for row in rows if _ON_SHELF[shelf.rows[0]](row)]
            _put(body, shelf.rows, [self._shown(kind, row) for row in standing[offset : offset + limit]])
            _put(body, shelf.total, len(standing))
        return answer(200, body)

    @route("POST", "/api/{object}/")
    def _create(self, call: Call, object: str) -> httpx.Response:
        return self._about(call, object, partial(self._made, call.json()))

    def _made(self, form: Row, kind: Kind) -> httpx.Response:
        made, errors = self._desk.make(kind.name, form, "api")
        return _refusal(errors) if errors else _done(kind, 0, id=made)

    @route("GET", "/api/{object}/{id}/")
    def _read(self, call: Call, object: str, id: str) -> httpx.Response:
        return self._about(call, object, partial(self._detail, id), id)

    def _detail(self, id: str, kind: Kind) -> httpx.Response:
        return answer(200, {kind.detail: self._shown(kind, self._desk.rows[kind.name][id])})

    @route("PATCH", "/api/{object}/{id}/")
    def _update(self, call: Call, object: str, id: str) -> httpx.Response:
        return self._about(call, object, partial(self._changed, call.json(), id), id)

    def _changed(self, form: Row, id: str, kind: Kind) -> httpx.Response:
        errors = self._desk.change(kind.name, id, form, "api")
        return _refusal(errors) if errors else _done(kind, 1)

    @route("DELETE", "/api/{object}/{id}/")
    def _delete(self, call: Call, object: str, id: str) -> httpx.Response:
        return self._about(call, object, partial(self._deleted, id), id)

    def _deleted(self, id: str, kind: Kind) -> httpx.Response:
        self._desk.take_out(kind.name, id, "api")
        return _done(kind, 2)

    def _about(self, call: Call, object: str, act: Callable[[Kind], httpx.Response], id: str = "") -> httpx.Response:
        """Act, if there are such objects and there is such a record; else say what the app says."""
        kind = KINDS.get(object)
        if kind is None:
            return self.not_found(call)
        if object == "leads" and not self.leads_on:
            words = "Leads is switched off for this organization."
            return answer(404, {"detail": words, "code": "module_off", "module": "leads"})
        if id and (self.faults.blind or id not in self._desk.rows[object]):
            return answer(404, {"detail": f"No {kind.model} matches the given query."})
        return act(kind)

    @route("GET", "/api/leads/sources/")
    def _sources(self, call: Call) -> httpx.Response:  # noqa: ARG002 - every handler is shown the call
        rows = [{"key": source, "label": source.capitalize(), "is_active": True} for source in SOURCES]
        return answer(200, {"sources": rows})

    @route("GET", "/api/custom-fields/")
    def _list_definitions(self, call: Call) -> httpx.Response:  # noqa: ARG002
        return answer(200, {"definitions": self._desk.definitions, "totals": None})

    @route("POST", "/api/custom-fields/")
    def _define(self, call: Call) -> httpx.Response:
        defaults = {"options": None, "is_required": False, "is_active": True}
        self._desk.definitions.append({"id": self.uuid(), **defaults, **call.json()})
        return answer(201, self._desk.definitions[-1])

    @route("POST", "/api/tags/")
    def _add_tag(self, call: Call) -> httpx.Response:
        tag = {"id": self.uuid(), "name": call.json()["name"]}
        self._desk.ties["tags"][tag["id"]] = tag
        return answer(201, {"error": False, "message": "Tag Created Successfully", "tag": tag})

    @route("PUT", "/api/org/modules/")
    def _switch(self, call: Call) -> httpx.Response:
        self.leads_on = "leads" not in call.json()["off"]
        return answer(200, {"modules": [{"key": "leads", "enabled": self.leads_on}]})

    def _shown(self, kind: Kind, row: Row) -> Row:
        """A row as the app's serializers write it: ties in full, but for the tags of contacts."""
        shown: Row = {**row, "org": {"id": self._user["id"], "name": "Example"}}
        for name in TIES:
            if (kind.name, name) != ("contacts", "tags"):
                shown[name] = [self._desk.ties[name][tie] for tie in row[name]]
        if kind.name == "accounts":
            del shown["updated_at"]  # their serializer leaves it out
        return shown

    # --- the people's side -----------------------------------------------------------------------------------

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Every record by the connector's field names, converted leads included."""
        return {row["id"]: self._desk.raws(object, row) for row in self._desk.rows[object].values()}

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """A person changes fields; the status converted converts a lead. Raises ValueError where the form refuses."""
        _must(self._desk.change(object, id, _form(fields), "person"))

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """A person makes a record. Raises ValueError where the form refuses."""
        made, errors = self._desk.make(object, _form(fields), "person")
        _must(errors)
        return made

    def person_delete(self, object: str, id: str) -> None:
        """A person deletes a record, for good."""
        self._desk.take_out(object, id, "person")

    def person_opt_out(self, object: str, id: str) -> None:
        """The person asks to be left alone: BottleCRM can note that of the telephone only, and of contacts only."""
        self.person_edit(object, id, {"do_not_call": True})

    def person_merge(self, object: str, keep: str, lose: str) -> str:
        """The one that stays takes what it has blank from the other, which is deleted for good."""
        gains = self._desk.gains(object, keep, lose)
        self.person_delete(object, lose)
        self.person_edit(object, keep, gains)
        return keep


def _put(body: Row, path: Sequence[str], value: Any) -> None:
    *stems, last = path
    for stem in stems:
        body = body.setdefault(stem, {})
    body[last] = value


def _done(kind: Kind, deed: int, **more: str) -> httpx.Response:
    return answer(200, {"error": False, "message": _DONE[kind.name][deed], **more})


def _refusal(errors: Errors) -> httpx.Response:
    ids = next((name for name in TIES if name in errors), None)
    if ids is not None:  # checked elsewhere in the app, and told without the frame
        return answer(400, {ids: errors[ids]})
    return answer(400, {"error": True, "errors": errors})


def _form(fields: Mapping[str, Any]) -> Row:
    custom = {name.removeprefix(CUSTOM): value for name, value in fields.items() if name.startswith(CUSTOM)}
    plain = {name: value for name, value in fields.items() if not name.startswith(CUSTOM)}
    return {**plain, "custom_fields": custom} if custom else plain


def _must(errors: Errors) -> None:
    if errors:
        raise ValueError(f"the form refuses: {errors}")
