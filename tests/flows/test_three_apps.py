"""HubSpot, Mailchimp and Ghost: three ways, over HTTP, by the real daemon, killed while it works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from syncd.sdk.clock import WallClock
from syncd.testing.serve import serve
from syncd.testing.twin import Setup
from syncd_connectors.ghost.twin import ADMIN_KEY, GhostTwin
from syncd_connectors.hubspot.twin import HubSpotTwin
from syncd_connectors.mailchimp.twin import MailchimpTwin
from tests.campaign.campaign import Campaign
from tests.campaign.sides import Person, TwinSide
from tests.flows.stage import SECRETS

CONFIG = """
[daemon]
listen = "127.0.0.1:0"
poll   = "1s"
sweep  = "6s"

[safety]
second_look = "2s"
late_write  = "2s"

[apps.crm]
connector = "hubspot"
base_url  = "{crm}"
token     = {{ env = "CRM_TOKEN" }}

[apps.news]
connector = "mailchimp"
base_url  = "{news}/3.0"
api_key   = {{ env = "NEWS_KEY" }}
audience  = "Customers"

[apps.site]
connector = "ghost"
base_url  = "{site}"
admin_key = {{ env = "SITE_KEY" }}

[syncs.people]
include = "contacts-hubspot-mailchimp-ghost"
apps    = {{ crm = "contacts", news = "members", site = "members" }}
fields.phone.region = "US"
"""
PEOPLE, EDITS, CONTESTED, LEAVE, DELETES, KILLS = 60, 12, 4, 4, 2, 3


def _contact(id: str, fields: Mapping[str, Any]) -> Person:
    out = str(fields.get("hs_email_optout")).lower() == "true"
    return Person(id, fields["email"], fields.get("firstname") or "", fields.get("lastname") or "", out=out)


def _member(id: str, fields: Mapping[str, Any]) -> Person:
    first, last = fields["merge_fields.FNAME"] or "", fields["merge_fields.LNAME"] or ""
    return Person(id, fields["email_address"], first, last, out=fields["status"] in ("unsubscribed", "cleaned"))


def _reader(id: str, fields: Mapping[str, Any]) -> Person:
    first, _, last = (fields["name"] or "").partition(" ")
    return Person(id, fields["email"], first, last, out=not fields["newsletters"])


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    with ExitStack() as closing:
        clock = WallClock()
        shared = PEOPLE // 3
        crm, news, site = (
            closing.enter_context(serve(twin(Setup(clock=clock, records=PEOPLE, start=start))))
            for twin, start in ((HubSpotTwin, 0), (MailchimpTwin, shared // 2), (GhostTwin, shared))
        )
        sides = {
            "crm": TwinSide(crm.url, "contacts", _contact, lambda a, b: {"firstname": a, "lastname": b}, "email"),
            "news": TwinSide(
                news.url,
                "members",
                _member,
                lambda a, b: {"merge_fields.FNAME": a, "merge_fields.LNAME": b},
                "email_address",
            ),
            "site": TwinSide(site.url, "members", _reader, lambda a, b: {"name": f"{a} {b}"}, "email"),
        }
        config = CONFIG.format(crm=crm.url, news=news.url, site=site.url)
        secrets = {**SECRETS, "SITE_KEY": ADMIN_KEY}
        campaign = Campaign(tmp_path, config, secrets, sides)
        try:
            yield campaign
        finally:
            campaign.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_three_apps_stay_the_same_while_people_edit_and_the_daemon_is_killed(campaign: Campaign) -> None:
    sides: Mapping[str, Any] = campaign.sides
    campaign.first_sync()
    assert campaign.differences() == []
    campaign.start()
    campaign.killing(KILLS, over=2 * EDITS, pause=0.3)
    campaign.edit(EDITS, CONTESTED)
    left = campaign.opt_outs("news", LEAVE)
    campaign.await_("the apps agree again", lambda: not campaign.differences(), 90)
    gone = campaign.deletes("site", DELETES)
    campaign.await_("the deletes are held", lambda: len(campaign.syncd("holds")) == DELETES, 60)
    campaign.syncd("approve", "--all")
    campaign.await_("the apps agree after the deletes", lambda: not campaign.differences(), 60)
    assert campaign.stop() == 0
    for side in campaign.sides.values():
        people = {p.email.lower(): p for p in side.all()}
        assert not set(gone) & set(people)
        assert all(people[address].out for address in left)
    in_the_gap = [name for name in campaign.lost() if sides[campaign.edits[name]].overwritten_at_once(name)]
    assert [name for name in campaign.lost() if name not in in_the_gap] == []
    assert campaign.run_once() == 0
    assert campaign.syncd("verify")["sound"]
