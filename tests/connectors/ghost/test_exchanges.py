"""Single exchanges that no twin shows: what an odd answer may be taken for, and what it must never be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest
import respx
import structlog
from pydantic import SecretStr

from syncd.core.record import Create, Delete, Outcome, Ref, Stored, Unknown, Update
from syncd.errors import BrokenProtocol, Rejected, Unauthorised, Unavailable
from syncd.sdk.contract import Tools
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.testing.clock import TurnedClock
from syncd.testing.conformance import MemoryVault
from syncd_connectors.ghost import Ghost, GhostSettings
from syncd_connectors.ghost.twin import ADMIN_KEY

SITE = "https://example.com/blog"
API = f"{SITE}/ghost/api/admin"
REF = Ref("news", "members", "0123456789abcdef01234567")
NEWSLETTERS = {
    "newsletters": [{"id": "a" * 24, "slug": "weekly", "name": "Weekly", "status": "active"}],
    "meta": {"pagination": {"page": 1, "total": 1, "next": None}},
}
NOTHING = {"members": [], "meta": {"pagination": {"page": 1, "total": 0, "next": None}}}
STARTING = httpx.Response(503, html="<!DOCTYPE html><title>We'll be right back.</title>")
ELSEWHERE = httpx.Response(404, html="<!DOCTYPE html><title>Not found</title>")
NO_ROUTE = httpx.Response(
    404, json={"errors": [{"type": "NotFoundError", "message": "Resource not found", "context": None}]}
)


def member(**said: Any) -> dict[str, Any]:
    return {
        "id": REF.id,
        "uuid": "u",
        "email": "ann@example.com",
        "name": None,
        "note": None,
        "geolocation": None,
        "subscribed": False,
        "newsletters": [],
        "labels": [],
        "email_suppression": {"suppressed": False},
        "status": "free",
        "comped": False,
        "email_count": 0,
        "email_opened_count": 0,
        "email_open_rate": None,
        **dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00.000Z"),
        "last_seen_at": None,
        **said,
    }


@contextmanager
def opened(webhook_secret: SecretStr | None = None) -> Iterator[Ghost]:
    clock, log = TurnedClock(), structlog.get_logger()
    http = Http(open_client(), app="news", clock=clock, gate=Gate(clock=clock), log=log)
    settings = GhostSettings(base_url=SITE, admin_key=SecretStr(ADMIN_KEY), webhook_secret=webhook_secret)
    with closing(Ghost(settings, Tools("news", http, clock, log, MemoryVault()))) as made:
        yield made


@pytest.fixture
def ghost() -> Iterator[Ghost]:
    with opened() as made:
        yield made


@pytest.fixture
def site() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=API, assert_all_called=False) as router:
        router.get("/newsletters/").respond(json=NEWSLETTERS)
        yield router


def only(ghost: Ghost, write: Create | Update | Delete) -> Outcome:
    (outcome,) = ghost.write([write])
    return outcome


def test_a_site_that_is_starting_is_unavailable(ghost: Ghost, site: respx.MockRouter) -> None:
    site.get("/members/").mock(return_value=STARTING)
    with pytest.raises(Unavailable):
        ghost.read([REF])
    with pytest.raises(Unavailable):
        list(ghost.changes("members", None))


def test_a_write_to_a_site_that_is_starting_is_in_doubt(ghost: Ghost, site: respx.MockRouter) -> None:
    site.post("/members/").mock(return_value=STARTING)
    assert isinstance(only(ghost, Create("news", "members", {"email": "ann@example.com"}, "k")), Unknown)


@pytest.mark.parametrize("answer", [ELSEWHERE, NO_ROUTE])
def test_a_404_that_is_not_about_the_member_is_no_evidence(
    ghost: Ghost, site: respx.MockRouter, answer: httpx.Response
) -> None:
    site.get("/members/").respond(json=NOTHING)
    site.route(path__regex=rf"/members/{REF.id}/$").mock(return_value=answer)
    with pytest.raises(BrokenProtocol):
        ghost.read([REF])
    with pytest.raises(BrokenProtocol):
        ghost.write([Update(REF, {"name": "Ann"}, "k")])
    with pytest.raises(BrokenProtocol):
        ghost.write([Delete(REF, "k")])


def test_a_write_that_was_taken_and_answered_oddly_is_in_doubt(ghost: Ghost, site: respx.MockRouter) -> None:
    odd: list[object] = [{}, {"members": []}, {"members": [{"id": REF.id}]}, {"members": [member(updated_at="soon")]}]
    for body in odd:
        site.put(f"/members/{REF.id}/").respond(json=body)
        assert isinstance(only(ghost, Update(REF, {"name": "Ann"}, "k")), Unknown)


def test_a_lost_answer_leaves_the_write_in_doubt(ghost: Ghost, site: respx.MockRouter) -> None:
    route = site.post("/members/").mock(side_effect=httpx.ReadTimeout)
    assert isinstance(only(ghost, Create("news", "members", {"email": "ann@example.com"}, "k")), Unknown)
    assert route.call_count == 1


def test_a_write_makes_no_further_call_to_learn_of_a_new_newsletter(ghost: Ghost, site: respx.MockRouter) -> None:
    new = {"id": "b" * 24, "name": "New", "description": None, "status": "active"}
    site.put(f"/members/{REF.id}/").respond(json={"members": [member(newsletters=[new], subscribed=True)]})
    outcome = only(ghost, Update(REF, {"name": "Ann"}, "k"))
    assert outcome == Stored("k", REF, None)
    assert not site.get("/newsletters/").called


def test_a_refusal_without_a_reason_stops_the_app(ghost: Ghost, site: respx.MockRouter) -> None:
    site.put(f"/members/{REF.id}/").respond(422, json={"message": "no"})
    with pytest.raises(BrokenProtocol):
        ghost.write([Update(REF, {"name": "Ann"}, "k")])


def test_a_listing_of_another_shape_stops_the_app(ghost: Ghost, site: respx.MockRouter) -> None:
    bodies: list[object] = [
        {"people": []},
        {"members": []},
        {"members": [{"id": REF.id}], "meta": {"pagination": {"page": 1, "total": 1, "next": None}}},
    ]
    site.get("/members/events/").respond(json={**NOTHING, "events": []})
    for body in bodies:
        site.get("/members/").respond(json=body)
        with pytest.raises(BrokenProtocol):
            list(ghost.changes("members", None))


def test_events_of_another_shape_stop_the_app(ghost: Ghost, site: respx.MockRouter) -> None:
    site.get("/members/").respond(json=NOTHING)
    bodies: list[object] = [{"events": [{"type": "newsletter_event"}]}, {"events": [{"data": {"member_id": REF.id}}]}]
    for body in bodies:
        site.get("/members/events/").respond(json=body)
        with pytest.raises(BrokenProtocol):
            list(ghost.changes("members", None))


@pytest.mark.parametrize("version", ["4.48", "", "next"])
def test_a_site_that_is_too_old_does_not_pass_the_check(ghost: Ghost, site: respx.MockRouter, version: str) -> None:
    site.get("/site/").respond(json={"site": {"version": version}})
    with pytest.raises(BrokenProtocol, match="too old"):
        ghost.check()


def test_a_request_carries_a_token_and_the_version_it_speaks(ghost: Ghost, site: respx.MockRouter) -> None:
    route = site.get("/members/").respond(json={**NOTHING, "members": [member()]})
    ghost.read([REF])
    headers = route.calls.last.request.headers
    assert headers["authorization"].startswith("Ghost ")
    assert headers["accept-version"] == "v6.0"


def refused(context: str) -> httpx.Response:
    return httpx.Response(422, json={"errors": [{"type": "ValidationError", "context": context, "property": None}]})


def test_webhooks_that_are_registered_already_are_left_alone(site: respx.MockRouter) -> None:
    route = site.post("/webhooks/").mock(return_value=refused("Target URL has already been used for this event."))
    with opened(webhook_secret=SecretStr("s" * 24)) as ghost:
        ghost.subscribe("https://sync.example.com/hooks/news")
    assert route.call_count == 3


def test_a_webhook_that_ghost_refuses_otherwise_is_told(site: respx.MockRouter) -> None:
    site.post("/webhooks/").mock(return_value=refused("Validation failed for target_url."))
    with opened(webhook_secret=SecretStr("s" * 24)) as ghost, pytest.raises(Rejected, match="target_url"):
        ghost.subscribe("https://sync.example.com/hooks/news")


def test_webhooks_without_a_secret_are_not_asked_for(ghost: Ghost, site: respx.MockRouter) -> None:
    with pytest.raises(Unauthorised):
        ghost.subscribe("https://sync.example.com/hooks/news")
    assert not site.calls


@pytest.mark.parametrize("odd", ["soon", None, 5, "2026-01-01T00:00:00"])
def test_a_listing_that_shows_no_time_where_one_belongs_is_not_understood(
    ghost: Ghost, site: respx.MockRouter, odd: object
) -> None:
    site.get("/members/").respond(json={**NOTHING, "members": [member(updated_at=odd)]})
    site.get("/members/events/").respond(json={"events": []})
    with pytest.raises(BrokenProtocol, match="where a time was expected"):
        list(ghost.changes("members", None))
