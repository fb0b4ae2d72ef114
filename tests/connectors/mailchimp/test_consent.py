"""Who may be mailed: syncd never puts anybody on a list by itself, and never back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from syncd.sdk import Create, Refused
from tests.connectors.mailchimp.ground import APP, Ground, ground, stored

NEW = {"email_address": "ada@example.com"}


def sent_bodies(g: Ground) -> list[Any]:
    """Every body that goes to the twin from now on."""
    bodies: list[Any] = []
    plain = g.twin.handle

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method != "GET" and request.content:
            bodies.append(json.loads(request.content))
        return plain(request)

    g.twin.handle = handle  # type: ignore[method-assign]
    return bodies


def test_a_new_member_of_whom_nothing_is_known_is_mailed_by_nobody() -> None:
    assert stored(ground().create(NEW)).fields["status"] == "transactional"


@pytest.mark.parametrize("status", ["subscribed", "pending"])
def test_the_admin_may_choose_another_status_for_new_members(status: str) -> None:
    assert stored(ground(new_members=status).create(NEW)).fields["status"] == status


@pytest.mark.parametrize("status", ["subscribed", "unsubscribed", "pending", "transactional"])
def test_a_status_that_is_known_is_the_one_sent(status: str) -> None:
    assert stored(ground().create({**NEW, "status": status})).fields["status"] == status


def test_many_new_members_get_their_status_like_a_single_one() -> None:
    g = ground()
    creates = [Create(APP, "members", {"email_address": f"p{n}@example.com"}, str(n)) for n in range(5)]
    assert {stored(outcome).fields["status"] for outcome in g.app.write(creates)} == {"transactional"}


def test_subscribed_is_sent_by_no_write_that_does_not_say_so() -> None:
    g = ground(records=6)
    bodies = sent_bodies(g)
    g.app.write([Create(APP, "members", {"email_address": f"p{n}@example.com"}, str(n)) for n in range(5)])
    g.create({**NEW, "tags": ["Newsletter"]})
    g.update(g.ref(0), {"merge_fields.FNAME": "Zora", "email_address": "zora@example.com"})
    g.update(g.ref(1), {"tags": []})
    assert bodies
    assert "subscribed" not in [word for body in bodies for word in _words(body)]


def test_who_unsubscribed_cannot_be_subscribed_again_and_the_refusal_says_why() -> None:
    g = ground(records=1)
    ref = g.ref()
    g.twin.person_opt_out("members", ref.id)
    outcome = g.update(ref, {"status": "subscribed"})
    assert isinstance(outcome, Refused)
    assert (outcome.field, outcome.code) == ("status", "member-in-compliance-state")
    assert "compliance state" in outcome.reason
    assert g.shown(ref).fields["status"] == "unsubscribed"


def test_a_cleaned_address_cannot_even_be_asked() -> None:
    g = ground(records=1)
    g.twin.person_bounce("members", g.ids[0])
    for status in ("subscribed", "pending"):
        outcome = g.update(g.ref(), {"status": status})
        assert isinstance(outcome, Refused)
        assert outcome.code == "member-in-compliance-state"


def test_an_opt_out_goes_through_with_nothing_else_in_order() -> None:
    g = ground(records=1)
    assert stored(g.update(g.ref(), {"status": "unsubscribed"})).fields["status"] == "unsubscribed"


def test_an_address_that_was_deleted_for_good_is_refused_alone_and_among_many() -> None:
    g = ground(records=1)
    email = str(g.shown(g.ref()).fields["email_address"])
    g.twin.person_forget("members", g.ids[0])
    alone = g.create({"email_address": email})
    many = [Create(APP, "members", {"email_address": f"p{n}@example.com"}, str(n)) for n in range(3)]
    (among, *others) = g.app.write([Create(APP, "members", {"email_address": email}, "k"), *many])
    for outcome in (alone, among):
        assert isinstance(outcome, Refused)
        assert (outcome.field, outcome.code) == ("email_address", "forgotten-email-not-subscribed")
    assert [stored(outcome).fields["email_address"] for outcome in others] == [c.fields["email_address"] for c in many]


def test_an_archived_opt_out_comes_back_neither_alone_nor_among_many() -> None:
    g = ground(records=2)
    emails = [str(g.shown(g.ref(place)).fields["email_address"]) for place in (0, 1)]
    for who in list(g.ids):
        g.twin.person_opt_out("members", who)
        g.twin.person_delete("members", who)
    wanted = {"status": "subscribed"}
    alone = g.create({"email_address": emails[0], **wanted})
    among = g.app.write(
        [Create(APP, "members", {"email_address": email, **wanted}, email) for email in _padded(emails)]
    )
    for outcome in (alone, among[0], among[1]):
        assert isinstance(outcome, Refused)
        assert (outcome.field, outcome.code) == ("status", "member-in-compliance-state")


def test_an_audience_with_double_opt_in_is_asked_to_ask() -> None:
    g = ground(double_optin=True)
    assert stored(g.create({**NEW, "status": "subscribed"})).fields["status"] == "pending"
    creates = [
        Create(APP, "members", {"email_address": f"p{n}@example.com", "status": "subscribed"}, str(n)) for n in range(4)
    ]
    assert {stored(outcome).fields["status"] for outcome in g.app.write(creates)} == {"pending"}


def test_an_opt_in_under_double_opt_in_asks_who_is_not_subscribed_and_leaves_who_is() -> None:
    g = ground(records=2, double_optin=True)
    g.update(g.ref(1), {"status": "unsubscribed"})
    assert stored(g.update(g.ref(0), {"status": "subscribed", "vip": True})).fields["status"] == "subscribed"
    assert stored(g.update(g.ref(1), {"status": "subscribed"})).fields["status"] == "pending"


def test_tags_start_no_automation() -> None:
    g = ground(records=1)
    bodies = sent_bodies(g)
    g.update(g.ref(), {"tags": ["Speaker"]})
    assert bodies[-1]["is_syncing"] is True


def _padded(emails: Sequence[str]) -> list[str]:
    return [*emails, "pad.one@example.com", "pad.two@example.com"]


def _words(body: Any) -> list[Any]:
    if isinstance(body, dict):
        return [word for value in body.values() for word in _words(value)]
    if isinstance(body, list):
        return [word for value in body for word in _words(value)]
    return [body]
