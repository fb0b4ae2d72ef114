"""HubSpot, Mailchimp and Ghost: three ways, over HTTP, by the real daemon, killed while it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.three import Size, run, three_apps

pytestmark = pytest.mark.unmeasured

SMALL = Size(
    people={"crm": (60, 0), "news": (60, 10), "site": (60, 20)},
    edits=12,
    contested=4,
    leave=4,
    deletes=2,
    kills=3,
    pause=0.2,
    patience=90,
)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_three_apps_stay_the_same_while_people_edit_and_the_daemon_is_killed(tmp_path: Path) -> None:
    with three_apps(tmp_path, SMALL) as campaign:
        run(campaign, SMALL)
