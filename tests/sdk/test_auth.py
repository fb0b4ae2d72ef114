"""Credentials: what goes out, what is kept, and in which order."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from syncd.errors import BrokenProtocol, StoreError, Throttled, Transient, Unauthorised, Unavailable
from syncd.sdk import Basic, Bearer, HeaderKey, Minted, OAuth2Refresh
from syncd.sdk.redact import redact
from tests.sdk.ground import BASE, Ground

KEY = SecretStr("canary-key-1234")


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Bearer(KEY), "Authorization", "Bearer canary-key-1234"),
        (Basic("any", KEY), "Authorization", "Basic YW55OmNhbmFyeS1rZXktMTIzNA=="),
        (HeaderKey("X-Api-Key", KEY), "X-Api-Key", "canary-key-1234"),
    ],
)
def test_a_fixed_credential_goes_out_and_shows_nowhere_else(auth: httpx.Auth, header: str, value: str) -> None:
    ground = Ground()
    route = ground.router.get(f"{BASE}/me").respond(200)
    ground.http.at(BASE, auth=auth).call("GET", "/me")
    assert route.calls.last.request.headers[header] == value
    assert "canary" not in repr(auth)
    assert value not in redact(f"sent {value}")


def test_a_minted_credential_is_made_anew_for_every_request() -> None:
    ground = Ground()
    route = ground.router.get(f"{BASE}/me").mock(side_effect=[httpx.Response(503), httpx.Response(200)])
    serial = itertools.count()
    auth = Minted(lambda: f"Ghost {next(serial)}")
    ground.http.at(BASE, auth=auth).call("GET", "/me")
    assert repr(auth) == "Minted('Authorization', ***)"
    assert [call.request.headers["authorization"] for call in route.calls] == ["Ghost 0", "Ghost 1"]


@dataclass
class Shelf:
    """A vault that notes what happened in which order."""

    story: list[str]
    kept: dict[str, str] = field(default_factory=dict)
    full: bool = False

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def put(self, name: str, value: str) -> None:
        if self.full:
            raise StoreError("disk full")
        self.kept[name] = value
        self.story.append(f"kept {json.loads(value)['refresh']}")


class Provider:
    """An app that rotates refresh tokens: each is good once, and the one before it is dead."""

    def __init__(self) -> None:
        self.ground = Ground()
        self.story: list[str] = []
        self.shelf = Shelf(self.story)
        self.serial = 0
        self.refresh = "refresh-0000"
        self.access = ""
        self.life: object = 1800
        self.rotates = True
        self.ground.router.post("https://login.crm.test/token").mock(side_effect=self._token)
        self.ground.router.route(url=f"{BASE}/me").mock(side_effect=self._me)

    def opened(self, configured: str = "refresh-0000") -> OAuth2Refresh:
        """The daemon's side, as after a start."""
        return OAuth2Refresh(
            self.ground.http.at("https://login.crm.test"),
            "/token",
            client_id="client",
            client_secret=SecretStr("client-secret"),
            refresh_token=SecretStr(configured),
            vault=self.shelf,
            clock=self.ground.clock,
        )

    def call(self, auth: OAuth2Refresh, method: str = "GET") -> int:
        return self.ground.http.at(BASE, auth=auth).call(method, "/me").status

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert (form["grant_type"], form["client_id"], form["client_secret"]) == (
            "refresh_token",
            "client",
            "client-secret",
        )
        if form["refresh_token"] != self.refresh:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.serial += 1
        self.access = f"access-{self.serial:04}"
        body: dict[str, object] = {"access_token": self.access, "expires_in": self.life}
        if self.rotates:
            self.refresh = body["refresh_token"] = f"refresh-{self.serial:04}"
        self.story.append(f"granted {self.access}")
        return httpx.Response(200, json=body)

    def _me(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.story.append(f"used {token}")
        return httpx.Response(200 if token == self.access else 401)


def test_a_rotated_token_is_durable_before_it_is_used() -> None:
    app = Provider()
    app.call(app.opened())
    assert app.story == ["granted access-0001", "kept refresh-0001", "used access-0001"]


def test_a_token_that_cannot_be_kept_is_not_used() -> None:
    app = Provider()
    app.shelf.full = True
    with pytest.raises(StoreError):
        app.call(app.opened())
    assert "used access-0001" not in app.story


def test_a_token_that_could_not_be_kept_is_not_lost_while_the_process_lives() -> None:
    app = Provider()
    auth = app.opened()
    app.shelf.full = True
    for _ in range(2):
        with pytest.raises(StoreError):
            app.call(auth)
    app.shelf.full = False
    assert app.call(auth) == 200
    assert app.story == ["granted access-0001", "kept refresh-0001", "used access-0001"]


def test_two_processes_with_one_vault_do_not_take_the_token_from_each_other() -> None:
    app = Provider()
    daemon, command = app.opened(), app.opened()
    app.call(daemon)
    app.ground.clock.turn(1800)
    app.call(command)  # rotates: what the daemon holds is dead
    assert app.call(daemon) == 200
    assert app.serial == 2


def test_of_two_processes_that_renew_at_once_the_later_takes_what_the_earlier_was_given() -> None:
    app = Provider()
    daemon, command = app.opened(), app.opened()
    app.call(daemon)
    app.ground.clock.turn(1800)
    meanwhile = [lambda: app.call(command)]

    def late(name: str) -> str | None:
        """The vault as it stood before the other renewed."""
        before = app.shelf.kept.get(name)
        if meanwhile:
            meanwhile.pop()()
        return before

    app.shelf.get, plain = late, app.shelf.get  # type: ignore[method-assign]
    daemon_answer = app.call(daemon)
    app.shelf.get = plain  # type: ignore[method-assign]
    assert daemon_answer == 200
    assert app.serial == 2


def test_after_a_crash_the_daemon_goes_on_with_what_it_kept() -> None:
    app = Provider()
    app.call(app.opened())
    assert app.call(app.opened()) == 200  # the configured token is long dead
    assert app.serial == 1  # and the access token still good
    app.ground.clock.turn(1800)
    assert app.call(app.opened()) == 200
    assert app.serial == 2


def test_a_token_is_renewed_by_the_clock_a_little_before_its_end() -> None:
    app = Provider()
    auth = app.opened()
    app.call(auth)
    app.ground.clock.turn(1800 - 121)
    app.call(auth)
    assert app.serial == 1
    app.ground.clock.turn(2)
    app.call(auth)
    assert app.serial == 2
    assert app.story[-1] == "used access-0002"


def test_an_app_that_does_not_rotate_keeps_its_refresh_token() -> None:
    app = Provider()
    app.rotates = False
    auth = app.opened()
    for _ in range(3):
        app.call(auth)
        app.ground.clock.turn(3600)
    assert json.loads(app.shelf.kept["oauth2"])["refresh"] == "refresh-0000"


def test_a_token_without_a_stated_life_is_good_for_an_hour() -> None:
    app = Provider()
    app.life = None
    auth = app.opened()
    app.call(auth)
    app.ground.clock.turn(3400)
    app.call(auth)
    assert app.serial == 1
    app.ground.clock.turn(200)
    app.call(auth)
    assert app.serial == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_refused_before_its_time_is_renewed_once(method: str) -> None:
    app = Provider()
    auth = app.opened()
    app.call(auth)
    app.access = "revoked by the app"
    assert app.call(auth, method) == 200
    assert app.story[-3:] == ["granted access-0002", "kept refresh-0002", "used access-0002"]


def test_a_call_refused_with_a_fresh_token_is_unauthorised() -> None:
    app = Provider()
    app.ground.router.get(f"{BASE}/admin").respond(401)
    with pytest.raises(Unauthorised):
        app.ground.http.at(BASE, auth=app.opened()).call("GET", "/admin")
    assert app.serial == 2


def test_a_refused_refresh_token_pauses_the_app() -> None:
    app = Provider()
    app.refresh = "another"
    with pytest.raises(Unauthorised, match="authorise the app again"):
        app.call(app.opened())


def test_a_newly_configured_refresh_token_takes_the_place_of_the_kept_one() -> None:
    app = Provider()
    app.call(app.opened())
    app.refresh = "refresh-new-from-admin"
    app.access = ""
    assert app.call(app.opened("refresh-new-from-admin")) == 200


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [
        (httpx.ReadTimeout("slow"), Transient),
        (httpx.Response(502), Transient),
        (httpx.Response(200, text="<html>"), Transient),
        (httpx.Response(429, headers={"Retry-After": "600"}), Throttled),
        (httpx.Response(401), Unauthorised),
        (httpx.Response(200, json={"token": "?"}), BrokenProtocol),
    ],
)
def test_a_refresh_that_fails_leaves_the_write_unsent(
    trouble: httpx.Response | httpx.TransportError, remedy: type[Exception]
) -> None:
    app = Provider()
    app.ground.router.post("https://login.crm.test/token").mock(side_effect=[trouble] * 3)
    with pytest.raises(remedy):
        app.call(app.opened(), "POST")
    assert app.story == []


def test_many_threads_renew_once() -> None:
    app = Provider()
    auth = app.opened()
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(app.call(auth))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [200] * 8
    assert app.serial == 1


def test_tokens_of_the_app_are_redacted_and_forgotten_when_they_are_long_dead() -> None:
    app = Provider()
    auth = app.opened()
    app.call(auth)
    assert redact("access-0001 refresh-0001 client-secret refresh-0000") == "*** *** *** ***"
    for _ in range(3):
        app.ground.clock.turn(1800)
        app.call(auth)
    assert redact("access-0004 access-0003") == "*** ***"
    assert redact("access-0001") == "access-0001"
    assert redact("refresh-0000") == "***"
    assert "0004" not in repr(auth) + repr(auth._grant)


def test_the_token_call_is_bounded_in_time_as_any_other() -> None:
    app = Provider()
    route = app.ground.router.post("https://login.crm.test/token").respond(500)
    with pytest.raises(Transient):
        app.call(app.opened())
    assert route.calls.last.request.extensions["timeout"]["read"] == 30.0


def test_a_read_through_an_app_whose_login_is_down_is_no_evidence() -> None:
    app = Provider()
    app.ground.router.post("https://login.crm.test/token").mock(side_effect=httpx.ConnectError("down"))
    with pytest.raises((Transient, Unavailable)):
        app.call(app.opened())
    assert app.story == []
