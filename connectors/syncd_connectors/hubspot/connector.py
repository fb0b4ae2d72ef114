"""HubSpot as syncd knows it: contacts, companies and deals of one account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from syncd.core.record import Cursor, Delete, Gone, Merged, Outcome, Record, Ref, Stale, Write
from syncd.errors import BrokenProtocol, Rejected
from syncd.sdk.auth import Bearer, OAuth2Refresh
from syncd.sdk.contract import Connector, Object, Page, Past, Request, Tools
from syncd.sdk.http import Http
from syncd.sdk.pages import by_token
from syncd.sdk.shapes import in_chunks
from syncd.sdk.sturdy import sturdy
from syncd_connectors.hubspot import changes, hooks, reads
from syncd_connectors.hubspot.api import OBJECTS, TOKEN_PATH, Api, rates, searchable
from syncd_connectors.hubspot.consent import fulfil, part
from syncd_connectors.hubspot.schema import described, modified_property
from syncd_connectors.hubspot.settings import HubSpotSettings
from syncd_connectors.hubspot.stages import move_back
from syncd_connectors.hubspot.wire import rows
from syncd_connectors.hubspot.writes import write_all

__all__ = ["HUBSPOT", "HubSpot"]

HUBSPOT: Final = "https://api.hubapi.com"

_TIES: Final = 1000  # inputs of one association read; half of what one create takes (HubSpot docs, associations)
_UNTIES: Final = 100  # inputs of one removal (the same)
_PRIMARY: Final[Mapping[tuple[str, str], int]] = {
    ("contacts", "companies"): 1,
    ("companies", "contacts"): 2,
    ("deals", "companies"): 5,
    ("companies", "deals"): 6,
}
"""HubSpot's own association types for the primary company (HubSpot docs, associations)."""
_SEARCHED: Final = {"companies": ("domain",)}
"""Fields that are not unique, but by which records are looked for."""
_SOUGHT: Final = 25  # values in one search: its body may have 3,000 characters (HubSpot docs, search-the-crm)


@sturdy
class HubSpot:
    """One HubSpot account. Implements Connector, Finds, Hears, Associates and Remembers."""

    def __init__(self, settings: HubSpotSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._api = Api(_http(settings, tools))
        self._objects: Mapping[str, Object] = {}

    # --- Connector ---------------------------------------------------------------------------------------------

    def objects(self) -> Sequence[Object]:
        """Contacts, companies and deals with all properties that people see."""
        consent = self._api.subscriptions().status != 403
        found = [described(name, self._api.properties(name), consent=consent) for name in OBJECTS]
        self._objects = {object_.name: object_ for object_ in found}
        return found

    def check(self) -> None:
        """Raise if the token is no good, or lacks the scope to read one of the objects."""
        self._api.account()
        for name in OBJECTS:
            self._api.page(name, ("hs_object_id",), None)

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """What may have changed. A full listing holds facts, by the list of all records; what changed since, hints.

        Deletes show only by absence from a full listing: HubSpot's search never shows archived records, and its list
        of archived ones takes no time. See `changes.py`.
        """
        overlap, began = self._settings.search_overlap, int(self._tools.clock.now() * 1000)
        place = changes.Listing(began, "") if since is None else changes.position(since)
        names = self._names(object)
        if isinstance(place, changes.Listing):
            yield from changes.listed(self._api, self._tools.app, object, names, place, overlap)
        else:
            place = replace(place, began=place.began or began)
            yield from changes.changed(self._api, self._tools.app, object, names, place, overlap)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """Facts by id. A record in the bin is Gone and told; one that is nowhere is Gone and not told."""
        found: dict[Ref, Record | Gone | Merged] = {}
        for name in dict.fromkeys(ref.object for ref in refs):
            ids = [ref.id for ref in refs if ref.object == name]
            found |= reads.read(self._api, self._tools.app, name, ids, self._names(name))
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Apply writes, properties in batches and then consent; one outcome per write.

        A delete by the id of a merged-away record would reach its survivor, so deletes are looked at first.
        """
        deletes = [write.ref for write in writes if isinstance(write, Delete)]
        spared = reads.merged_away(self._api, self._tools.app, deletes)
        stale = {write.key: Stale(write.key) for write in writes if isinstance(write, Delete) and write.ref in spared}
        plain, wishes = part([write for write in writes if write.key not in stale])
        done = write_all(self._api, plain) | stale
        if self._settings.lifecycle == "free":
            done |= move_back(self._api, plain, done)
        if wishes:
            done |= fulfil(self._api, wishes, done, self._settings.legal_basis)
        return [done[write.key] for write in writes]

    def close(self) -> None:
        """Let go of connections."""
        self._tools.http.close()

    # --- Finds -------------------------------------------------------------------------------------------------

    def findable(self, object: str) -> Sequence[str]:
        """Unique properties, a contact's address among them, and a company's domain."""
        return (*self._object(object).capabilities.unique, *_SEARCHED.get(object, ()))

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """Who has these values: by a strongly consistent read where the field is unique, else by search, which lags.

        A contact is found by its additional addresses too. Raises Rejected for a field that is not findable.
        """
        wanted = {value: value.strip().lower() for value in values}
        asked = [folded for folded in dict.fromkeys(wanted.values()) if folded]
        if field in self._object(object).capabilities.unique:
            names = (field, "hs_additional_emails") if field == "email" else (field,)
            plausible = [v for v in asked if "@" in v] if field == "email" else [v for v in dict.fromkeys(values) if v]
            found = reads.by_unique(self._api, object, field, plausible, names)
        elif field in _SEARCHED.get(object, ()):
            found = [row for chunk in _sought(asked) for row in self._search(object, field, chunk)]
        else:
            raise Rejected(f"HubSpot cannot look for {object} by {field}", field=field)
        holders = [(str(row["id"]), _values(row, field)) for row in found]
        return {
            value: tuple(Ref(self._tools.app, object, id_) for id_, held in holders if folded in held)
            for value, folded in wanted.items()
        }

    # --- Hears -------------------------------------------------------------------------------------------------

    def hear(self, request: Request) -> Sequence[Ref]:
        """Whom HubSpot's events are about. Raises Unauthorised unless signed by version 3 and fresh."""
        secrets = [s for s in (self._settings.app_secret, self._settings.former_app_secret) if s is not None]
        hooks.authentic(request, secrets, self._tools.clock.now())
        return hooks.refs(self._tools.app, request.body)

    # --- Associates --------------------------------------------------------------------------------------------

    def associated(self, refs: Sequence[Ref], to: str) -> Mapping[Ref, Sequence[Ref]]:
        """Whom each record is tied to, the primary company first."""
        found: dict[Ref, Sequence[Ref]] = dict.fromkeys(refs, ())
        for start in dict.fromkeys(ref.object for ref in refs):
            primary = _PRIMARY.get((start, to))
            for id, told in self._ends(start, to, [ref.id for ref in refs if ref.object == start]).items():
                ends = sorted(told, key=lambda end: primary not in _labels(end))
                tied = tuple(Ref(self._tools.app, to, str(end["toObjectId"])) for end in ends)
                found[Ref(self._tools.app, start, id)] = tied
        return found

    def _ends(self, start: str, to: str, ids: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What each of these is tied to; those with many are asked about page by page."""
        ends: dict[str, list[Mapping[str, Any]]] = {}
        asked = [{"id": id} for id in ids]
        while asked:
            further: list[dict[str, str]] = []
            for row in (row for chunk in in_chunks(asked, _TIES) for row in rows(self._api.ties(start, to, chunk))):
                id, after = str(row["from"]["id"]), row.get("paging", {}).get("next", {}).get("after")
                ends.setdefault(id, []).extend(row["to"])
                if after:
                    further.append({"id": id, "after": str(after)})
            asked = further
        return ends

    def associate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Tie each pair, as primary where HubSpot knows a primary. Raises Rejected if one of them is gone."""
        kinds = dict.fromkeys((one.object, two.object) for one, two in pairs)
        for start, end in kinds:
            group = [(one.id, two.id) for one, two in pairs if (one.object, two.object) == (start, end)]
            for chunk in in_chunks(group, _TIES):
                told = self._api.tie(start, end, chunk, _PRIMARY.get((start, end)))
                if isinstance(told, dict) and told.get("numErrors"):
                    raise Rejected(f"HubSpot could not associate {told['numErrors']} of {len(chunk)} pairs")

    def dissociate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Untie each pair; other companies of a contact stay."""
        for start, end in dict.fromkeys((one.object, two.object) for one, two in pairs):
            group = [(one.id, two.id) for one, two in pairs if (one.object, two.object) == (start, end)]
            for chunk in in_chunks(group, _UNTIES):
                self._api.untie(start, end, chunk)

    # --- Remembers ---------------------------------------------------------------------------------------------

    def history(self, ref: Ref, fields: Sequence[str]) -> Mapping[str, Sequence[Past]]:
        """Past values of each property, newest first; none for a record that is gone."""
        answer = self._api.one(ref.object, ref.id, historic=fields)
        if answer.status == 404:
            return dict.fromkeys(fields, ())
        match answer.json:
            case {"propertiesWithHistory": dict() as told}:
                return {field: tuple(_past(entry) for entry in told.get(field) or ()) for field in fields}
        raise BrokenProtocol("HubSpot answered without the history it was asked for")

    # --- inside ------------------------------------------------------------------------------------------------

    def _object(self, name: str) -> Object:
        if name not in self._objects:
            self.objects()
        if name not in self._objects:
            raise Rejected(f"the HubSpot connector does not keep {name}")
        return self._objects[name]

    def _names(self, object: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._object(object).fields, modified_property(object))))

    def _search(self, object: str, field: str, values: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        held = {"propertyName": field, "operator": "IN", "values": list(values)}
        pages = by_token(lambda after: self._api.search(object, (field,), [held], "hs_object_id", after or ""), _after)
        for page in pages:
            yield from rows(page)


def _http(settings: HubSpotSettings, tools: Tools) -> Http:
    base = settings.base_url or HUBSPOT
    if settings.token is not None:
        return tools.http.at(base, auth=Bearer(settings.token), rates=rates)
    if settings.client_secret is None or settings.refresh_token is None:
        raise Rejected("HubSpot needs a token, or OAuth credentials")
    auth = OAuth2Refresh(
        tools.http.at(base),
        TOKEN_PATH,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        refresh_token=settings.refresh_token,
        vault=tools.vault,
        clock=tools.clock,
    )
    return tools.http.at(base, auth=auth, rates=rates)


def _sought(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """The values in runs that a search can ask for; one that is too long for any is asked for by itself."""
    run: list[str] = []
    for value in values:
        if run and (len(run) == _SOUGHT or not searchable([*run, value])):
            yield run
            run = []
        run.append(value)
    if run:
        yield run


def _values(row: Mapping[str, Any], field: str) -> frozenset[str]:
    """What a row can be found by, folded as HubSpot compares."""
    shown = row.get("properties", {})
    held = [str(shown.get(field) or "")]
    if field == "email":
        held += str(shown.get("hs_additional_emails") or "").split(";")
    return frozenset(value.strip().lower() for value in held if value)


def _labels(end: Mapping[str, Any]) -> set[Any]:
    return {kind.get("typeId") for kind in end.get("associationTypes") or ()}


def _after(page: Any) -> str | None:
    match page:
        case {"paging": {"next": {"after": str(after)}}}:
            return after
    return None


def _past(entry: Mapping[str, Any]) -> Past:
    by = ":".join(str(entry[name]) for name in ("sourceType", "sourceId") if entry.get(name))
    return Past(value=entry.get("value", ""), at=str(entry.get("timestamp") or ""), by=by)


_conforms: type[Connector] = HubSpot
