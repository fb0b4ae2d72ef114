"""BottleCRM and Ghost, two real applications that nobody here wrote, kept the same by the real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncd.testing.population import person
from tests.campaign.campaign import Campaign
from tests.campaign.sides import BottleCrmSide, GhostSide
from tests.live.servers.bottlecrm import BottleCrm, running_bottlecrm
from tests.live.servers.ghost import Ghost, running_ghost

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]

IN_CRM, IN_NEWS, IN_BOTH = 1000, 800, 500
EDITS, CONTESTED, LEAVE, DELETES, KILLS = 200, 40, 20, 10, 10

CONFIG = """
[daemon]
listen = "127.0.0.1:0"
poll   = "5s"
sweep  = "20s"

[safety]
second_look = "5s"
late_write  = "8s"

[apps.crm]
connector = "bottlecrm"
base_url  = "{crm}"
token     = {{ env = "CRM_TOKEN" }}

[apps.news]
connector = "ghost"
base_url  = "{news}"
admin_key = {{ env = "NEWS_KEY" }}

[syncs.people]
include = "contacts-bottlecrm-ghost"
apps    = {{ crm = "contacts", news = "members" }}
creates = ["crm", "news"]
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[BottleCrm, Ghost]]:
    with running_bottlecrm() as crm, running_ghost() as ghost:
        yield crm, ghost


def test_a_campaign_between_two_real_applications(servers: tuple[BottleCrm, Ghost], tmp_path: Path) -> None:
    crm, ghost = servers
    news = GhostSide(ghost.url, ghost.admin_key)
    campaign = Campaign(
        tmp_path,
        CONFIG.format(crm=crm.url, news=ghost.url),
        {"CRM_TOKEN": crm.token, "NEWS_KEY": ghost.admin_key},
        {"crm": BottleCrmSide(crm.url, crm.token), "news": news},
    )
    _populate(campaign)
    counts = campaign.first_sync()
    assert counts["crm"]["create"] == IN_NEWS - IN_BOTH
    assert counts["news"]["create"] == IN_CRM - IN_BOTH
    assert campaign.differences() == []

    campaign.start()
    try:
        campaign.killing(KILLS, over=2 * EDITS - CONTESTED)
        campaign.edit(EDITS, CONTESTED)
        left = campaign.opt_outs("news", LEAVE)
        campaign.await_("the apps agree again", lambda: not campaign.differences(), 1800)
        gone = campaign.deletes("crm", DELETES)
        campaign.await_("the deletes are held", lambda: len(campaign.syncd("holds")) == DELETES, 300)
        assert len(news.all()) == IN_CRM + IN_NEWS - IN_BOTH
        campaign.syncd("approve", "--all")
        campaign.await_("the apps agree after the deletes", lambda: not campaign.differences(), 300)
    finally:
        assert campaign.stop() == 0

    people = {p.email.lower(): p for p in news.all()}
    assert not set(gone) & set(people)
    assert all(people[address].out for address in left)
    assert len(people) == IN_CRM + IN_NEWS - IN_BOTH - DELETES
    assert campaign.lost() == []
    again = campaign.run_once()
    assert again == 0
    assert campaign.syncd("verify")["sound"]
    campaign.close()
    campaign.say(f"a further run --once: {again} writes; {len(campaign.edits)} edits, none lost")


def _populate(campaign: Campaign) -> None:
    """Both sides, side by side: each takes some tens a second."""
    ranges = {"crm": range(IN_CRM), "news": range(IN_CRM - IN_BOTH, IN_CRM - IN_BOTH + IN_NEWS)}

    def fill(app: str) -> None:
        for number in ranges[app]:
            someone = person(1, number)
            campaign.sides[app].create(someone.first, someone.last, someone.email)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, ranges))
    campaign.say(f"people: { ({app: len(side.all()) for app, side in campaign.sides.items()}) }")
