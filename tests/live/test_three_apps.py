"""The three-way campaign at full size: 1,000, 800 and 800 people, ten kills. Twins over HTTP, no server to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.three import Size, run, three_apps

pytestmark = [pytest.mark.live, pytest.mark.timeout(3600)]

LARGE = Size(
    people={"crm": (1000, 0), "news": (800, 500), "site": (800, 300)},
    edits=200,
    contested=40,
    leave=20,
    deletes=10,
    kills=10,
    pause=0.05,
    patience=600,
)


def test_a_campaign_between_three_apps(tmp_path: Path) -> None:
    with three_apps(tmp_path, LARGE) as campaign:
        run(campaign, LARGE)
