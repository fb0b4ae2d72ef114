"""The operator's page says what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from syncd.daemon.health import State
from syncd.daemon.meter import Meter
from syncd.engine.world import Tally
from tests.daemon.company import Company

GUIDE = (Path(__file__).parents[2] / "docs" / "daemon.md").read_text()


def test_the_page_names_every_figure_and_no_other(company: Company) -> None:
    meter = Meter()
    meter.stage("crm", "poll", 0.1, Tally())
    meter.webhook("crm", 200)
    meter.broken("crm", "S5")
    meter.gap("crm", 0.2)
    meter.suspected("crm")
    families = re.findall(r"^# TYPE (syncd_\w+)", meter.shown(company.world(), "").decode(), re.MULTILINE)
    there = {name for name in families if not name.endswith("_created")}
    assert set(re.findall(r"`(syncd_\w+)`", GUIDE)) == there


def test_the_page_names_every_state_of_an_app() -> None:
    assert [state for state in get_args(State) if f"`{state}`" not in GUIDE] == []
