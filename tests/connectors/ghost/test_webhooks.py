"""Webhooks: which calls are believed, and of whom they speak."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from pydantic import SecretStr

from syncd.errors import BrokenProtocol, Rejected, Unauthorised
from syncd.sdk.contract import Request
from syncd_connectors.ghost import webhooks

NOW = 1_767_225_600.0
SECRETS = (SecretStr("new"), SecretStr("old"))
BODY = json.dumps({"member": {"current": {"id": "a" * 24}, "previous": {"name": None}}}).encode()


def call(secret: str, *, at: float = NOW, covers_time: bool = True, body: bytes = BODY) -> Request:
    sent = str(int(at * 1000))
    message = body + sent.encode() if covers_time else body
    digest = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return Request("POST", "https://sync.example.com/", {"x-ghost-signature": f"sha256={digest}, t={sent}"}, body)


@pytest.mark.parametrize("secret", ["new", "old"])
def test_the_current_secret_and_the_one_before_are_good(secret: str) -> None:
    webhooks.verify(call(secret), SECRETS, NOW, bare_too=False)


@pytest.mark.parametrize(
    "request_",
    [
        call("other"),
        call("new", at=NOW - 301),
        call("new", at=NOW + 301),
        call("new", covers_time=False),
        Request("POST", "https://sync.example.com/", {}, BODY),
        Request("POST", "https://sync.example.com/", {"x-ghost-signature": "sha256,t"}, BODY),
    ],
    ids=["another secret", "old", "early", "time not covered", "unsigned", "garbled"],
)
def test_any_other_call_is_refused(request_: Request) -> None:
    with pytest.raises(Unauthorised):
        webhooks.verify(request_, SECRETS, NOW, bare_too=False)


def test_the_signature_of_an_old_ghost_is_good_where_it_is_allowed() -> None:
    webhooks.verify(call("new", covers_time=False), SECRETS, NOW, bare_too=True)
    with pytest.raises(Unauthorised):
        webhooks.verify(call("other", covers_time=False), SECRETS, NOW, bare_too=True)


def test_without_a_secret_nothing_is_good() -> None:
    with pytest.raises(Unauthorised):
        webhooks.verify(call(""), (), NOW, bare_too=True)


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ({"member": {"current": {"id": "a"}, "previous": {}}}, "a"),
        ({"member": {"current": {}, "previous": {"id": "b"}}}, "b"),
        ({"member": {"current": {"id": "a"}, "previous": {"id": "b"}}}, "a"),
        ({"post": {"current": {"id": "p"}}}, None),
        ([], None),
    ],
)
def test_a_call_speaks_of_the_member_that_is_or_was(said: object, who: str | None) -> None:
    assert webhooks.member(json.dumps(said).encode()) == who


def test_a_body_that_is_not_json_breaks_the_protocol() -> None:
    with pytest.raises(BrokenProtocol):
        webhooks.member(b"{")


def test_a_second_registration_is_told_from_other_refusals() -> None:
    assert webhooks.registered_already(Rejected("Target URL has already been used for this event."))
    assert not webhooks.registered_already(Rejected("Validation failed for target_url."))
