"""Single exchanges that no twin shows: what an odd answer may be taken for, and what it must never be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx

from syncd.core.record import Create, Delete, Outcome, Ref, Refused, Stored, Unknown, Update
from syncd.errors import BrokenProtocol, Unauthorised, Unavailable
from syncd_connectors.bottlecrm.connector import BottleCrm
from tests.connectors.bottlecrm.ground import connector

URL = "https://crm.test"
REF = Ref("crm", "contacts", "0b9f8f5e-1f0a-4f6e-9b0e-3a8c1d2e4f50")
RECORD = f"/api/contacts/{REF.id}/"
ADA = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}
ELSEWHERE = httpx.Response(404, html="<!doctype html><title>No such page</title>")
MODULE_OFF = httpx.Response(404, json={"detail": "Leads is switched off", "code": "module_off", "module": "leads"})
NO_TOKEN = httpx.Response(403, json={"detail": "Organization context is required. Please login again."})
NOT_YOURS = httpx.Response(403, json={"error": True, "errors": "You don't have permission to perform this action."})
IN_USE = httpx.Response(409, json={"error": True, "errors": "This account can't be deleted while it has invoices."})


@pytest.fixture
def app() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        lists: dict[str, list[str]] = {"countries": [], "industries": [], "users": [], "teams": [], "tags": []}
        router.get("/api/accounts/", params={"limit": 1}).respond(json=lists)
        router.get("/api/leads/sources/").respond(json={"sources": []})
        router.get("/api/custom-fields/").respond(json={"definitions": []})
        yield router


@pytest.fixture
def crm(app: respx.MockRouter) -> Iterator[BottleCrm]:
    with connector(URL, "bcrm_pat_test") as crm:
        yield crm


def outcome(crm: BottleCrm, write: Create | Update | Delete) -> Outcome:
    (outcome,) = crm.write([write])
    return outcome


def test_the_token_goes_with_every_call(app: respx.MockRouter, crm: BottleCrm) -> None:
    route = app.get("/api/contacts/").respond(json={})
    crm.check()
    assert route.calls.last.request.headers["authorization"] == "Bearer bcrm_pat_test"


@pytest.mark.parametrize("answer", [ELSEWHERE, MODULE_OFF])
def test_a_404_that_is_not_about_the_record_deletes_nobody(
    app: respx.MockRouter, crm: BottleCrm, answer: httpx.Response
) -> None:
    app.route(path=RECORD).mock(return_value=answer)
    app.post("/api/contacts/").mock(return_value=answer)
    for call in (
        lambda: crm.read([REF]),
        lambda: crm.write([Update(REF, {"city": "Oslo"}, "key")]),
        lambda: crm.write([Delete(REF, "key")]),
        lambda: crm.write([Create("crm", "contacts", ADA, "key")]),
    ):
        with pytest.raises((BrokenProtocol, Unavailable)):
            call()


def test_an_address_without_the_api_is_told(app: respx.MockRouter, crm: BottleCrm) -> None:
    app.get("/api/contacts/").mock(return_value=ELSEWHERE)
    with pytest.raises(BrokenProtocol, match="base_url"):
        crm.check()


def test_a_create_that_names_no_record_is_in_doubt(app: respx.MockRouter, crm: BottleCrm) -> None:
    app.post("/api/contacts/").respond(json={"error": False, "message": "Contact created Successfuly"})
    assert isinstance(outcome(crm, Create("crm", "contacts", ADA, "key")), Unknown)


def test_a_custom_field_is_sent_where_the_app_keeps_them(app: respx.MockRouter, crm: BottleCrm) -> None:
    definition = {"target_model": "Contact", "key": "plan", "label": "Plan", "field_type": "text", "options": None}
    more = {"is_active": True, "is_required": False}
    app.get("/api/custom-fields/").respond(json={"definitions": [definition | more]})
    route = app.patch(RECORD).respond(json={"error": False})
    write = Update(REF, {"city": "Oslo", "custom_fields.plan": None}, "key")
    assert outcome(crm, write) == Stored("key", REF)
    assert route.calls.last.request.read() == b'{"city":"Oslo","custom_fields":{"plan":null}}'


@pytest.mark.parametrize(
    ("change", "writable", "kind"),
    [({"is_active": False}, False, "text"), ({"field_type": "geo"}, False, "json"), ({}, True, "text")],
)
def test_a_custom_field_that_is_retired_or_of_an_unknown_type_is_not_written(
    app: respx.MockRouter, crm: BottleCrm, change: dict[str, Any], writable: bool, kind: str
) -> None:
    definition = {"target_model": "Contact", "key": "plan", "label": "Plan", "field_type": "text", "options": None}
    more = {"is_active": True, "is_required": True} | change
    app.get("/api/custom-fields/").respond(json={"definitions": [definition | more]})
    app.get("/api/leads/").respond(json={})
    field = crm.objects()[0].fields["custom_fields.plan"]
    assert (field.writable, field.required, field.type) == (writable, writable, kind)


def test_who_may_not_delete_a_record_is_refused_and_the_token_stays_good(app: respx.MockRouter, crm: BottleCrm) -> None:
    app.delete(RECORD).mock(return_value=NOT_YOURS)
    refused = outcome(crm, Delete(REF, "key"))
    assert refused == Refused("key", "You don't have permission to perform this action.", None, "403")


def test_a_token_that_is_revoked_before_a_delete_is_told(app: respx.MockRouter, crm: BottleCrm) -> None:
    app.delete(RECORD).mock(return_value=NO_TOKEN)
    with pytest.raises(Unauthorised):
        crm.write([Delete(REF, "key")])


def test_an_account_that_others_hang_on_is_not_deleted(app: respx.MockRouter, crm: BottleCrm) -> None:
    account = Ref("crm", "accounts", REF.id)
    app.delete(f"/api/accounts/{REF.id}/").mock(return_value=IN_USE)
    refused = outcome(crm, Delete(account, "key"))
    assert isinstance(refused, Refused)
    assert "invoices" in refused.reason


@pytest.mark.parametrize(
    ("answer", "field", "reason"),
    [
        ({"error": True, "errors": {"phone": ["No."]}}, "phone", "No."),
        ({"error": True, "errors": {"custom_fields": {"plan": "No."}}}, "custom_fields.plan", "No."),
        ({"tags": ["No."]}, "tags", "No."),
        ({"error": True, "errors": "No."}, None, "No."),
        ({"detail": "No."}, None, "No."),
        ([], None, "BottleCRM refused the record and did not say why"),
    ],
)
def test_every_shape_of_a_refusal_is_understood(
    app: respx.MockRouter, crm: BottleCrm, answer: Any, field: str | None, reason: str
) -> None:
    app.patch(RECORD).respond(400, json=answer)
    assert outcome(crm, Update(REF, {"city": "Oslo"}, "key")) == Refused("key", reason, field, "400")


@pytest.mark.parametrize(
    "answer", [{}, [], {"contact_obj": {"id": REF.id}}, {"contact_obj": None}, {"contact_obj": {"custom_fields": 1}}]
)
def test_a_record_of_an_unknown_shape_is_a_broken_protocol(app: respx.MockRouter, crm: BottleCrm, answer: Any) -> None:
    app.get(RECORD).respond(json=answer)
    with pytest.raises(BrokenProtocol):
        crm.read([REF])


@pytest.mark.parametrize("answer", [{}, [], {"results": []}])
def test_a_list_of_an_unknown_shape_is_a_broken_protocol(app: respx.MockRouter, crm: BottleCrm, answer: Any) -> None:
    app.get("/api/contacts/").respond(json=answer)
    with pytest.raises(BrokenProtocol):
        list(crm.changes("contacts", None))


@pytest.mark.parametrize("id", ["no-such-id", "..", "a/b", ""])
def test_an_id_that_cannot_be_one_is_never_asked_for(app: respx.MockRouter, crm: BottleCrm, id: str) -> None:
    ref = Ref("crm", "contacts", id)
    crm.read([ref])
    crm.write([Delete(ref, "one"), Update(ref, {"city": "Oslo"}, "two")])
    assert app.calls.call_count == 0
