"""What is counted, and whether the dashboard and the documentation speak of the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from syncd.core.record import EntityId
from syncd.daemon.meter import Meter
from syncd.engine.cycle import once
from syncd.engine.world import Tally
from syncd.sdk.contract import Quota
from syncd.sdk.pace import Gate
from syncd.store.values import Delivery, Parked, ParkedKind
from tests.engine.world import Scene

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "contrib" / "grafana-dashboard.json").read_text())


@pytest.fixture
def scene() -> Scene:
    return Scene()


def shown(scene: Scene) -> Mapping[str, set[str]]:
    """Every series a meter gives once everything has happened, with the labels it has."""
    gate = Gate([Quota(100, 10.0)], clock=scene.clock)
    meter = Meter({"crm": gate})
    for call in (meter.gap, meter.mirrored):
        call("crm", 1.0)
    meter.suspected("crm")
    meter.broken("crm", "S1")
    meter.webhook("crm", 200)
    meter.told("ops", "failed")
    meter.stage("crm", "poll", 1.0, Tally())
    with scene.store.begin() as tx:
        tx.parked.park(Parked(kind=ParkedKind.CONFLICT, sync="people"))
    scene.run()
    return series(meter.shown(scene.world, "").decode())


def series(text: str) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def figures(known: Mapping[str, set[str]]) -> set[str]:
    """Of syncd's own: as one speaks of them."""
    own = {name for name in known if name.startswith("syncd_") and not name.endswith("_created")}
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in own}


def expressions(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_the_dashboard_asks_for_nothing_that_is_not_there(scene: Scene) -> None:
    known = shown(scene)
    asked = list(expressions(DASHBOARD["panels"]))
    asked += [one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    assert len(asked) > 30
    for expr in asked:
        names = re.findall(r"\b(?:syncd|process)_\w+", expr)
        assert [name for name in names if name not in known] == [], expr
        labels = {label for name in names for label in known[name]} | {"job", "instance"}  # which Prometheus adds
        by = {word for group in re.findall(r"by \(([^)]*)\)", expr) for word in group.split(", ")}
        assert by <= labels, expr
        assert set(re.findall(r"(\w+)(?:=~|!~|=)\"", expr)) <= labels, expr


def test_the_dashboard_shows_every_figure_of_syncd(scene: Scene) -> None:
    text = "\n".join(expressions(DASHBOARD["panels"]))
    names = figures(shown(scene))
    assert [name for name in names if name not in text] == []


def test_every_figure_of_syncd_is_explained(scene: Scene) -> None:
    text = (ROOT / "docs" / "daemon.md").read_text()
    names = figures(shown(scene))
    assert [name for name in names if f"`{name}`" not in text] == []


def test_panels_do_not_lie_on_each_other() -> None:
    cells: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not mine & cells
        cells |= mine


def test_the_time_from_an_edit_seen_to_mirrored_is_measured(scene: Scene) -> None:
    meter = Meter()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.world = scene._world(scene.store)
    once(replace(scene.world, counts=meter), whole=True)
    text = meter.shown(scene.world, "").decode()
    assert 'syncd_mirrored_seconds_count{app="news"} 1.0' in text
    assert 'syncd_mirrored_seconds_bucket{app="news",le="5.0"} 1.0' in text


def test_the_age_of_what_is_owed_and_the_use_of_a_quota_are_told(scene: Scene) -> None:
    gate = Gate([Quota(4, 10.0, "search"), Quota(10, 60.0)], clock=scene.clock)
    meter = Meter({"crm": gate})
    with scene.store.begin() as tx:
        tx.deliveries.owe(Delivery("people", "crm", EntityId("e1"), tx.now))
    with gate.turn("search"):
        scene.wait(seconds=1)
    text = meter.shown(scene.world, "").decode()
    assert 'syncd_owed_seconds{app="crm"} 1.0' in text
    assert 'syncd_owed_seconds{app="news"} 0.0' in text
    assert 'syncd_budget_used_ratio{app="crm",bucket="search",window="10s"} 0.25' in text
    assert 'syncd_budget_used_ratio{app="crm",bucket="",window="60s"} 0.09999' in text


def test_an_edit_that_an_app_was_not_there_for_took_as_long_as_it_waited(scene: Scene) -> None:
    meter = Meter()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email="ada@example.com"), first="Adele")
    scene.fake("news").fault = "outage"
    scene.run(whole=False)
    scene.wait(seconds=100)
    scene.fake("news").fault = ""
    once(replace(scene.world, counts=meter), whole=False)
    text = meter.shown(scene.world, "").decode()
    assert 'syncd_mirrored_seconds_bucket{app="news",le="30.0"} 0.0' in text
    assert 'syncd_mirrored_seconds_bucket{app="news",le="120.0"} 1.0' in text
