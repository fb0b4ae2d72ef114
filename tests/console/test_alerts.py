"""`syncd alerts`: what stands, who was told, and whether they can be."""

from __future__ import annotations

import base64
import json

import pytest

from syncd.alerts.kept import STANDING, Standing, name_of, to_json
from syncd.alerts.news import Heard, Trouble
from syncd.destinations import Severity
from syncd.sdk.clock import WallClock
from syncd.store.store import Store
from tests.alerts.servers import receiver
from tests.console.ground import Desk

SECRET = base64.b64encode(b"canary-key-of-32-bytes----------").decode()


def ops(url: str) -> str:
    return f'\n[alerts.to.ops]\nkind = "webhook"\nurl = "{url}"\nsecret = {{ env = "OPS_SECRET" }}\n'


def add(desk: Desk, text: str) -> None:
    with desk.config.open("a") as file:
        file.write(text)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_SECRET", SECRET)


def test_a_test_message_goes_to_every_destination_and_needs_no_secret_of_an_app(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_TOKEN")
    with receiver() as there:
        add(desk, ops(there.url) + '[alerts.to.here]\nkind = "log"\n')
        said = desk.say("alerts", "test", "--json")
    assert said.code == 0
    assert [(one["to"], one["done"]) for one in said.json] == [("ops", True), ("here", True)]
    assert json.loads(there.calls[0][2])["type"] == "syncd.test"
    assert "nothing is wrong" in said.err


def test_a_destination_that_cannot_be_reached_is_told_with_what_to_do(desk: Desk) -> None:
    with receiver() as there:
        there.status = 404
        add(desk, ops(there.url))
        said = desk.say("alerts", "test")
    assert said.code == 4
    assert "ops (webhook): " in said.out
    assert "404" in said.out
    assert "see that the address is right" in said.out


def test_with_nobody_to_tell_there_is_nothing_to_try(desk: Desk) -> None:
    said = desk.say("alerts", "test")
    assert said.code == 3
    assert "there is nobody to tell" in said.err


def test_what_stands_and_was_told_is_shown(desk: Desk) -> None:
    add(desk, ops("https://alerts.example.com"))
    store = Store.open(f"sqlite:///{desk.folder / 'syncd.db'}", WallClock().now)
    said = desk.say("alerts")
    assert "no daemon has looked yet" in said.out
    assert "ops: was told nothing yet" in said.out
    trouble = Trouble(
        group="paused:crm", severity=Severity.URGENT, since=1_900_000_000.0, text="crm is paused", hint="resume it"
    )
    heard = {"paused:crm": Heard(open=True, at=1_900_000_060.0), "failing:news": Heard(at=1_900_000_000.0)}
    with store.begin() as tx:
        kept = Standing(at=1_900_000_060.0, troubles=[trouble], failing={"ops": "nobody listens"})
        tx.meta.put(STANDING, kept.json())
        tx.meta.put(name_of("ops"), to_json(heard))
    said = desk.say("alerts")
    assert "urgent: crm is paused (since 2030-03-17 17:46:40Z)" in said.out
    assert "ops: cannot be told: nobody listens; it is tried again" in said.out
    assert "2030-03-17 17:47:40Z  paused:crm\n" in said.out
    assert "failing:news, and that it is over" in said.out
    found = desk.say("alerts", "--json").json
    assert found["standing"][0]["group"] == "paused:crm"
    assert [told["open"] for told in found["destinations"][0]["told"]] == [True, False]
    with store.begin() as tx:
        tx.meta.put(STANDING, Standing(at=1_900_000_060.0, failing={}).json())
    assert "nothing to tell, as of 2030" in desk.say("alerts").out
    store.close()


def test_without_destinations_it_says_that_nobody_is_told(desk: Desk) -> None:
    Store.open(f"sqlite:///{desk.folder / 'syncd.db'}", WallClock().now).close()
    assert "nobody is told" in desk.say("alerts").out
