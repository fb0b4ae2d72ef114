"""Associations of the simulated portal, v4: read a hundred, create with labels, associate by default.

Shapes from the spec `CRM/Associations/v4`; type ids from HubSpot docs, associations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from syncd.testing.twin import Call, route
from syncd_connectors.hubspot.twin.ground import HubSpotGround
from syncd_connectors.hubspot.twin.refusals import Refusal

__all__ = ["TieRoutes"]

_DEFAULT: Final = {
    ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
    ("contacts", "deals"): 4,
    ("deals", "contacts"): 3,
    ("deals", "companies"): 341,
    ("companies", "deals"): 342,
}
_PRIMARY: Final = {("contacts", "companies"): 1, ("companies", "contacts"): 2, ("deals", "companies"): 5}
_NUMBER: Final = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
_MOST: Final = 1000
_MOST_REMOVED: Final = 100
_PAGE: Final = 500
"""Ends of one record in one answer."""


class TieRoutes(HubSpotGround):
    """Who belongs to whom."""

    @route("POST", "/crm/v4/associations/{start}/{end}/batch/read")
    def read_ties(self, call: Call, start: str, end: str) -> httpx.Response:
        """The associations of up to 1,000 records; 207 names those that have none."""
        own, other, inputs = self.kind(start) or "", self.kind(end) or "", call.json()["inputs"]
        if (own, other) not in _DEFAULT or len(inputs) > _MOST:
            return self.refuse(400, "VALIDATION_ERROR", f"cannot read associations {start} to {end}")
        ends = self.ties.get((own, other), {})
        results, errors = [], []
        for given in inputs:
            found = {} if self.faults.blind else ends.get(given["id"], {})
            if found:
                results.append(_page(given["id"], [_labelled(id_, t) for id_, t in found.items()], given.get("after")))
            else:
                none = Refusal(404, "OBJECT_NOT_FOUND", f"No {other} is associated with {own} {given['id']}.")
                errors.append(none.entry({"fromObjectId": [given["id"]]}))
        return self.told(results, errors, 200)

    @route("POST", "/crm/v4/associations/{start}/{end}/batch/create")
    def create_ties(self, call: Call, start: str, end: str) -> httpx.Response:
        """Associate pairs with the types given; a new primary takes the place of the old one."""
        own, other = self.kind(start) or "", self.kind(end) or ""
        if (own, other) not in _DEFAULT:
            return self.refuse(400, "VALIDATION_ERROR", f"cannot associate {start} with {end}")
        results, errors = [], []
        for given in call.json()["inputs"]:
            one, two = given["from"]["id"], given["to"]["id"]
            if one not in self.tables[own].live or two not in self.tables[other].live:
                errors.append(Refusal(404, "OBJECT_NOT_FOUND", "Object not found.").entry({"id": [one, two]}))
                continue
            types = {int(spec["associationTypeId"]) for spec in given["types"]}
            self._associate(own, one, other, two, primary=_PRIMARY.get((own, other)) in types)
            results.append(
                {
                    "fromObjectTypeId": _NUMBER[own],
                    "fromObjectId": int(one),
                    "toObjectTypeId": _NUMBER[other],
                    "toObjectId": int(two),
                    "labels": [],
                }
            )
        return self.told(results, errors, 201)

    @route("POST", "/crm/v4/associations/{start}/{end}/batch/associate/default")
    def associate_by_default(self, call: Call, start: str, end: str) -> httpx.Response:
        """Associate pairs without a label, both ways."""
        own, other = self.kind(start) or "", self.kind(end) or ""
        if (own, other) not in _DEFAULT:
            return self.refuse(400, "VALIDATION_ERROR", f"cannot associate {start} with {end}")
        results = []
        for given in call.json()["inputs"]:
            one, two = given["from"]["id"], given["to"]["id"]
            self._associate(own, one, other, two, primary=False)
            for ends, pair in ((own, other), (one, two)), ((other, own), (two, one)):
                spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": _DEFAULT[ends]}
                results.append({"from": {"id": pair[0]}, "to": {"id": pair[1]}, "associationSpec": spec})
        return self.told(results, [], 200)

    @route("POST", "/crm/v4/associations/{start}/{end}/batch/archive")
    def remove_ties(self, call: Call, start: str, end: str) -> httpx.Response:
        """Remove all associations between up to 100 pairs, both ways; those that have none are no error."""
        own, other, inputs = self.kind(start) or "", self.kind(end) or "", call.json()["inputs"]
        if (own, other) not in _DEFAULT or len(inputs) > _MOST_REMOVED:
            return self.refuse(400, "VALIDATION_ERROR", f"cannot dissociate {start} from {end}")
        for given in inputs:
            for two in given["to"]:
                self.ties.get((own, other), {}).get(given["from"]["id"], {}).pop(two["id"], None)
                self.ties.get((other, own), {}).get(two["id"], {}).pop(given["from"]["id"], None)
        return httpx.Response(204)

    def _associate(self, own: str, one: str, other: str, two: str, *, primary: bool) -> None:
        there, back = (own, other), (other, own)
        label = _PRIMARY.get(there)
        if primary and label is not None:
            for id_, types in self.ties.get(there, {}).get(one, {}).items():
                types.discard(label)
                self.ties.get(back, {}).get(id_, {}).get(one, set()).discard(_PRIMARY.get(back, 0))
        self.tie(own, one, other, two, {_DEFAULT[there]} | ({label} if primary and label else set()))
        self.tie(other, two, own, one, {_DEFAULT[back]} | ({_PRIMARY[back]} if primary and back in _PRIMARY else set()))


def _page(start: str, ends: Sequence[Mapping[str, Any]], after: str | None) -> dict[str, Any]:
    first = int(after or 0)
    more = {"paging": {"next": {"after": str(first + _PAGE)}}} if len(ends) > first + _PAGE else {}
    return {"from": {"id": start}, "to": ends[first : first + _PAGE], **more}


def _labelled(id: str, types: set[int]) -> dict[str, Any]:
    labels = {1: "Primary", 2: "Primary", 5: "Primary"}
    return {
        "toObjectId": int(id),
        "associationTypes": [
            {"category": "HUBSPOT_DEFINED", "typeId": type_, "label": labels.get(type_)} for type_ in sorted(types)
        ],
    }
