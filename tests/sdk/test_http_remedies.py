"""Every way in which a call can fail, and the remedy it becomes: one table for reading, one for writing."""

from __future__ import annotations

import inspect
import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import (
    BrokenProtocol,
    ConnectorError,
    InDoubt,
    Rejected,
    Throttled,
    Transient,
    Unauthorised,
    Unavailable,
)
from syncd.sdk.verdicts import EXCEPTIONS, error, remedy_of_status, retry_after
from tests.sdk.ground import BASE, Ground

REMEDY = remedy_of_status(422, {})
UNSENT = (Transient, Transient)
LOST = (Unavailable, InDoubt)
GARBLED = (BrokenProtocol, InDoubt)
OURS = (BrokenProtocol, BrokenProtocol)
REFUSED = (Rejected, Rejected)
DENIED = (Unauthorised, Unauthorised)
BUSY = (Throttled, Throttled)

STATUSES = [
    (300, GARBLED),
    (301, OURS),
    (302, GARBLED),
    (303, GARBLED),
    (304, GARBLED),
    (307, OURS),
    (308, OURS),
    (400, REFUSED),
    (401, DENIED),
    (402, DENIED),
    (403, DENIED),
    (404, REFUSED),
    (405, OURS),
    (406, OURS),
    (407, DENIED),
    (408, LOST),
    (409, REFUSED),
    (410, REFUSED),
    (412, REFUSED),
    (413, REFUSED),
    (415, OURS),
    (418, REFUSED),
    (422, REFUSED),
    (423, BUSY),
    (425, BUSY),
    (429, BUSY),
    (500, LOST),
    (501, LOST),
    (502, LOST),
    (503, LOST),
    (504, LOST),
    (524, LOST),
]

EXCHANGES = [
    (httpx.ConnectError, UNSENT),
    (httpx.ConnectTimeout, UNSENT),
    (httpx.PoolTimeout, UNSENT),
    (httpx.ProxyError, UNSENT),
    (httpx.ReadTimeout, LOST),
    (httpx.WriteTimeout, LOST),
    (httpx.ReadError, LOST),
    (httpx.WriteError, LOST),
    (httpx.CloseError, LOST),
    (httpx.RemoteProtocolError, LOST),
    (httpx.DecodingError, GARBLED),
    (httpx.LocalProtocolError, OURS),
    (httpx.UnsupportedProtocol, OURS),
]


def failure(ground: Ground, method: str) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        ground.http.call(method, "/contacts")
    return caught.value


@pytest.mark.parametrize(("status", "remedies"), STATUSES)
def test_a_status_becomes_its_remedy(status: int, remedies: tuple[type[ConnectorError], type[ConnectorError]]) -> None:
    ground = Ground()
    ground.router.route(url=f"{BASE}/contacts").respond(status, json={})
    reading, writing = remedies
    assert type(failure(ground, "GET")) is reading
    assert type(failure(ground, "POST")) is writing


@pytest.mark.parametrize(("exception", "remedies"), EXCHANGES)
def test_a_broken_exchange_becomes_its_remedy(
    exception: type[httpx.RequestError], remedies: tuple[type[ConnectorError], type[ConnectorError]]
) -> None:
    ground = Ground()
    ground.router.route(url=f"{BASE}/contacts").mock(side_effect=exception("broken"))
    reading, writing = remedies
    assert type(failure(ground, "GET")) is reading
    assert type(failure(ground, "PATCH")) is writing


def test_every_exception_of_httpx_has_a_row() -> None:
    raised = {kind for kind in vars(httpx).values() if inspect.isclass(kind) and issubclass(kind, Exception)}
    assert raised - EXCEPTIONS.keys() == set()


def test_no_failure_after_sending_is_ever_taken_for_unapplied_when_writing() -> None:
    never_sent = {kind for kind, remedy in EXCEPTIONS.items() if issubclass(remedy.writing, Transient)}
    assert never_sent == {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError}


@pytest.mark.parametrize(("method", "remedy"), [("GET", Throttled), ("POST", InDoubt)])
def test_a_503_that_asks_for_patience_lets_a_read_wait_but_proves_nothing_of_a_write(
    method: str, remedy: type[ConnectorError]
) -> None:
    ground = Ground()
    ground.router.route(url=f"{BASE}/contacts").respond(503, headers={"Retry-After": "300"})
    assert type(failure(ground, method)) is remedy
    assert ground.gate.wait() == pytest.approx(300)


@pytest.mark.parametrize("status", [403, 409, 477])
def test_a_refusal_that_asks_for_patience_is_no_last_word(status: int) -> None:
    ground = Ground()
    ground.router.route(url=f"{BASE}/contacts").respond(status, headers={"Retry-After": "3600"})
    refused = failure(ground, "POST")
    assert isinstance(refused, Throttled)
    assert refused.retry_after == 3600


@pytest.mark.parametrize("body", ["<html>Sign in</html>", '{"cut": ', "NaN", b"\xff\xfe{}", "[" * 100_000])
@pytest.mark.parametrize(("method", "remedy"), [("GET", BrokenProtocol), ("POST", InDoubt)])
def test_a_success_that_is_not_json_is_not_believed(
    method: str, remedy: type[ConnectorError], body: str | bytes
) -> None:
    ground = Ground()
    ground.router.route(url=f"{BASE}/contacts").respond(200, content=body)
    assert type(failure(ground, method)) is remedy


def test_a_post_that_only_reads_fails_as_a_read() -> None:
    ground = Ground()
    ground.router.post(f"{BASE}/contacts/search").respond(500)
    with pytest.raises(Unavailable):
        ground.http.call("POST", "/contacts/search", json={}, writes=False)


def test_an_expected_status_is_an_answer_whatever_its_body() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts/7").respond(404, text="<html>gone</html>")
    answer = ground.http.call("GET", "/contacts/7", expect={404})
    assert (answer.status, answer.json, answer.text) == (404, None, "<html>gone</html>")


@pytest.mark.parametrize(
    ("body", "words", "field"),
    [
        ({"message": "Property is not writable"}, "Property is not writable", None),
        ({"title": "Invalid Resource", "detail": "Looks fake"}, "Looks fake", None),
        ({"error": {"message": "bad filter"}}, "bad filter", None),
        ({"error": "invalid_grant", "error_description": "expired"}, "expired", None),
        (
            {"detail": "Validation failed", "errors": [{"field": "FNAME", "message": "too long"}]},
            "Validation failed: too long",
            "FNAME",
        ),
        ({"errors": [{"message": "Member exists", "property": "email"}]}, "Member exists", "email"),
        ({"errors": []}, "answered 422", None),
        ("plainly no", "plainly no", None),
        (["odd"], "answered 422", None),
    ],
)
def test_a_refusal_carries_the_apps_own_words(body: object, words: str, field: str | None) -> None:
    ground = Ground()
    ground.router.post(f"{BASE}/contacts").respond(422, json=body)
    refused = failure(ground, "POST")
    assert isinstance(refused, Rejected)
    assert refused.message.endswith(words)
    assert (refused.field, refused.code) == (field, "422")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["errors", "error", "message", "detail", "field", "title"]), inner, max_size=4
        )
    ),
)


@given(body=JSON, plea=st.text(max_size=40))
def test_no_error_body_and_no_plea_however_odd_gets_in_the_way_of_the_remedy(body: object, plea: str) -> None:
    refusal = error(REMEDY, "crm: POST /contacts answered 422", writes=True, status=422, body=body)
    assert isinstance(refusal, Rejected)
    assert refusal.message.startswith("crm: POST /contacts answered 422")
    wait = retry_after({"retry-after": plea}, 0.0)
    assert wait is None or 0.0 <= wait <= 86_400.0


def test_the_apps_words_come_as_one_bounded_line() -> None:
    ground = Ground()
    ground.router.post(f"{BASE}/contacts").respond(400, json={"message": "a\r\n\x1b[31mb" + "x" * 9_000})
    message = failure(ground, "POST").message
    assert re.search(r"[\x00-\x1f]", message) is None
    assert len(message) < 600


def test_an_error_names_app_method_and_path_but_not_the_query() -> None:
    ground = Ground()
    ground.router.get(url__startswith=f"{BASE}/contacts").respond(400, json={})
    with pytest.raises(Rejected) as caught:
        ground.http.call("GET", "/contacts?email=ada@example.com", params={"phone": "5550100"})
    assert caught.value.message == "crm: GET /contacts answered 400"


@pytest.mark.parametrize("value", ["half a pair \ud83d", float("nan")])
def test_a_value_that_cannot_be_sent_parks_its_record(value: object) -> None:
    ground = Ground()
    route = ground.router.post(f"{BASE}/contacts").respond(200)
    with pytest.raises(Rejected, match="cannot be put into a request"):
        ground.http.call("POST", "/contacts", json={"name": value})
    assert route.call_count == 0


@pytest.mark.parametrize("path", ["/contacts/..", "/contacts/../lists", "/contacts/./7", "/contacts/..?a=1", "/a\nb"])
def test_an_id_that_would_lead_elsewhere_is_not_sent(path: str) -> None:
    ground = Ground()
    route = ground.router.route().respond(200)
    with pytest.raises(Rejected):
        ground.http.call("DELETE", path)
    assert route.call_count == 0
