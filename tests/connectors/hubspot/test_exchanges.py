"""Single exchanges with HubSpot, as reported by its documentation and by those who met them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx
from pydantic import ValidationError

from syncd.core.record import Exists, Outcome, Refused, Stored, Unknown, Unsent, Write
from syncd.errors import BrokenProtocol, Unauthorised
from syncd.sdk.pace import Left
from syncd.testing.clock import TurnedClock
from syncd_connectors.hubspot import HubSpot, HubSpotSettings
from syncd_connectors.hubspot.api import rates
from tests.connectors.hubspot.portal import connector_over, create, ref, update

CONTACTS = "https://api.hubapi.com/crm/v3/objects/contacts"
STAMP = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def router() -> respx.MockRouter:
    return respx.MockRouter(assert_all_called=False)


def crm(router: respx.MockRouter, **settings: Any) -> HubSpot:
    transport = httpx.MockTransport(router.handler)
    return connector_over(transport, TurnedClock(), HubSpotSettings(**({"token": "pat-1"} | settings)))


def row(id: str, **properties: Any) -> dict[str, Any]:
    return {"id": id, "properties": properties, "createdAt": STAMP, "updatedAt": STAMP, "archived": False}


def write(router: respx.MockRouter, *writes: Write) -> dict[str, Outcome]:
    return {outcome.key: outcome for outcome in crm(router).write(writes)}


def refusal(status: int, **body: Any) -> httpx.Response:
    return httpx.Response(status, json={"status": "error", "correlationId": "c", **body})


def test_a_write_is_sent_as_strings_with_its_key_as_trace_id(router: respx.MockRouter) -> None:
    route = router.post(f"{CONTACTS}/batch/update").respond(200, json={"results": [row("7", city="Bergen")]})

    outcomes = write(router, update("7", "w", city="Bergen", vip=False, score=1.5, phone=None, interests=["a", "b"]))

    assert isinstance(outcomes["w"], Stored)
    assert route.calls.last.request.headers["authorization"] == "Bearer pat-1"
    properties = {"city": "Bergen", "vip": "false", "score": "1.5", "phone": "", "interests": "a;b"}
    assert json.loads(route.calls.last.request.content) == {
        "inputs": [{"id": "7", "properties": properties, "objectWriteTraceId": "w"}]
    }


def test_a_batch_that_is_refused_as_a_whole_is_halved_until_the_culprit_stands_alone(router: respx.MockRouter) -> None:
    def judge(request: httpx.Request) -> httpx.Response:
        inputs = json.loads(request.content)["inputs"]
        if any(given["id"] == "5" for given in inputs):
            return refusal(400, category="VALIDATION_ERROR", message="No.")
        return httpx.Response(200, json={"results": [row(given["id"]) for given in inputs]})

    route = router.post(f"{CONTACTS}/batch/update").mock(side_effect=judge)

    outcomes = write(router, *(update(str(n), str(n), city="Bergen") for n in range(1, 9)))

    assert [key for key, outcome in outcomes.items() if isinstance(outcome, Refused)] == ["5"]
    assert sum(isinstance(outcome, Stored) for outcome in outcomes.values()) == 7
    assert route.call_count == 7


@pytest.mark.parametrize(
    "body",
    [
        {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 51"},
        {
            "category": "OBJECT_ALREADY_EXISTS",
            "message": "Contact already exists. Existing ID: 51",
            "errors": [{"message": "A contact with email a@example.com already exists.", "in": "email"}],
        },
        {"category": "CONFLICT", "message": "Conflict.", "context": {"existingId": ["51"]}},
    ],
)
def test_each_wording_of_a_conflict_names_the_record_that_is_there(
    router: respx.MockRouter, body: dict[str, Any]
) -> None:
    router.post(f"{CONTACTS}/batch/create").mock(return_value=refusal(409, **body))

    assert write(router, create("w", email="a@example.com"))["w"] == Exists("w", ref("51"))


def test_a_conflict_that_names_nobody_is_a_conflict_all_the_same(router: respx.MockRouter) -> None:
    router.post(f"{CONTACTS}/batch/create").mock(return_value=refusal(409, category="CONFLICT", message="Taken."))

    assert write(router, create("w", email="a@example.com"))["w"] == Exists("w", None)


@pytest.mark.parametrize(
    ("body", "field", "code", "reason"),
    [
        (
            {
                "message": "Property values were not valid: []",
                "errors": [{"message": "No.", "code": "INVALID_OPTION", "context": {"propertyName": ["stage"]}}],
            },
            "stage",
            "INVALID_OPTION",
            "No.",
        ),
        (
            {
                "message": 'Property values were not valid: [{"isValid":false,"message":"No.",'
                '"error":"INVALID_EMAIL","name":"email"}]'
            },
            "email",
            "INVALID_EMAIL",
            "No.",
        ),
        (
            {"message": "Property values were not valid: {cut off"},
            None,
            "VALIDATION_ERROR",
            "Property values were not valid: {cut off",
        ),
        ({"message": None}, None, "VALIDATION_ERROR", "HubSpot did not say why"),
    ],
)
def test_each_wording_of_a_refusal_is_understood(
    router: respx.MockRouter, body: dict[str, Any], field: str | None, code: str, reason: str
) -> None:
    answer = refusal(400, category="VALIDATION_ERROR", **body)
    router.post(f"{CONTACTS}/batch/update").mock(return_value=answer)

    assert write(router, update("7", "w", stage="x"))["w"] == Refused("w", reason, field, code)


def test_a_row_that_was_throttled_within_a_batch_is_unsent(router: respx.MockRouter) -> None:
    error = {"category": "RATE_LIMITS", "message": "Later.", "context": {"objectWriteTraceId": ["w"]}}
    router.post(f"{CONTACTS}/batch/update").respond(207, json={"results": [], "errors": [error]})

    assert write(router, update("7", "w", city="x"))["w"] == Unsent("w", "Later.")


def test_creates_whose_results_carry_no_trace_id_are_told_apart_by_what_was_sent(router: respx.MockRouter) -> None:
    results = [row("2", email="bob@example.com"), row("1", email="ada@example.com")]
    router.post(f"{CONTACTS}/batch/create").respond(201, json={"results": results})

    outcomes = write(router, create("a", email="Ada@example.com"), create("b", email="bob@example.com", city=""))

    assert {key: outcome.ref.id for key, outcome in outcomes.items() if isinstance(outcome, Stored)} == {
        "a": "1",
        "b": "2",
    }


def test_creates_that_cannot_be_told_apart_are_looked_for_rather_than_guessed(router: respx.MockRouter) -> None:
    results = [row("1", firstname="Ada"), row("2", firstname="Ada")]
    router.post(f"{CONTACTS}/batch/create").respond(201, json={"results": results})

    outcomes = write(router, create("a", firstname="Ada"), create("b", firstname="Ada"))

    assert all(isinstance(outcome, Unknown) for outcome in outcomes.values())


@pytest.mark.parametrize("body", [{}, {"results": None}, {"results": [{"id": "7"}]}, {"results": []}])
def test_an_answer_to_a_write_that_makes_no_sense_is_a_doubt_never_a_failure(
    router: respx.MockRouter, body: dict[str, Any]
) -> None:
    router.post(f"{CONTACTS}/batch/update").respond(200, json=body)

    assert isinstance(write(router, update("7", "w", city="x"))["w"], Unknown)


@pytest.mark.parametrize(
    "body", [{"results": "none"}, {"results": [{"id": "7"}]}, {"results": [{**row("7"), "updatedAt": "noon"}]}]
)
def test_an_answer_to_a_read_that_makes_no_sense_is_a_broken_protocol(
    router: respx.MockRouter, body: dict[str, Any]
) -> None:
    _describe(router)
    router.post(f"{CONTACTS}/batch/read").respond(200, json=body)

    with pytest.raises(BrokenProtocol):
        crm(router).read([ref("7")])


def test_a_time_of_change_may_be_told_in_epoch_milliseconds(router: respx.MockRouter) -> None:
    _describe(router)
    found = row("7", lastmodifieddate="1767225600000")
    router.post(f"{CONTACTS}/search").respond(200, json={"total": 1, "results": [found]})

    pages = list(crm(router).changes("contacts", _cursor(at=1)))

    assert [row.ref for page in pages for row in page.rows] == [ref("7")]


def test_a_search_without_a_total_is_a_broken_protocol(router: respx.MockRouter) -> None:
    _describe(router)
    router.post(f"{CONTACTS}/search").respond(200, json={"results": []})

    with pytest.raises(BrokenProtocol):
        list(crm(router).changes("contacts", _cursor(at=1)))


def test_consent_is_no_field_to_write_where_the_scope_is_missing(router: respx.MockRouter) -> None:
    _describe(router, consent=403)

    contacts = crm(router).objects()[0]

    assert not contacts.fields["hs_email_optout"].writable
    assert contacts.fields["hs_email_optout"].consent


def test_an_access_token_is_got_by_refresh_token_once_and_used_until_it_runs_out(router: respx.MockRouter) -> None:
    grant = {"access_token": "short-lived", "refresh_token": "refresh-1", "expires_in": 1800}
    token = router.post("https://api.hubapi.com/oauth/v3/token").respond(200, json=grant)
    account = router.get("https://api.hubapi.com/account-info/v3/details").respond(200, json={"portalId": 1})
    router.get(url__startswith="https://api.hubapi.com/crm/v3/objects/").respond(200, json={"results": []})
    oauth = {"token": None, "client_id": "app-1", "client_secret": "hush", "refresh_token": "refresh-1"}

    crm(router, **oauth).check()

    asked = parse_qs(token.calls.last.request.content.decode())
    assert token.call_count == 1
    assert (asked["grant_type"], asked["refresh_token"]) == (["refresh_token"], ["refresh-1"])
    assert account.calls.last.request.headers["authorization"] == "Bearer short-lived"


def test_a_missing_scope_pauses_the_app(router: respx.MockRouter) -> None:
    router.get("https://api.hubapi.com/account-info/v3/details").respond(200, json={"portalId": 1})
    router.get(url__startswith=CONTACTS).mock(return_value=refusal(403, category="MISSING_SCOPES", message="No scope."))

    with pytest.raises(Unauthorised):
        crm(router).check()


def test_the_budgets_in_the_headers_are_read() -> None:
    headers = {
        "x-hubspot-ratelimit-max": "100",
        "x-hubspot-ratelimit-remaining": "7",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
        "x-hubspot-ratelimit-daily": "250000",
        "x-hubspot-ratelimit-daily-remaining": "1000",
    }

    assert list(rates(headers)) == [Left(7, 10.0, limit=100), Left(1000, 86_400.0, limit=250_000)]
    assert list(rates({"x-hubspot-ratelimit-max": "many"})) == []


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"client_id": "app-1"},
        {"token": "pat-1", "client_id": "app-1", "client_secret": "x", "refresh_token": "y"},
        {"token": "pat-1", "search_overlap": 5},
        {"token": "pat-1", "colour": "red"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HubSpotSettings(**settings)


def test_no_secret_shows_in_the_settings() -> None:
    shown = repr(HubSpotSettings(token="pat-hush", app_secret="hush"))

    assert "hush" not in shown


def _cursor(**place: int) -> Any:
    return json.dumps(place)


def _describe(router: respx.MockRouter, *, consent: int = 200) -> None:
    """An account with a few properties."""
    listed = [
        {"name": "email", "label": "Email", "type": "string", "fieldType": "text"},
        {"name": "hs_email_optout", "label": "Opted out", "type": "bool", "fieldType": "booleancheckbox"},
    ]
    router.get(url__startswith="https://api.hubapi.com/crm/v3/properties/").respond(200, json={"results": listed})
    router.get("https://api.hubapi.com/communication-preferences/v3/definitions").respond(
        consent, json={"subscriptionDefinitions": []}
    )
