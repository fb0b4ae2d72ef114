"""The object routes of the simulated portal: list, read, search, write one or a hundred, merge, forget.

Shapes from the specs `CRM/Contacts/v3` (companies and deals are the same); error bodies from the docs page
error-handling and from public reports of the API's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpx

from syncd.testing.twin import Call, answer, route
from syncd_connectors.hubspot.twin.ground import HubSpotGround, flag
from syncd_connectors.hubspot.twin.properties import instant
from syncd_connectors.hubspot.twin.records import Row
from syncd_connectors.hubspot.twin.refusals import PORTAL, Refusal
from syncd_connectors.hubspot.twin.search import BadSearch, Found, search

__all__ = ["ObjectRoutes"]

_BATCH: Final = 100  # inputs in one batch call (HubSpot docs, using-object-apis)
_LONGEST_SEARCH: Final = 3000  # characters of the body (HubSpot docs, search-the-crm)
_PAGE: Final = 100  # rows of one list page
_PAGE_WITH_HISTORY: Final = 50
_SHOWN: Final = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("domain", "name"),
    "deals": ("amount", "closedate", "dealname", "dealstage", "pipeline"),
}
_Shown = tuple[Sequence[str], Sequence[str]]
"""Names of properties to show, and of those to show with their history."""
_Aim = tuple[Row | None, Mapping[str, Any]]
"""The row to change, None for a new one, and the values to put there."""


class ObjectRoutes(HubSpotGround):
    """Contacts, companies and deals over the API."""

    @route("GET", "/crm/v3/objects/{kind}")
    def list_objects(self, call: Call, kind: str) -> httpx.Response:
        """A page of all records, in the order of their ids."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        shown = _asked(call)
        limit = int(call.query.get("limit", "10"))
        if limit > (_PAGE_WITH_HISTORY if shown[1] else _PAGE):
            return self.refuse(400, "VALIDATION_ERROR", f"limit {limit} is too large")
        if self.faults.blind:
            return answer(200, {"results": []})
        table, after = self.tables[own], int(call.query.get("after", "0"))
        if flag(call, "archived"):
            gone = sorted((r for r in table.archived.values() if int(r.id) > after), key=lambda r: int(r.id))
            rows, more = gone[:limit], len(gone) > limit
        else:
            ids = table.after(after, limit + 1)
            rows, more = [table.live[str(id_)] for id_ in ids[:limit]], len(ids) > limit
        body: dict[str, Any] = {"results": [self._shown(own, row, shown) for row in rows]}
        if more:
            link = f"{call.url.split('?')[0]}?after={rows[-1].id}"
            body["paging"] = {"next": {"after": rows[-1].id, "link": link}}
        return answer(200, body)

    @route("POST", "/crm/v3/objects/{kind}")
    def create_object(self, call: Call, kind: str) -> httpx.Response:
        """Make one record."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        given = call.json().get("properties", {})
        return self._one(own, self.create(own, given, "api"), given, 201)

    @route("GET", "/crm/v3/objects/{kind}/{id}")
    def read_object(self, call: Call, kind: str, id: str) -> httpx.Response:
        """One record, by id or by a unique property; by the id of a merged-away one, its survivor."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        archived = flag(call, "archived")
        row = self._sought(own, id, call.query.get("idProperty", ""), archived=archived)
        if row is None:
            return self.refuse(404, "OBJECT_NOT_FOUND", "Object not found. objectId are usually numeric.")
        return answer(200, self._shown(own, row, _asked(call)))

    @route("PATCH", "/crm/v3/objects/{kind}/{id}")
    def update_object(self, call: Call, kind: str, id: str) -> httpx.Response:
        """Change one record."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        row = self._sought(own, id, call.query.get("idProperty", ""))
        if row is None:
            return self.refuse(404, "OBJECT_NOT_FOUND", "Object not found. objectId are usually numeric.")
        given = call.json().get("properties", {})
        return self._one(own, self.update(own, row, given, "api"), given, 200)

    @route("DELETE", "/crm/v3/objects/{kind}/{id}")
    def archive_object(self, call: Call, kind: str, id: str) -> httpx.Response:  # noqa: ARG002
        """Put one record in the bin."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        row = self.tables[own].find(id)
        if row is not None:
            self.archive(own, row, "api")
        self.flush()
        return answer(204)

    @route("POST", "/crm/v3/objects/{kind}/search")
    def search_objects(self, call: Call, kind: str) -> httpx.Response:
        """Search what the index shows by now; archived records never are among it."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        if len(call.body) > _LONGEST_SEARCH:
            return self.refuse(400, "VALIDATION_ERROR", f"The body of a search may have {_LONGEST_SEARCH} characters.")
        table, request = self.tables[own], call.json()
        table.settle(self.now())
        try:
            found = search(table, self.properties[own], self.modified_property(own), self.search_cap, request)
        except BadSearch as refused:
            return self.refuse(400, "VALIDATION_ERROR", str(refused))
        if self.faults.blind:
            found = Found((), 0, None)
        shown = (request.get("properties") or (), ())
        body: dict[str, Any] = {
            "total": found.total,
            "results": [self._shown(own, row, shown) for row in found.rows],
        }
        if found.after is not None:
            body["paging"] = {"next": {"after": str(found.after)}}
        return answer(200, body)

    @route("POST", "/crm/v3/objects/{kind}/batch/read")
    def batch_read(self, call: Call, kind: str) -> httpx.Response:
        """Up to 100 records by id or by a unique property; 207 names those that are not there."""
        archived = flag(call, "archived")
        return self._batch(call, kind, lambda own, body: self._read_all(own, body, archived=archived))

    @route("POST", "/crm/v3/objects/{kind}/batch/create")
    def batch_create(self, call: Call, kind: str) -> httpx.Response:
        """Make up to 100 records. Only if each carries a trace id does one bad row not spoil the rest."""
        return self._batch(call, kind, lambda own, body: self._write_all(own, body["inputs"], self._new, 201))

    @route("POST", "/crm/v3/objects/{kind}/batch/update")
    def batch_update(self, call: Call, kind: str) -> httpx.Response:
        """Change up to 100 records; trace ids as with create."""
        return self._batch(call, kind, lambda own, body: self._write_all(own, body["inputs"], self._standing, 200))

    @route("POST", "/crm/v3/objects/{kind}/batch/upsert")
    def batch_upsert(self, call: Call, kind: str) -> httpx.Response:
        """Change, or make where there is none with that unique value."""

        def all_of(own: str, body: Mapping[str, Any]) -> httpx.Response:
            before = set(self.tables[own].live)
            done = self._write_all(own, body["inputs"], self._either, 200)
            if not done.is_success:
                return done
            told = done.json()
            told["results"] = [{**result, "new": result["id"] not in before} for result in told["results"]]
            return answer(done.status_code, told)

        return self._batch(call, kind, all_of)

    @route("POST", "/crm/v3/objects/{kind}/batch/archive")
    def batch_archive(self, call: Call, kind: str) -> httpx.Response:
        """Put up to 100 records in the bin; those that are not there are passed over in silence."""

        def drop(own: str, body: Mapping[str, Any]) -> httpx.Response:
            for given in body["inputs"]:
                row = self.tables[own].find(given["id"])
                if row is not None:
                    self.archive(own, row, "api")
            return answer(204)

        return self._batch(call, kind, drop)

    @route("POST", "/crm/v3/objects/{kind}/merge")
    def merge_objects(self, call: Call, kind: str) -> httpx.Response:
        """Merge two records, for good."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        body, table = call.json(), self.tables[own]
        primary, loser = table.find(body["primaryObjectId"]), table.find(body["objectIdToMerge"])
        if primary is None or loser is None:
            return self.refuse(404, "OBJECT_NOT_FOUND", "Object not found.")
        if primary.id == loser.id:
            return self.refuse(400, "VALIDATION_ERROR", "A record cannot be merged with itself.")
        return self._one(own, self.merge(own, primary, loser, "api"), {}, 200)

    @route("POST", "/crm/v3/objects/contacts/gdpr-delete")
    def forget(self, call: Call) -> httpx.Response:
        """Delete a contact for good."""
        body = call.json()
        row = self._sought("contacts", body["objectId"], body.get("idProperty", ""))
        if row is None:
            return self.refuse(404, "OBJECT_NOT_FOUND", "Object not found.")
        self.purge("contacts", row, "api")
        self.flush()
        return answer(204)

    # --- inside ------------------------------------------------------------------------------------------

    def _sought(self, kind: str, id: str, name: str, *, archived: bool = False) -> Row | None:
        if self.faults.blind:
            return None
        table = self.tables[kind]
        if archived:
            return table.archived.get(id)
        if name and name != "hs_object_id":
            return table.by(name, id) if name in table.owners else None
        return table.find(id)

    def _one(self, kind: str, done: Row | Refusal, given: Mapping[str, Any], status: int) -> httpx.Response:
        self.flush()
        if isinstance(done, Refusal):
            return done.response(self.uuid())
        return answer(status, self._written(kind, done, given))

    def _batch(self, call: Call, kind: str, act: Callable[[str, Mapping[str, Any]], httpx.Response]) -> httpx.Response:
        own, body = self.kind(kind), call.json()
        if own is None:
            return self.no_such_type(kind)
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            return self.refuse(400, "VALIDATION_ERROR", "Invalid input JSON: inputs is required")
        if len(inputs) > _BATCH:
            return self.refuse(400, "VALIDATION_ERROR", f"A batch takes at most {_BATCH} inputs.")
        ids = [given["id"] for given in inputs if "id" in given]
        if len(set(ids)) < len(ids) and not call.path.endswith("/batch/read"):
            return self.refuse(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input.")
        response = act(own, body)
        self.flush()
        return response

    def _read_all(self, kind: str, body: Mapping[str, Any], *, archived: bool) -> httpx.Response:
        name = body.get("idProperty") or ""
        if name and name != "hs_object_id" and name not in self.tables[kind].owners:
            return self.refuse(400, "VALIDATION_ERROR", f"{name} is not a unique property")
        shown = (body.get("properties") or (), body.get("propertiesWithHistory") or ())
        rows: dict[str, Row] = {}
        absent = []
        for given in body["inputs"]:
            row = self._sought(kind, given["id"], name, archived=archived)
            if row is None:
                absent.append(given["id"])
            else:
                rows[row.id] = row
        results = [self._shown(kind, row, shown) for row in rows.values()]
        errors = [_missing(kind, absent).entry({})] if absent else []
        return self.told(results, errors, 200)

    def _write_all(
        self,
        kind: str,
        inputs: Sequence[Mapping[str, Any]],
        aim: Callable[[str, Mapping[str, Any]], _Aim | Refusal],
        status: int,
    ) -> httpx.Response:
        traces = [given.get("objectWriteTraceId") for given in inputs]
        multi = all(traces) and len(set(traces)) == len(traces)
        if not multi:
            for given in inputs:
                aimed = aim(kind, given)
                refused = aimed if isinstance(aimed, Refusal) else self.vetted(kind, aimed[1], aimed[0])
                if isinstance(refused, Refusal):
                    return refused.response(self.uuid())
        results, errors = [], []
        for given, trace in zip(inputs, traces, strict=True):
            done = self._hit(kind, aim(kind, given))
            if isinstance(done, Refusal):
                if not multi:  # two rows of one batch that want the same unique value
                    return done.response(self.uuid())
                errors.append(done.entry({"objectWriteTraceId": [str(trace)]}))
            else:
                written = self._written(kind, done, given.get("properties", {}))
                results.append(written | ({"objectWriteTraceId": trace} if trace else {}))
        self.random.shuffle(results)
        return self.told(results, errors, status)

    def _hit(self, kind: str, aimed: _Aim | Refusal) -> Row | Refusal:
        if isinstance(aimed, Refusal):
            return aimed
        row, values = aimed
        return self.create(kind, values, "api") if row is None else self.update(kind, row, values, "api")

    def _new(self, kind: str, given: Mapping[str, Any]) -> _Aim | Refusal:  # noqa: ARG002
        return None, given.get("properties", {})

    def _standing(self, kind: str, given: Mapping[str, Any]) -> _Aim | Refusal:
        row = self._sought(kind, given["id"], given.get("idProperty", ""))
        return (row, given.get("properties", {})) if row else _missing(kind, [given["id"]])

    def _either(self, kind: str, given: Mapping[str, Any]) -> _Aim | Refusal:
        name, properties = given.get("idProperty", ""), given.get("properties", {})
        row = self._sought(kind, given["id"], name)
        if row is None and not name:
            return _missing(kind, [given["id"]])
        return row, (properties if row else {name: given["id"], **properties})

    def _written(self, kind: str, row: Row, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a write tells of a record: its own books and the properties that were given."""
        shown = self._shown(kind, row, ((*given, *_SHOWN[kind]) if given else (), ()))
        shown["properties"] = {
            name: "" if value is None else value
            for name, value in shown["properties"].items()
            if value is not None or name in given
        }
        return shown

    def _shown(self, kind: str, row: Row, shown: _Shown) -> dict[str, Any]:
        names, historic = shown
        own = {
            "createdate": instant(row.created),
            "hs_object_id": row.id,
            self.modified_property(kind): instant(row.modified),
        }
        values = {name: row.values.get(name) for name in (names or (() if historic else _SHOWN[kind]))}
        known = self.properties[kind]
        body: dict[str, Any] = {
            "id": row.id,
            "properties": {name: value for name, value in values.items() if name in known} | own,
            "createdAt": own["createdate"],
            "updatedAt": instant(row.modified),
            "archived": row.archived is not None,
            "url": f"https://app.hubspot.com/contacts/{PORTAL}/record/{row.id}",
        }
        if row.archived is not None:
            body["archivedAt"] = instant(row.archived)
        if historic:
            body["propertiesWithHistory"] = {
                name: [
                    {"value": past.value, "timestamp": instant(past.at), "sourceType": past.source}
                    for past in row.history(name)
                ]
                for name in historic
                if name in known
            }
        return body


def _asked(call: Call) -> _Shown:
    return _names(call, "properties"), _names(call, "propertiesWithHistory")


def _names(call: Call, key: str) -> list[str]:
    """Comma-separated, or the key repeated: the API takes both."""
    return [name for part in call.queries.get(key, ()) for name in part.split(",") if name]


def _missing(kind: str, ids: Sequence[str]) -> Refusal:
    singular = {"contacts": "CONTACT", "companies": "COMPANY", "deals": "DEAL"}[kind]
    message = f"Could not get some {singular} objects, they may be deleted or not exist. Check that ids are valid."
    return Refusal(404, "OBJECT_NOT_FOUND", message, {"ids": list(ids)})
