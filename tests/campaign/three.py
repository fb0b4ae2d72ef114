"""HubSpot, Mailchimp and Ghost on twins that listen: the stage of a three-way campaign, small or large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.sdk.clock import WallClock
from syncd.testing.serve import serve
from syncd.testing.twin import Setup
from syncd_connectors.ghost.twin import ADMIN_KEY, GhostTwin
from syncd_connectors.hubspot.twin import HubSpotTwin
from syncd_connectors.mailchimp.twin import MailchimpTwin
from tests.campaign.campaign import Campaign
from tests.campaign.sides import Person, TwinSide

__all__ = ["Size", "run", "three_apps"]

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


def _contact(id: str, fields: Mapping[str, Any]) -> Person:
    out = str(fields.get("hs_email_optout")).lower() == "true"
    return Person(id, fields["email"], fields.get("firstname") or "", fields.get("lastname") or "", out=out)


def _member(id: str, fields: Mapping[str, Any]) -> Person:
    first, last = fields["merge_fields.FNAME"] or "", fields["merge_fields.LNAME"] or ""
    return Person(id, fields["email_address"], first, last, out=fields["status"] in ("unsubscribed", "cleaned"))


def _reader(id: str, fields: Mapping[str, Any]) -> Person:
    first, _, last = (fields["name"] or "").partition(" ")
    return Person(id, fields["email"], first, last, out=not fields["newsletters"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much happens. `people`: in each app, how many, beginning with which one."""

    people: Mapping[str, tuple[int, int]]
    edits: int
    contested: int
    leave: int
    deletes: int
    kills: int
    pause: float
    """Seconds between two edits."""
    patience: float
    """Seconds within which the apps must agree."""


@contextmanager
def three_apps(folder: Path, size: Size) -> Iterator[Campaign]:
    """The twins, served, and a campaign on them."""
    with ExitStack() as closing:
        twins = {"crm": HubSpotTwin, "news": MailchimpTwin, "site": GhostTwin}
        urls = {
            app: closing.enter_context(serve(twin(Setup(clock=WallClock(), records=count, start=start)))).url
            for (app, twin), (count, start) in zip(twins.items(), size.people.values(), strict=True)
        }
        sides = {
            "crm": TwinSide(urls["crm"], "contacts", _contact, lambda a, b: {"firstname": a, "lastname": b}, "email"),
            "news": TwinSide(
                urls["news"],
                "members",
                _member,
                lambda a, b: {"merge_fields.FNAME": a, "merge_fields.LNAME": b},
                "email_address",
            ),
            "site": TwinSide(urls["site"], "members", _reader, lambda a, b: {"name": f"{a} {b}"}, "email"),
        }
        secrets = {"CRM_TOKEN": "pat-twin", "NEWS_KEY": "twin-us1", "SITE_KEY": ADMIN_KEY}
        campaign = Campaign(folder, CONFIG.format(**urls), secrets, sides)
        try:
            yield campaign
        finally:
            campaign.close()


def run(campaign: Campaign, size: Size) -> None:
    """First sync, edits on every side while the daemon is killed, opt-outs, deletes; then the questions."""
    sides: Mapping[str, Any] = campaign.sides
    campaign.first_sync()
    assert campaign.differences() == []
    campaign.start()
    strikes = (size.edits - size.contested) * len(sides) + size.contested
    campaign.killing(size.kills, over=strikes, pause=size.pause)
    campaign.edit(size.edits, size.contested)
    left = campaign.opt_outs("news", size.leave)
    campaign.await_("the apps agree again", lambda: not campaign.differences(), size.patience)
    gone = campaign.deletes("site", size.deletes)
    campaign.await_("the deletes are held", lambda: len(campaign.syncd("holds")) == size.deletes, size.patience)
    campaign.syncd("approve", "--all")
    campaign.await_("the apps agree after the deletes", lambda: not campaign.differences(), size.patience)
    assert campaign.stop() == 0
    for side in campaign.sides.values():
        people = {p.email.lower(): p for p in side.all()}
        assert not set(gone) & set(people)
        assert all(people[address].out for address in left)
    lost = campaign.lost()
    in_the_gap = [name for name in lost if sides[campaign.edits[name]].overwritten_at_once(name)]
    assert [name for name in lost if name not in in_the_gap] == []
    assert campaign.run_once() == 0
    assert campaign.syncd("verify")["sound"]
    campaign.say(
        f"a further run --once: 0 writes; {len(campaign.edits)} edits, {len(in_the_gap)} typed in the gap between "
        f"a read and a write, none lost beside those"
    )
