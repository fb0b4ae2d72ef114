"""The token of a request, and the door of the twin that it opens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import httpx
import pytest

from syncd.testing.clock import TurnedClock
from syncd.testing.twin import Faults, Setup
from syncd_connectors.ghost.token import LIFE, token
from syncd_connectors.ghost.twin import ADMIN_KEY, GhostTwin

NOW = 1_767_225_600.7


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_names_the_key_lives_five_minutes_and_is_for_the_admin_api() -> None:
    header, claims, _ = token(ADMIN_KEY, NOW).removeprefix("Ghost ").split(".")
    assert json.loads(decoded(header)) == {"alg": "HS256", "typ": "JWT", "kid": "6a" * 12}
    assert json.loads(decoded(claims)) == {"iat": 1_767_225_600, "exp": 1_767_225_600 + LIFE, "aud": "/admin/"}


def test_a_token_is_signed_with_the_bytes_of_the_secret_not_with_its_digits() -> None:
    signed, _, signature = token(ADMIN_KEY, NOW).removeprefix("Ghost ").rpartition(".")
    assert decoded(signature) == hmac.new(bytes.fromhex("c0de" * 16), signed.encode(), hashlib.sha256).digest()


class TestTheDoor:
    def ask(self, twin: GhostTwin, authorization: str | None, path: str = "members/") -> tuple[int, str]:
        headers = {} if authorization is None else {"Authorization": authorization}
        with httpx.Client(transport=twin.transport(), base_url="https://blog.example.com/ghost/api/admin") as client:
            answer = client.get(path, headers=headers)
        return answer.status_code, answer.json()["errors"][0]["message"] if answer.is_error else ""

    @pytest.fixture
    def twin(self) -> GhostTwin:
        return GhostTwin(Setup(clock=TurnedClock(NOW)))

    def test_a_good_token_is_let_in_until_it_is_five_minutes_old(self, twin: GhostTwin) -> None:
        assert self.ask(twin, token(ADMIN_KEY, NOW - LIFE + 2)) == (200, "")
        assert self.ask(twin, token(ADMIN_KEY, NOW - LIFE - 2)) == (401, "Invalid token: jwt expired")

    def test_a_token_of_another_key_is_refused(self, twin: GhostTwin) -> None:
        key_id, _, secret = ADMIN_KEY.partition(":")
        assert self.ask(twin, token(f"{'b' * 24}:{secret}", NOW)) == (401, "Unknown Admin API Key")
        assert self.ask(twin, token(f"{key_id}:{'00' * 32}", NOW)) == (401, "Invalid token: invalid signature")

    def test_nonsense_and_nothing_are_refused(self, twin: GhostTwin) -> None:
        assert self.ask(twin, "Ghost x.y")[0] == 401
        assert self.ask(twin, None)[0] == 403

    def test_the_site_itself_is_for_everybody(self, twin: GhostTwin) -> None:
        assert self.ask(twin, None, "site/") == (200, "")

    def test_a_revoked_key_is_unknown(self, twin: GhostTwin) -> None:
        twin.faults = replace(Faults(), revoked=True)
        assert self.ask(twin, token(ADMIN_KEY, NOW)) == (401, "Unknown Admin API Key")
