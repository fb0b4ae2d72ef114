"""Webhooks: who may call, and whom a call is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from syncd.errors import Unauthorised
from syncd.sdk import Ref, Request
from syncd.testing.twin import Hook
from syncd_connectors.mailchimp.twin import LIST_ID
from tests.connectors.mailchimp.ground import APP, Ground, ground, stored

URL = "https://sync.example.com/hooks/news"


def subscribed(records: int = 2) -> Ground:
    """A ground whose twin calls us, its trial call answered."""
    g = ground(records=records, webhook_secret=SecretStr("nobody-guesses-this-path"))
    g.app.subscribe(URL)
    assert g.app.hear(heard(g.twin.outbox.popleft())) == ()
    return g


def heard(hook: Hook) -> Request:
    return Request(hook.method, hook.url, {name.lower(): value for name, value in hook.headers.items()}, hook.body)


def next_call(g: Ground) -> Request:
    return heard(g.twin.outbox.popleft())


def test_the_trial_call_is_answered_and_names_nobody() -> None:
    g = ground(webhook_secret=SecretStr("nobody-guesses-this-path"))
    g.app.subscribe(URL)
    (trial,) = g.twin.outbox
    assert trial.method == "GET"
    assert g.app.hear(heard(trial)) == ()


def test_subscribing_twice_registers_once_and_unsubscribing_takes_it_back() -> None:
    g = subscribed()
    g.app.subscribe(URL)
    assert len(g.twin.webhooks) == 1
    (hook,) = g.twin.webhooks.values()
    assert hook["sources"] == {"user": True, "admin": True, "api": False}
    g.app.unsubscribe(URL)
    assert g.twin.webhooks == {}


Act = Callable[[Ground, str], None]
ACTS: dict[str, Act] = {
    "profile": lambda g, who: g.twin.person_edit("members", who, {"merge_fields.FNAME": "Zora"}),
    "upemail": lambda g, who: g.twin.person_edit("members", who, {"email_address": "moved@example.com"}),
    "unsubscribe": lambda g, who: g.twin.person_opt_out("members", who),
    "cleaned": lambda g, who: g.twin.person_bounce("members", who),
    "archive": lambda g, who: g.twin.person_delete("members", who),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_people_do_names_the_member_to_read(act: Act) -> None:
    g = subscribed()
    ref = g.ref(1)
    act(g, ref.id)
    assert g.app.hear(next_call(g)) == (ref,)


def test_a_new_subscriber_is_named() -> None:
    g = subscribed()
    who = g.twin.person_create("members", {"email_address": "new@example.com"})
    assert g.app.hear(next_call(g)) == (Ref(APP, "members", who),)


def test_our_own_writes_call_nobody() -> None:
    g = subscribed()
    stored(g.update(g.ref(), {"merge_fields.FNAME": "Zora"}))
    assert not g.twin.outbox


def test_a_member_deleted_for_good_cannot_be_named() -> None:
    g = subscribed()
    g.twin.person_forget("members", g.ids[0])
    assert g.app.hear(next_call(g)) == ()


def test_a_call_about_another_audience_names_nobody() -> None:
    g = ground(records=1, webhook_secret=SecretStr("s" * 24))
    body = urlencode({"type": "profile", "data[list_id]": "other", "data[email]": "a@example.com"}).encode()
    assert g.app.hear(Request("POST", f"{URL}?secret={'s' * 24}", {}, body)) == ()
    about_nobody = urlencode({"type": "campaign", "data[list_id]": LIST_ID}).encode()
    assert g.app.hear(Request("POST", f"{URL}?secret={'s' * 24}", {}, about_nobody)) == ()


def test_a_signed_call_is_believed_and_one_byte_off_is_not() -> None:
    g = subscribed()
    g.twin.person_opt_out("members", g.ids[0])
    good = next_call(g)
    signature = good.headers["x-mailchimp-signature"]
    flipped = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    off = [
        replace(good, body=good.body + b"&"),
        replace(good, headers={**good.headers, "x-mailchimp-signature": flipped}),
        replace(good, headers={**good.headers, "x-mailchimp-signature": signature.replace("v1=", "v0=")}),
        replace(good, headers={}),
        replace(good, url=URL),
        replace(good, url=f"{URL}?secret=guess"),
    ]
    for bad in off:
        with pytest.raises(Unauthorised):
            g.app.hear(bad)
    assert g.app.hear(good) == (g.ref(0),)


@pytest.mark.parametrize("seconds", [301, -301])
def test_a_call_from_another_time_is_not_believed(seconds: float) -> None:
    g = subscribed()
    g.twin.person_opt_out("members", g.ids[0])
    call = next_call(g)
    g.clock.turn(seconds)
    with pytest.raises(Unauthorised, match="too old"):
        g.app.hear(call)


def test_a_hook_made_by_hand_is_checked_with_the_configured_secret() -> None:
    g = ground(records=1, signing_secret=SecretStr("by-hand"))
    g.twin.webhooks["h"] = {"url": URL, "events": {"unsubscribe": True}, "sources": {"user": True}}
    g.twin.secrets["h"] = "by-hand"
    g.twin.person_opt_out("members", g.ids[0])
    assert g.app.hear(next_call(g)) == (g.ref(0),)


def test_without_any_secret_nobody_is_believed() -> None:
    with pytest.raises(Unauthorised, match="not set up"):
        ground().app.hear(Request("POST", URL, {}, b"type=profile"))


def test_a_registration_whose_secret_was_lost_is_made_anew() -> None:
    g = ground(records=1)
    g.app.subscribe(URL)
    g.vault.secrets.clear()
    g.app.subscribe(URL)
    assert len(g.twin.webhooks) == 1
    g.twin.outbox.clear()
    g.twin.person_opt_out("members", g.ids[0])
    assert g.app.hear(next_call(g)) == (g.ref(0),)


def test_after_unsubscribing_the_old_secret_opens_nothing() -> None:
    g = ground(records=1)
    g.app.subscribe(URL)
    g.twin.outbox.clear()
    g.twin.person_opt_out("members", g.ids[0])
    call = next_call(g)
    g.app.unsubscribe(URL)
    with pytest.raises(Unauthorised, match="not set up"):
        g.app.hear(call)
