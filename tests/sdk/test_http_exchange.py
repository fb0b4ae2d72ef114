"""One exchange: what goes out, what comes back, and the bounds on it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from syncd.errors import BrokenProtocol, InDoubt, Unavailable
from syncd.sdk import Bearer
from syncd.sdk.http import Limits, open_client
from tests.sdk.ground import BASE, Ground


def test_an_answer_has_status_lower_case_headers_and_json() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts").respond(200, json={"results": []}, headers={"X-Trace": "7"})
    answer = ground.http.call("GET", "/contacts")
    assert (answer.status, answer.json, answer.headers["x-trace"]) == (200, {"results": []}, "7")


def test_no_body_is_no_json() -> None:
    ground = Ground()
    ground.router.delete(f"{BASE}/contacts/7").respond(204)
    assert ground.http.call("DELETE", "/contacts/7").json is None


def test_the_repr_of_an_answer_shows_no_personal_data() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts").respond(200, json={"email": "ada@example.com"})
    assert repr(ground.http.call("GET", "/contacts")) == "Answer(status=200)"


def test_whole_numbers_keep_every_digit() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts").respond(200, content=b'{"id": 123456789012345678901234567890}')
    assert ground.http.call("GET", "/contacts").json == {"id": 123456789012345678901234567890}


def test_half_a_surrogate_pair_is_replaced_and_whole_pairs_are_kept() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts").respond(200, content=rb'{"name": "Ada \ud83d", "mood": "\ud83d\ude00"}')
    assert ground.http.call("GET", "/contacts").json == {"name": "Ada \ufffd", "mood": "\U0001f600"}


def test_a_character_that_no_database_takes_is_replaced_wherever_it_stands() -> None:
    ground = Ground()
    content = rb'{"a\u0000": ["b\u0000c", {"d": "\\u0000"}, 1, null]}'
    ground.router.get(f"{BASE}/contacts").respond(200, content=content)
    assert ground.http.call("GET", "/contacts").json == {"a\ufffd": ["b\ufffdc", {"d": "\\u0000"}, 1, None]}
    ground.router.get(f"{BASE}/card").respond(200, content=b"FN:Ada\x00")
    assert ground.http.call("GET", "/card", text=True).text == "FN:Ada\ufffd"


def test_parameters_join_those_in_the_path_and_none_is_left_out() -> None:
    ground = Ground()
    route = ground.router.get(url__startswith=f"{BASE}/contacts").respond(200)
    ground.http.call("GET", "contacts?archived=true", params={"limit": 100, "after": None, "id": ["1", "2"]})
    sent = parse_qs(route.calls.last.request.url.query.decode())
    assert sent == {"archived": ["true"], "limit": ["100"], "id": ["1", "2"]}


def test_json_and_forms_are_sent_as_such() -> None:
    ground = Ground()
    route = ground.router.post(f"{BASE}/contacts").respond(200)
    ground.http.call("POST", "/contacts", json={"name": "Zoë"})
    assert route.calls.last.request.content == '{"name":"Zoë"}'.encode()
    ground.http.call("POST", "/contacts", form={"name": "Zoë"})
    assert route.calls.last.request.content == b"name=Zo%C3%AB"


def test_headers_of_the_view_and_of_the_call_both_go_out() -> None:
    ground = Ground()
    route = ground.router.get("https://other.test/x").respond(200)
    view = ground.http.at("https://other.test", auth=Bearer(SecretStr("token-of-view")), headers={"X-View": "1"})
    view.call("GET", "/x", headers={"X-Call": "2"})
    sent = route.calls.last.request.headers
    assert (sent["x-view"], sent["x-call"], sent["authorization"]) == ("1", "2", "Bearer token-of-view")


def test_a_link_of_the_same_origin_is_followed_and_a_foreign_one_is_not() -> None:
    ground = Ground()
    ground.router.get("https://api.crm.test/other?after=2").respond(200, json=[])
    foreign = ground.router.get(host="evil.test").respond(200, json=[])
    assert ground.http.call("GET", "https://api.crm.test/other?after=2").json == []
    for link in (
        "https://evil.test/",
        "http://api.crm.test/",
        "https://api.crm.test:8443/",
        "https://api.crm.test@evil.test/",
    ):
        with pytest.raises(BrokenProtocol):
            ground.http.call("GET", link)
    assert foreign.call_count == 0


def test_a_redirect_is_never_followed() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts").respond(308, headers={"Location": "https://evil.test/"})
    foreign = ground.router.get("https://evil.test/").respond(200)
    with pytest.raises(BrokenProtocol):
        ground.http.call("GET", "/contacts")
    assert foreign.call_count == 0


def test_cookies_are_not_kept() -> None:
    ground = Ground()
    route = ground.router.get(f"{BASE}/contacts").respond(200, headers={"Set-Cookie": "session=1; Path=/"})
    ground.http.call("GET", "/contacts")
    ground.http.call("GET", "/contacts")
    assert "cookie" not in route.calls.last.request.headers


@pytest.mark.parametrize(("method", "remedy"), [("GET", BrokenProtocol), ("POST", InDoubt)])
def test_an_answer_that_unpacks_to_more_than_the_cap_is_dropped(method: str, remedy: type[Exception]) -> None:
    ground = Ground(limits=Limits(body=1_000))
    packed = gzip.compress(b'"' + b"a" * 100_000 + b'"')
    assert len(packed) < 1_000
    ground.router.route(url=f"{BASE}/contacts").respond(200, content=packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(remedy, match="more than 1000 bytes"):
        ground.http.call(method, "/contacts")


def test_an_answer_of_just_the_cap_is_read() -> None:
    ground = Ground(limits=Limits(body=1_000))
    ground.router.get(f"{BASE}/contacts").respond(200, content=b'"' + b"a" * 998 + b'"')
    assert ground.http.call("GET", "/contacts").json == "a" * 998


def test_the_usual_cap_is_sixteen_mebibytes() -> None:
    assert Limits().body == 16 * 1024 * 1024


class Dripping(httpx.SyncByteStream):
    """A body of which a byte comes every ten seconds, for ever."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.ground.clock.turn(10)
            self.sent += 1
            yield b" "


@pytest.mark.parametrize(
    ("method", "timeout", "remedy", "bytes_read"), [("GET", None, Unavailable, 4), ("POST", 95.0, InDoubt, 10)]
)
def test_a_dripping_answer_ends_with_the_total_timeout(
    method: str, timeout: float | None, remedy: type[Exception], bytes_read: int
) -> None:
    ground = Ground(limits=Limits(tries=1))
    stream = Dripping(ground)
    http = ground.over(httpx.MockTransport(lambda _: httpx.Response(200, stream=stream)))
    with pytest.raises(remedy, match="took longer"):
        http.call(method, "/contacts", timeout=timeout)
    assert stream.sent == bytes_read


def test_every_exchange_has_connect_and_read_timeouts() -> None:
    ground = Ground()
    route = ground.router.get(f"{BASE}/contacts").respond(200)
    ground.http.call("GET", "/contacts")
    assert route.calls.last.request.extensions["timeout"] == {"connect": 5.0, "read": 30.0, "write": 30.0, "pool": 30.0}
    ground.http.call("GET", "/contacts", timeout=2)
    assert route.calls.last.request.extensions["timeout"] == {"connect": 2.0, "read": 2, "write": 2, "pool": 2}


def test_a_closed_client_closes_for_every_view() -> None:
    client = open_client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    ground = Ground()
    ground.http.at("https://other.test").close()
    with pytest.raises(RuntimeError):
        ground.http.call("GET", "/contacts")
    client.close()


def test_each_exchange_leaves_one_line_without_query_or_values() -> None:
    ground = Ground()
    ground.router.get(url__startswith=f"{BASE}/contacts").respond(200, json={"email": "ada@example.com"})
    ground.http.call("GET", "/contacts", params={"email": "ada@example.com"})
    (line,) = ground.notebook.lines
    assert (line["event"], line["app"], line["call"], line["status"]) == ("called", "crm", "crm: GET /contacts", 200)
    assert "ada" not in repr(line)


def test_dots_are_harmless_within_an_id_or_a_query() -> None:
    ground = Ground()
    route = ground.router.get(url__startswith=f"{BASE}/contacts").respond(200)
    ground.http.call("GET", "/contacts/ada..l@example.com/v1.2?path=a/../b")
    assert route.calls.last.request.url.path == "/v3/contacts/ada..l@example.com/v1.2"
