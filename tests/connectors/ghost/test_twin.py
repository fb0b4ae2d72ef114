"""The twin beyond its routes: the same people as other twins know, who did what, and its faults."""

from __future__ import annotations

import json

import httpx
import pytest

from syncd.testing.clock import TurnedClock
from syncd.testing.population import person
from syncd.testing.twin import Faults, Setup
from syncd_connectors.ghost.token import token
from syncd_connectors.ghost.twin import ADMIN_KEY, GhostTwin
from tests.connectors.ghost.world import twin_world


def twin(**setup: float) -> GhostTwin:
    return GhostTwin(Setup(clock=TurnedClock(), **setup))  # type: ignore[arg-type]


def test_the_people_of_a_seed_live_here() -> None:
    site = twin(seed=7, records=50, start=10)
    expected = {p.email: (f"{p.first} {p.last}", not p.opted_out) for p in (person(7, n) for n in range(10, 60))}
    assert {r["email"]: (r["name"], r["subscribed"]) for r in site.records("members").values()} == expected


def test_some_are_kept_sloppily() -> None:
    tidy, dirty = (twin(records=50, dirty=share).records("members").values() for share in (0.0, 1.0))
    emails = {record["email"] for record in tidy}
    assert all(r["email"] not in emails or not r["name"] for r in dirty)


def test_the_same_seed_tells_the_same_story() -> None:
    assert twin(records=30).records("members") == twin(records=30).records("members")


def test_later_ids_are_greater() -> None:
    site = twin(records=3)
    site.clock.sleep(90)
    before, made = set(site.records("members")), site.person_create("members", {"email": "new@example.com"})
    assert made > max(before)


def test_the_journal_tells_people_from_the_api() -> None:
    with twin_world() as (world, site):
        id_ = world.make(name="Ann", subscribed=True)
        site.person_edit("members", id_, {"name": "Anna"})
        site.person_opt_out("members", id_)
        site.person_delete("members", id_)
        told = [(e.author, e.field, e.value) for e in site.journal.entries if e.id == id_]
    assert ("api", "name", "Ann") in told
    assert told[-5:-1].count(("person", "name", "Anna")) == 1
    assert ("person", "subscribed", False) in told
    assert told[-1] == ("person", "", None)


def test_a_change_that_changes_nothing_is_no_entry() -> None:
    site = twin(records=1)
    (id_,) = site.records("members")
    before = len(site.journal.entries)
    site.person_edit("members", id_, {"name": site.records("members")[id_]["name"]})
    assert len(site.journal.entries) == before


def test_a_person_speaks_of_newsletters_by_slug() -> None:
    site = twin()
    id_ = site.person_create(
        "members", {"email": "ann@example.com", "newsletters": ["product-news"], "labels": ["b", "a"]}
    )
    record = site.records("members")[id_]
    assert (record["newsletters"], record["labels"], record["subscribed"]) == (["product-news"], ["a", "b"], True)


def test_people_may_only_touch_members() -> None:
    site = twin(records=1)
    for act in (site.person_delete, site.person_opt_out):
        with pytest.raises(KeyError):
            act("posts", next(iter(site.records("members"))))
    with pytest.raises(KeyError):
        site.person_delete("members", "no-id")


def test_the_blind_twin_shows_nothing_and_says_200() -> None:
    with twin_world(records=5) as (world, site):
        (first, *_) = site.records("members")
        site.faults = Faults(blind=True)
        assert world.api("GET", "members/")["members"] == []
        answer = world.stranger.get(
            f"/ghost/api/admin/members/{first}/", headers={"Authorization": token(ADMIN_KEY, world.clock.now())}
        )
    assert answer.status_code == 404


def test_a_member_is_listed_with_the_fields_of_a_real_one() -> None:
    # What Ghost 6.65 lists, without avatar, commenting, unsubscribe link and other things that nobody asks for here.
    real = (
        "id uuid email name note geolocation subscribed created_at updated_at labels subscriptions comped email_count "
        "email_opened_count email_open_rate status last_seen_at email_suppression newsletters"
    )
    with twin_world(records=1) as (world, _):
        (row,) = world.api("GET", "members/")["members"]
    assert row.keys() == set(real.split())


def test_a_webhook_without_a_secret_is_not_signed() -> None:
    with twin_world() as (world, site):
        hook = {"event": "member.added", "target_url": "https://sync.example.com/"}
        world.api("POST", "webhooks/", {"webhooks": [hook]})
        world.make()
        (owed,) = site.outbox
    assert "X-Ghost-Signature" not in owed.headers
    assert json.loads(owed.body)["member"]["previous"] == {}


def test_an_unknown_route_is_answered_as_ghost_does() -> None:
    with httpx.Client(transport=twin().transport()) as client:
        answer = client.get("https://blog.example.com/ghost/api/admin/nonsense/")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["context"] is None


def test_a_filter_or_a_body_that_cannot_be_read_is_refused_as_ghost_does() -> None:
    site = twin(records=1)
    headers = {"Authorization": token(ADMIN_KEY, site.clock.now()), "Content-Type": "application/json"}
    with httpx.Client(transport=site.transport(), base_url="https://blog.example.com", headers=headers) as client:
        listed = client.get("/ghost/api/admin/members/", params={"filter": "email:("})
        made = client.post("/ghost/api/admin/members/", content=b"{")
    assert (listed.status_code, made.status_code) == (400, 400)
    assert "cannot list members" in listed.json()["errors"][0]["message"]
    assert "cannot save member" in made.json()["errors"][0]["message"]
    assert len(site.records("members")) == 1
