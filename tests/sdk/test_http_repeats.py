"""What the client repeats by itself: only what was not applied, or cannot be."""

from __future__ import annotations

from email.utils import formatdate

import httpx
import pytest

from syncd.errors import ConnectorError, InDoubt, Rejected, Throttled, Transient, Unavailable
from syncd.sdk import Left, Quota
from syncd.sdk.http import Limits
from tests.sdk.ground import BASE, Ground

FINE = httpx.Response(200, json={"ok": True})


@pytest.mark.parametrize("trouble", [httpx.ConnectError("no route"), httpx.ConnectTimeout("late"), httpx.Response(429)])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_was_not_applied_is_repeated_whatever_the_method(
    method: str, trouble: httpx.Response | httpx.TransportError
) -> None:
    ground = Ground()
    route = ground.router.route(url=f"{BASE}/contacts").mock(side_effect=[trouble, trouble, FINE])
    assert ground.http.call(method, "/contacts").json == {"ok": True}
    assert route.call_count == 3


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout("slow"), httpx.ReadError("reset"), httpx.Response(502)])
def test_a_read_without_an_answer_is_repeated(trouble: httpx.Response | httpx.TransportError) -> None:
    ground = Ground()
    route = ground.router.get(f"{BASE}/contacts").mock(side_effect=[trouble, FINE])
    assert ground.http.call("GET", "/contacts").json == {"ok": True}
    assert route.call_count == 2


@pytest.mark.parametrize(
    "trouble",
    [httpx.ReadTimeout("slow"), httpx.WriteError("reset"), httpx.RemoteProtocolError("cut"), httpx.Response(503)],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_whose_outcome_is_unknown_is_never_repeated(
    method: str, trouble: httpx.Response | httpx.TransportError
) -> None:
    ground = Ground()
    route = ground.router.route(url=f"{BASE}/contacts").mock(side_effect=[trouble, FINE])
    with pytest.raises(InDoubt):
        ground.http.call(method, "/contacts")
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("trouble", "remedy", "tries"),
    [
        (httpx.ConnectError("no route"), Transient, 3),
        (httpx.Response(429), Throttled, 3),
        (httpx.Response(500), Unavailable, 3),
        (httpx.Response(400), Rejected, 1),
    ],
)
def test_three_tries_are_enough_and_a_refusal_is_final(
    trouble: httpx.Response | httpx.TransportError, remedy: type[ConnectorError], tries: int
) -> None:
    ground = Ground()
    route = ground.router.get(f"{BASE}/contacts").mock(side_effect=[trouble] * 5)
    with pytest.raises(remedy):
        ground.http.call("GET", "/contacts")
    assert route.call_count == tries


def test_waits_between_tries_grow_and_are_spread() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts").respond(500)
    with pytest.raises(Unavailable):
        ground.http.call("GET", "/contacts")
    first, second = ground.clock.slept
    assert 0.5 <= first <= 1.0
    assert 1.0 <= second <= 2.0


def test_retry_after_is_waited_out_before_the_next_try() -> None:
    ground = Ground()
    came: list[float] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        came.append(ground.clock.now())
        return httpx.Response(429, headers={"Retry-After": "7"}) if len(came) == 1 else FINE

    ground.router.post(f"{BASE}/contacts").mock(side_effect=answer)
    ground.http.call("POST", "/contacts")
    assert 7.0 <= came[1] - came[0] < 8.0


def test_a_long_retry_after_is_handed_on_not_waited_for() -> None:
    ground = Ground()
    route = ground.router.get(f"{BASE}/contacts").respond(429, headers={"Retry-After": "31"})
    with pytest.raises(Throttled) as caught:
        ground.http.call("GET", "/contacts")
    assert (caught.value.retry_after, route.call_count, ground.clock.slept) == (31.0, 1, [])


def test_all_waiting_of_one_call_stays_within_its_patience() -> None:
    ground = Ground(limits=Limits(tries=99))
    ground.router.get(f"{BASE}/contacts").respond(429, headers={"Retry-After": "8"})
    with pytest.raises(Throttled):
        ground.http.call("GET", "/contacts")
    assert 24 <= sum(ground.clock.slept) <= 30


def test_a_429_holds_back_every_other_call_of_the_app() -> None:
    ground = Ground()
    ground.router.get(f"{BASE}/contacts").respond(429, headers={"Retry-After": "3600"})
    other = ground.router.get(f"{BASE}/deals").respond(200)
    with pytest.raises(Throttled):
        ground.http.call("GET", "/contacts")
    with pytest.raises(Throttled) as caught:
        ground.http.call("GET", "/deals")
    assert other.call_count == 0
    assert caught.value.retry_after == pytest.approx(3600)


def test_a_429_of_one_bucket_holds_back_that_bucket_only() -> None:
    ground = Ground()
    ground.router.post(f"{BASE}/search").respond(429, headers={"Retry-After": "3600"})
    ground.router.get(f"{BASE}/contacts").respond(200)
    with pytest.raises(Throttled):
        ground.http.call("POST", "/search", writes=False, bucket="search")
    assert ground.http.call("GET", "/contacts").status == 200


@pytest.mark.parametrize(
    ("plea", "seconds"),
    [
        ("12", 12.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_read_with_care(plea: str, seconds: float | None) -> None:
    ground = Ground(limits=Limits(tries=1))
    ground.router.get(f"{BASE}/contacts").respond(429, headers={"Retry-After": plea})
    with pytest.raises(Throttled) as caught:
        ground.http.call("GET", "/contacts")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("skew", [0.0, 3_000.0, -3_000.0])
def test_a_retry_after_date_is_taken_against_the_apps_own_clock(skew: float) -> None:
    ground = Ground(limits=Limits(tries=1))
    theirs = ground.clock.now() + skew
    dates = {"Retry-After": formatdate(theirs + 90, usegmt=True), "Date": formatdate(theirs, usegmt=True)}
    ground.router.get(f"{BASE}/contacts").respond(429, headers=dates)
    with pytest.raises(Throttled) as caught:
        ground.http.call("GET", "/contacts")
    assert caught.value.retry_after == 90.0


def test_a_retry_after_date_without_a_date_is_taken_against_ours() -> None:
    ground = Ground(limits=Limits(tries=1))
    ground.router.get(f"{BASE}/contacts").respond(
        429, headers={"Retry-After": formatdate(ground.clock.now() + 45, usegmt=True)}
    )
    with pytest.raises(Throttled) as caught:
        ground.http.call("GET", "/contacts")
    assert caught.value.retry_after == 45.0


def test_the_vendors_own_numbers_reach_the_limiter() -> None:
    ground = Ground(quotas=[Quota(100, 10)])
    ground.router.get(f"{BASE}/contacts").respond(200, headers={"X-Left": "0"})
    view = ground.http.at(BASE, rates=lambda headers: [Left(int(headers["x-left"]), 10)])
    assert ground.gate.wait() == 0
    view.call("GET", "/contacts")
    assert ground.gate.wait() == pytest.approx(10.4)
