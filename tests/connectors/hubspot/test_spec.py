"""The twin's answers fit HubSpot's own API descriptions, where a copy of them is at hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from tests.connectors.hubspot.portal import Portal

SPECS: Final = Path(__file__).parents[3].parent / "shared" / "specs" / "hubspot"

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="HubSpot's API descriptions are not at hand")

CONTACTS: Final = "v3/Contacts-424-contacts.json"
COMPANIES: Final = "v3/Companies-424-companies.json"
PROPERTIES: Final = "v3/Properties-145899-properties.json"
CONSENT_V3: Final = "v3/Subscriptions-147906-subscriptions.json"
CONSENT_V4: Final = "v4/Subscriptions-176901-subscriptions.json"
TIES: Final = "v4/Associations-50914-associations.json"
OWNERS: Final = "v3/Crm_Owners-146888-crmOwners.json"
ACCOUNT: Final = "v3/Account_Info-144923-accountInfo.json"


@cache
def spec(name: str) -> dict[str, Any]:
    """A description, set right where the server is known to differ from it."""
    described: dict[str, Any] = json.loads((SPECS / name).read_text())
    for title, schema in described["components"]["schemas"].items():
        for name, part in schema.get("properties", {}).items():
            if name == "properties" and part.get("additionalProperties", {}).get("type") == "string":
                part["additionalProperties"]["nullable"] = True  # a property that was never filled is null
            if (title, name) == ("AssociationSpecWithLabel", "label"):
                part["nullable"] = True  # HubSpot's own unlabelled type
    return described


def schema_of(name: str, path: str, method: str, status: int) -> dict[str, Any]:
    responses = spec(name)["paths"][path][method]["responses"]
    if str(status) not in responses:
        return {"$ref": "#/components/schemas/Error"}
    (content,) = responses[str(status)]["content"].values()
    schema: dict[str, Any] = content["schema"]
    return schema


def assert_fits(response: httpx.Response, name: str, path: str, status: int) -> None:
    assert response.status_code == status, response.text
    schema = schema_of(name, path, response.request.method.lower(), status)
    whole = {**schema, "components": spec(name)["components"]}
    errors = list(OAS30Validator(whole, format_checker=oas30_format_checker).iter_errors(response.json()))
    assert not errors, errors[0]


@pytest.fixture
def portal() -> Portal:
    return Portal(records=20)


@pytest.fixture
def api(portal: Portal) -> httpx.Client:
    return portal.api()


def with_ids(ids: list[str], **more: Any) -> dict[str, Any]:
    return {"inputs": [{"id": id_} for id_ in ids], "properties": ["phone", "vip"], **more}


OBJECT = "/crm/v3/objects/contacts"
ONE = OBJECT + "/{contactId}"


def test_lists_and_single_records(portal: Portal, api: httpx.Client) -> None:
    one = portal.ids()[0]

    assert_fits(api.get(OBJECT, params={"properties": "phone,vip", "limit": 5}), CONTACTS, OBJECT, 200)
    assert_fits(api.get(f"{OBJECT}/{one}", params={"propertiesWithHistory": "city"}), CONTACTS, ONE, 200)
    assert_fits(api.get(f"{OBJECT}/99999"), CONTACTS, ONE, 404)
    assert_fits(api.get(OBJECT, params={"limit": 101}), CONTACTS, OBJECT, 400)
    assert_fits(api.get("/crm/v3/objects/companies"), COMPANIES, "/crm/v3/objects/companies", 200)


def test_single_writes(portal: Portal, api: httpx.Client) -> None:
    one = portal.ids()[0]

    made = api.post(OBJECT, json={"properties": {"email": "ada@example.com", "phone": "1"}, "associations": []})
    assert_fits(made, CONTACTS, OBJECT, 201)
    assert_fits(api.post(OBJECT, json={"properties": {"email": "ada@example.com"}}), CONTACTS, OBJECT, 409)
    assert_fits(api.patch(f"{OBJECT}/{one}", json={"properties": {"phone": ""}}), CONTACTS, ONE, 200)
    assert_fits(api.patch(f"{OBJECT}/{one}", json={"properties": {"nope": ""}}), CONTACTS, ONE, 400)


def test_batches(portal: Portal, api: httpx.Client) -> None:
    one, two = portal.ids()[:2]
    changed = [
        {"id": one, "objectWriteTraceId": "a", "properties": {"phone": "1"}},
        {"id": two, "objectWriteTraceId": "b", "properties": {"lifecyclestage": "friend"}},
    ]
    made = [
        {"objectWriteTraceId": "a", "properties": {"email": "ada@example.com"}},
        {"objectWriteTraceId": "b", "properties": {"email": "ada@example.com"}},
    ]
    settled = [
        {"id": "C-1", "idProperty": "customer_number", "properties": {"email": "bob@example.com"}},
        {"id": "C-2", "idProperty": "customer_number", "properties": {"email": "eve@example.com"}},
    ]

    read = f"{OBJECT}/batch/read"
    assert_fits(api.post(read, json=with_ids([one, two], propertiesWithHistory=["city"])), CONTACTS, read, 200)
    assert_fits(api.post(read, json=with_ids([one, "99999"])), CONTACTS, read, 207)
    update = f"{OBJECT}/batch/update"
    assert_fits(api.post(update, json={"inputs": changed[:1]}), CONTACTS, update, 200)
    assert_fits(api.post(update, json={"inputs": changed}), CONTACTS, update, 207)
    create = f"{OBJECT}/batch/create"
    assert_fits(api.post(create, json={"inputs": made}), CONTACTS, create, 207)
    upsert = f"{OBJECT}/batch/upsert"
    assert_fits(api.post(upsert, json={"inputs": settled}), CONTACTS, upsert, 200)


def test_search_and_merge(portal: Portal, api: httpx.Client) -> None:
    one, two = portal.ids()[:2]
    search = f"{OBJECT}/search"
    asked = {"limit": 5, "properties": ["phone"], "filterGroups": [], "sorts": [], "after": "0"}

    assert_fits(api.post(search, json=asked), CONTACTS, search, 200)
    assert_fits(api.post(search, json=asked | {"after": "9999"}), CONTACTS, search, 400)
    merge = f"{OBJECT}/merge"
    assert_fits(api.post(merge, json={"primaryObjectId": one, "objectIdToMerge": two}), CONTACTS, merge, 200)


def test_properties(api: httpx.Client) -> None:
    path = "/crm/v3/properties/{objectType}"
    body = {"name": "shoe_size", "label": "Shoe size", "type": "number", "fieldType": "number", "groupName": "x"}

    assert_fits(api.get("/crm/v3/properties/contacts"), PROPERTIES, path, 200)
    assert_fits(api.post("/crm/v3/properties/contacts", json=body), PROPERTIES, path, 201)
    assert_fits(api.post("/crm/v3/properties/contacts", json=body), PROPERTIES, path, 409)


def test_consent(portal: Portal, api: httpx.Client) -> None:
    address = portal.stored_address()
    v3, v4 = "/communication-preferences/v3", "/communication-preferences/v4/statuses"
    body = {"emailAddress": address, "subscriptionId": "101"}

    assert_fits(api.get(f"{v3}/definitions"), CONSENT_V3, f"{v3}/definitions", 200)
    assert_fits(api.get(f"{v3}/status/email/{address}"), CONSENT_V3, f"{v3}/status/email/{{emailAddress}}", 200)
    assert_fits(api.post(f"{v3}/unsubscribe", json=body), CONSENT_V3, f"{v3}/unsubscribe", 200)
    assert_fits(api.post(f"{v3}/subscribe", json=body), CONSENT_V3, f"{v3}/subscribe", 200)
    everything = f"{v4}/{address}/unsubscribe-all"
    assert_fits(
        api.post(everything, params={"channel": "EMAIL"}), CONSENT_V4, v4 + "/{subscriberIdString}/unsubscribe-all", 200
    )
    assert_fits(
        api.get(everything, params={"channel": "EMAIL"}), CONSENT_V4, v4 + "/{subscriberIdString}/unsubscribe-all", 200
    )
    assert_fits(api.get(f"{v4}/{address}"), CONSENT_V4, v4 + "/{subscriberIdString}", 200)
    assert_fits(api.post(everything), CONSENT_V4, v4 + "/{subscriberIdString}/unsubscribe-all", 400)


def test_associations(portal: Portal, api: httpx.Client) -> None:
    contact, company = portal.ids()[0], portal.ids("companies")[-1]
    path = "/crm/v4/associations/{fromObjectType}/{toObjectType}/batch"
    url = "/crm/v4/associations/contacts/companies/batch"
    pair = {"from": {"id": contact}, "to": {"id": company}}
    primary = {"types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]}

    assert_fits(api.post(f"{url}/read", json={"inputs": [{"id": contact}]}), TIES, f"{path}/read", 200)
    assert_fits(api.post(f"{url}/read", json={"inputs": [{"id": "99999"}]}), TIES, f"{path}/read", 207)
    assert_fits(api.post(f"{url}/create", json={"inputs": [pair | primary]}), TIES, f"{path}/create", 201)
    default = f"{path}/associate/default"
    assert_fits(api.post(f"{url}/associate/default", json={"inputs": [pair]}), TIES, default, 200)
    apart = {"inputs": [{"from": {"id": contact}, "to": [{"id": company}]}]}
    assert spec(TIES)["paths"][f"{path}/archive"]["post"]["responses"]["204"]
    assert api.post(f"{url}/archive", json=apart).status_code == 204


def test_account_and_owners(api: httpx.Client) -> None:
    assert_fits(api.get("/account-info/v3/details"), ACCOUNT, "/account-info/v3/details", 200)
    assert_fits(api.get("/crm/v3/owners"), OWNERS, "/crm/v3/owners", 200)
