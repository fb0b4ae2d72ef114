"""Who takes part, and what would be written, shown before it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.fieldmap import Way
from syncd.core.record import Ref
from syncd.engine.cycle import tend
from syncd.engine.paper import lines, plan_of
from syncd.engine.plan import apply, make_plan, unapplied
from syncd.errors import Halted, StoreError
from syncd.store.values import Event
from syncd.testing.fake import capable
from tests.engine.world import Scene, people, rule


def _filtered() -> Scene:
    apps = ("crm", "news")
    sync = people(apps, rule("stage", apps), filters={"news": lambda f: f.get("stage") == "customer"})
    return Scene(sync=sync)


def test_only_those_within_the_filter_are_made_in_the_app() -> None:
    scene = _filtered()
    scene.fake("crm").person_creates(email="ada@example.com", stage="customer")
    scene.fake("crm").person_creates(email="bob@example.com", stage="lead")
    scene.run()
    assert [row.fields["email"] for row in scene.fake("news").rows.values()] == ["ada@example.com"]
    scene.fake("crm").person_edits("crm-2", stage="customer")
    scene.run()
    assert len(scene.fake("news").rows) == 2


def test_leaving_the_filter_deletes_nothing_and_coming_back_goes_on() -> None:
    scene = _filtered()
    scene.fake("crm").person_creates(email="ada@example.com", stage="customer", first="Ada")
    scene.run()
    scene.fake("crm").person_edits("crm-1", stage="churned")
    scene.run()
    assert scene.fake("news").shown("news-1")["stage"] == "churned"  # the last update goes through
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Ada"
    scene.fake("crm").person_edits("crm-1", stage="customer")
    scene.run()
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Augusta"
    assert len(scene.fake("news").rows) == 1


def test_an_opt_out_of_somebody_outside_the_filter_still_counts() -> None:
    scene = _filtered()
    scene.fake("crm").person_creates(email="ada@example.com", stage="customer")
    scene.run()
    scene.fake("crm").person_edits("crm-1", stage="churned")
    scene.run()
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["out"] is True


def test_a_plan_writes_nothing_and_apply_does_just_that() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("news").person_creates(email="ada@example.com", phone="1")
    scene.fake("news").person_creates(email="bob@example.com", first="Bob")
    assert unapplied(scene.world) == ("people",)
    plan = make_plan(scene.world)
    assert plan.counts == {
        "crm": {"create": 1, "update": 1, "delete": 0},
        "news": {"create": 0, "update": 1, "delete": 0},
    }
    assert [fake.writes for fake in scene.fakes.values()] == [[], []]
    assert scene.entities() == []
    report = apply(scene.world, plan_of(lines(plan)), by="op")
    assert (report.tally.created, report.tally.updated) == (1, 2)
    assert unapplied(scene.world) == ()
    assert not make_plan(scene.world).writes


def test_apply_refuses_when_the_world_has_moved() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    plan = make_plan(scene.world)
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    with pytest.raises(Halted, match="the world moved"):
        apply(scene.world, plan, by="op")
    assert scene.fake("news").rows == {}


def test_apply_refuses_another_mapping() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    plan = make_plan(scene.world)
    scene.restart(sync=replace(people(scene.names), digest="another"))
    with pytest.raises(Halted, match="is not the one that was planned"):
        apply(scene.world, plan, by="op")


def test_an_app_that_is_down_makes_no_plan() -> None:
    scene = Scene()
    scene.fake("news").fault = "outage"
    with pytest.raises(Halted, match="news is down"):
        make_plan(scene.world)


def test_a_plan_that_cannot_be_rehearsed_beside_the_store_is_told_with_the_folder(tmp_path: Path) -> None:
    scene = Scene(url=f"sqlite:///{tmp_path / 'kept' / 'syncd.db'}")
    (tmp_path / "kept").rename(tmp_path / "moved")
    with pytest.raises(StoreError, match=f"cannot be rehearsed in {tmp_path / 'kept'}: No such file"):
        make_plan(scene.world)


def test_a_record_outside_the_filter_that_has_the_address_is_theirs_and_no_other_is_made() -> None:
    sync = people(("crm", "news"), filters={"crm": lambda fields: fields.get("first") == "Ada"})
    scene = Scene(sync=sync)
    capable(scene.fake("crm"), unique=())  # nobody but the search says that she is there
    scene.fake("crm").person_creates(email="ada@example.com", first="Countess")
    scene.fake("news").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    assert len(scene.fake("crm").rows) == 1
    (ada,) = scene.entities()
    assert {link.ref.id for link in scene.links(ada.id)} == {"crm-1", "news-1"}


def test_one_who_left_does_not_come_and_go_for_how_the_app_writes_it() -> None:
    scene = Scene(sync=people(("crm", "news"), filters={"news": lambda fields: fields.get("first") != "gone"}))
    scene.fake("news").keeps = {"first": lambda raw: raw.upper() if raw else raw}
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    scene.fake("crm").person_edits("crm-1", first="gone")
    for _ in range(4):
        scene.run()
        scene.wait(minutes=11)
    assert scene.fake("news").shown("news-1")["first"] == "GONE"
    assert [entry.event for entry in scene.log()].count(Event.LEFT) == 1


def test_what_was_typed_while_a_field_was_out_of_the_mapping_is_owed_once_it_is_back() -> None:
    apps = ("crm", "news")
    whole = people(apps, digest="whole")
    phone = replace(whole.rules["phone"], lenses={"news": whole.rules["phone"].lenses["news"]}, ways={"news": Way.BOTH})
    less = replace(whole, rules={**whole.rules, "phone": phone}, digest="less")
    scene = Scene(sync=whole)
    scene.fake("crm").person_creates(email="ada@example.com", phone="0")
    scene.run()
    scene.restart(sync=less)
    scene.wait(minutes=1)
    scene.fake("news").person_edits("news-1", phone="1")
    with scene.store.begin() as tx:
        tx.hints.add([Ref("news", "people", "news-1")], tx.now)
    tend(scene.world, "news")
    assert [entity.value("phone") for entity in scene.entities()] == ["1"]
    scene.restart(sync=whole)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == "1"
