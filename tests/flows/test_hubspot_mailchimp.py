"""HubSpot and Mailchimp, both ways, over their own wire formats."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.stage import Stage, staged

pytestmark = pytest.mark.unmeasured

CONFIG = """
[store]
url = "sqlite:///:memory:"

[apps.crm]
connector = "hubspot"
token = { env = "CRM_TOKEN" }

[apps.news]
connector = "mailchimp"
api_key = { env = "NEWS_KEY" }
audience = "Customers"

[syncs.people]
include = "contacts-hubspot-mailchimp"
apps = { crm = "contacts", news = "members" }
fields.phone.region = "US"
"""
PEOPLE = 40
SHARED = 30


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    twins: dict[str, Any] = {
        "crm": {"connector": "hubspot", "records": PEOPLE, "dirty": 0.2},
        "news": {"connector": "mailchimp", "records": PEOPLE, "start": PEOPLE - SHARED, "dirty": 0.2},
    }
    with staged(tmp_path, monkeypatch, CONFIG, twins) as made:
        yield made


def _agree(stage: Stage) -> None:
    """Every person is in both apps once, with the same name, and opted out in both or in neither."""
    crm, news = stage.by_email("crm", "email"), stage.by_email("news", "email_address")
    assert crm.keys() == news.keys()
    for address, (_, contact) in crm.items():
        member = news[address][1]
        assert (contact.get("firstname") or "").strip() == (member["merge_fields.FNAME"] or "").strip(), address
        assert (contact.get("lastname") or "").strip() == (member["merge_fields.LNAME"] or "").strip(), address
        out = str(contact.get("hs_email_optout")).lower() == "true"
        assert out == (member["status"] in ("unsubscribed", "cleaned")), address


def test_the_first_sync_links_those_in_both_and_makes_the_missing(stage: Stage) -> None:
    report = stage.run(whole=True)
    assert report.tally.created == 2 * (PEOPLE - SHARED)
    stage.settle()
    _agree(stage)
    assert len(stage.records("crm")) == len(stage.records("news")) == 2 * PEOPLE - SHARED


def test_edits_on_both_sides_meet(stage: Stage) -> None:
    stage.settle()
    crm, news = stage.by_email("crm", "email"), stage.by_email("news", "email_address")
    first, second, third = list(crm)[:3]
    stage.twins["crm"].person_edit("contacts", crm[first][0], {"firstname": "Renamed"})
    stage.twins["news"].person_edit("members", news[second][0], {"merge_fields.LNAME": "Elsewhere"})
    stage.twins["crm"].person_edit("contacts", crm[third][0], {"email": "moved@example.com"})
    stage.run(wait=300)
    after = stage.by_email("news", "email_address")
    assert after[first][1]["merge_fields.FNAME"] == "Renamed"
    assert stage.by_email("crm", "email")[second][1]["lastname"] == "Elsewhere"
    assert "moved@example.com" in after
    assert third not in after
    stage.settle()
    _agree(stage)


def test_an_unsubscribe_reaches_the_crm_and_nothing_puts_it_back(stage: Stage) -> None:
    stage.settle()
    news = stage.by_email("news", "email_address")
    address = next(a for a, (_, member) in news.items() if member["status"] == "subscribed")
    stage.twins["news"].person_opt_out("members", news[address][0])
    stage.run(wait=300)
    id, contact = stage.by_email("crm", "email")[address]
    assert str(contact["hs_email_optout"]).lower() == "true"
    stage.twins["crm"].person_edit("contacts", id, {"firstname": "Still"})
    stage.settle()
    assert stage.by_email("news", "email_address")[address][1]["status"] == "unsubscribed"


def test_a_merge_in_the_crm_deletes_nobody(stage: Stage) -> None:
    stage.settle()
    before = len(stage.records("news"))
    crm = stage.by_email("crm", "email")
    keep, lose = [id for id, _ in list(crm.values())[:2]]
    stage.twins["crm"].person_merge("contacts", keep, lose)
    for _ in range(4):
        stage.run(whole=True, wait=900)
    assert len(stage.records("news")) == before


@pytest.mark.parametrize("profile", ["none", "rough", "lossy"])
def test_a_week_of_edits_loses_doubles_and_re_subscribes_nothing(stage: Stage, profile: str) -> None:
    stage.settle()
    for app in stage.twins:
        stage.faults(app, **stage.twins[app].faults.PROFILES[profile])
    chance, expected, out = random.Random(profile), {}, set()
    addresses = list(stage.by_email("crm", "email"))
    for turn in range(12):
        for _ in range(4):
            address = chance.choice(addresses)
            crm, news = stage.by_email("crm", "email"), stage.by_email("news", "email_address")
            if turn > 8 and address not in expected:
                stage.twins["news"].person_opt_out("members", news[address][0])
                out.add(address)
            elif address not in expected and address not in out:
                value = f"Name {turn} {chance.randrange(1000)}"
                expected[address] = value
                if chance.random() < 0.5:
                    stage.twins["crm"].person_edit("contacts", crm[address][0], {"firstname": value})
                else:
                    stage.twins["news"].person_edit("members", news[address][0], {"merge_fields.FNAME": value})
        stage.run(wait=chance.choice([20.0, 120.0, 900.0]))
    for app in stage.twins:
        stage.faults(app)
    stage.settle(12)
    _agree(stage)
    crm, news = stage.by_email("crm", "email"), stage.by_email("news", "email_address")
    for address, value in expected.items():
        assert crm[address][1]["firstname"] == news[address][1]["merge_fields.FNAME"] == value
    assert all(news[address][1]["status"] == "unsubscribed" for address in out)
    assert len(crm) == len(news) == 2 * PEOPLE - SHARED
    assert stage.assembly.world.store.verify() == ""
