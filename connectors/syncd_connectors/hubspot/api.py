"""HubSpot's calls that syncd makes, one function each: paths, parameters, buckets. No decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from syncd.sdk.http import Answer, Http
from syncd.sdk.pace import Left
from syncd_connectors.hubspot.wire import rows

__all__ = ["BATCH", "OBJECTS", "PAGE", "SEARCH_PAGE", "TOKEN_PATH", "Api", "rates", "searchable"]

_CRM: Final = "/crm/v3"
_TIES: Final = "/crm/v4/associations"
_PREFERENCES_V3: Final = "/communication-preferences/v3"
_PREFERENCES_V4: Final = "/communication-preferences/v4"
TOKEN_PATH: Final = "/oauth/v3/token"  # noqa: S105  # an address, not a token

OBJECTS: Final = ("contacts", "companies", "deals")
BATCH: Final = 100
"""Inputs of one batch call (HubSpot docs, using-object-apis)."""
PAGE: Final = 100
"""Rows of one list page."""
SEARCH_PAGE: Final = 200
"""Hits of one search page (HubSpot docs, search-the-crm)."""

_LONGEST_QUERY: Final = 6000
"""Characters of property names that fit an address; beyond them HubSpot answers 414 (docs, error-handling)."""
_LONGEST_SEARCH: Final = 2500
"""Characters of property names that fit a search, whose body HubSpot bounds at 3,000 (docs, search-the-crm)."""
_REFUSALS: Final = (400, 404, 409)


@dataclass(frozen=True, slots=True)
class Api:
    """One account. Every method raises what `Http.call` raises."""

    http: Http

    def account(self) -> Any:
        """Which portal this is (spec: account-info v3)."""
        return self.http.call("GET", "/account-info/v3/details").json

    def properties(self, object: str) -> Sequence[Mapping[str, Any]]:
        """The properties of an object type, custom ones too."""
        return rows(self.http.call("GET", f"{_CRM}/properties/{object}").json)

    def page(self, object: str, names: Sequence[str], after: str | None) -> Any:
        """A page of all records: a GET list, strongly consistent, in the order of ids.

        With more property names than an address can hold, the page's ids are listed and then read in one batch.
        """
        asked = ",".join(names)
        wide = len(asked) > _LONGEST_QUERY
        params = {"limit": PAGE, "after": after, "properties": None if wide else asked}
        listed = self.http.call("GET", f"{_CRM}/objects/{object}", params=params).json
        if not wide:
            return listed
        ids = [row["id"] for row in rows(listed)]
        return {**listed, "results": rows(self.read(object, ids, names)) if ids else []}

    def search(
        self, object: str, names: Sequence[str], filters: Sequence[Mapping[str, Any]], sort: str, after: str = ""
    ) -> Any:
        """Up to 200 hits, ascending by `sort`; HubSpot takes a single sort."""
        asked = {
            "filterGroups": [{"filters": list(filters)}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": list(names),
            "limit": SEARCH_PAGE,
            **({"after": after} if after else {}),
        }
        return self.http.call("POST", f"{_CRM}/objects/{object}/search", json=asked, writes=False, bucket="search").json

    def read(
        self, object: str, ids: Sequence[str], names: Sequence[str], *, by: str = "", archived: bool = False
    ) -> Any:
        """Up to 100 records by id, or by the unique property `by`; 207 where some are not there."""
        asked: dict[str, Any] = {
            "inputs": [{"id": id_} for id_ in ids],
            "properties": list(names),
            "propertiesWithHistory": [],
        }
        if by:
            asked["idProperty"] = by
        return self.http.call(
            "POST",
            f"{_CRM}/objects/{object}/batch/read",
            params={"archived": "true"} if archived else None,
            json=asked,
            writes=False,
        ).json

    def one(self, object: str, id: str, *, historic: Sequence[str] = ()) -> Answer:
        """One record, with the history of some properties; also status 404."""
        params = {"propertiesWithHistory": ",".join(historic) or None}
        return self.http.call("GET", f"{_CRM}/objects/{object}/{quote(id, safe='')}", params=params, expect=(404,))

    def batch(self, object: str, verb: str, inputs: Sequence[Mapping[str, Any]]) -> Answer:
        """Write up to 100 records: create, update or archive; also the statuses of a refusal."""
        return self.http.call(
            "POST", f"{_CRM}/objects/{object}/batch/{verb}", json={"inputs": list(inputs)}, expect=_REFUSALS
        )

    def subscriptions(self) -> Answer:
        """The account's types of subscription; also status 403, where the scope is missing."""
        return self.http.call("GET", f"{_PREFERENCES_V3}/definitions", expect=(403,))

    def unsubscribe_all(self, address: str) -> Answer:
        """Opt an address out of everything (spec: communication-preferences v4); also status 400."""
        return self.http.call(
            "POST",
            f"{_PREFERENCES_V4}/statuses/{quote(address, safe='')}/unsubscribe-all",
            params={"channel": "EMAIL"},
            expect=(400,),
        )

    def subscribe(self, address: str, subscription: str, legal_basis: str) -> Answer:
        """Opt an address in to one type (spec: communication-preferences v3); also status 400."""
        asked = {"emailAddress": address, "subscriptionId": subscription}
        if legal_basis:
            asked |= {"legalBasis": legal_basis, "legalBasisExplanation": "Opted in again in a connected app"}
        return self.http.call("POST", f"{_PREFERENCES_V3}/subscribe", json=asked, expect=(400,))

    def ties(self, start: str, end: str, inputs: Sequence[Mapping[str, str]]) -> Any:
        """A page of the associations of up to 1,000 records, each with its `id` and perhaps `after`; 207 for none."""
        asked = {"inputs": list(inputs)}
        return self.http.call("POST", f"{_TIES}/{start}/{end}/batch/read", json=asked, writes=False).json

    def tie(self, start: str, end: str, pairs: Sequence[tuple[str, str]], label: int | None) -> Any:
        """Associate pairs, with an association type of HubSpot's own, or by default where there is none."""
        inputs: list[dict[str, Any]] = [{"from": {"id": one}, "to": {"id": two}} for one, two in pairs]
        if label is None:
            path = f"{_TIES}/{start}/{end}/batch/associate/default"
        else:
            path = f"{_TIES}/{start}/{end}/batch/create"
            spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": label}
            inputs = [{**pair, "types": [spec]} for pair in inputs]
        return self.http.call("POST", path, json={"inputs": inputs}).json

    def untie(self, start: str, end: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Remove every association between the two of each pair, labelled or not (spec: associations v4)."""
        inputs = [{"from": {"id": one}, "to": [{"id": two}]} for one, two in pairs]
        self.http.call("POST", f"{_TIES}/{start}/{end}/batch/archive", json={"inputs": inputs})


def searchable(names: Sequence[str]) -> bool:
    """Whether a search can ask for so many properties, or values."""
    return sum(len(name) + len('"",') for name in names) <= _LONGEST_SEARCH


def rates(headers: Mapping[str, str]) -> Iterable[Left]:
    """What HubSpot's headers say of its budgets (docs, usage-guidelines). Searches carry none."""
    most, left = headers.get("x-hubspot-ratelimit-max", ""), headers.get("x-hubspot-ratelimit-remaining", "")
    window = headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
    if most.isdigit() and left.isdigit() and window.isdigit():
        yield Left(int(left), int(window) / 1000, limit=int(most))
    daily, unspent = (
        headers.get("x-hubspot-ratelimit-daily", ""),
        headers.get("x-hubspot-ratelimit-daily-remaining", ""),
    )
    if daily.isdigit() and unspent.isdigit():
        yield Left(int(unspent), 86_400.0, limit=int(daily))
