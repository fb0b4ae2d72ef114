"""The same field changed on both sides: the policy decides, the loser stays in the log."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fieldmap import Policy, Seed
from syncd.store.values import ParkedKind
from tests.engine.world import Scene, people, rule


def _duel(policy: Policy, first: str, second: str, **more: object) -> Scene:
    apps = ("crm", "news")
    scene = Scene(sync=people(apps, rule("stage", apps, policy=policy, **more)))
    ada = scene.fake("crm").person_creates(email="ada@example.com", stage="old")
    scene.run()
    scene.fake("crm").person_edits(ada, stage=first)
    scene.wait(seconds=30)
    scene.fake("news").person_edits("news-1", stage=second)
    scene.run()
    return scene


def test_prefer_gives_the_preferred_app_its_way_and_logs_the_loser() -> None:
    scene = _duel(Policy.PREFER, "from crm", "from news")
    assert scene.fake("crm").shown("crm-1")["stage"] == scene.fake("news").shown("news-1")["stage"] == "from crm"
    lost = [entry.fields["stage"] for entry in scene.log() if entry.fields.get("stage", {}).get("verdict") == "lost"]
    assert lost[0]["new"] == "from news"


def test_prefer_does_not_depend_on_who_was_read_first() -> None:
    apps = ("news", "crm")
    scene = Scene(names=apps, sync=people(apps, rule("stage", apps, policy=Policy.PREFER, order=("crm", "news"))))
    scene.fake("crm").person_creates(email="ada@example.com", stage="old")
    scene.run()
    scene.fake("crm").person_edits("crm-1", stage="from crm")
    scene.fake("news").person_edits("news-1", stage="from news")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["stage"] == scene.fake("news").shown("news-1")["stage"] == "from crm"


def test_manual_asks_and_the_other_fields_go_on() -> None:
    scene = Scene()
    ada = scene.fake("crm").person_creates(email="ada@example.com", first="Ada", phone="1")
    scene.run()
    scene.fake("crm").person_edits(ada, phone="2")
    scene.fake("news").person_edits("news-1", phone="3", first="Augusta")
    scene.run()
    assert scene.fake("crm").shown(ada)["phone"] == "2"
    assert scene.fake("news").shown("news-1")["phone"] == "3"
    assert scene.fake("crm").shown(ada)["first"] == "Augusta"
    (asked,) = scene.parked()
    assert (asked.kind, asked.field, asked.detail["theirs"]) == (ParkedKind.CONFLICT, "phone", "3")


def test_the_same_new_value_on_both_sides_is_no_conflict() -> None:
    scene = Scene()
    ada = scene.fake("crm").person_creates(email="ada@example.com", phone="1")
    scene.run()
    scene.fake("crm").person_edits(ada, phone="2")
    scene.fake("news").person_edits("news-1", phone="2")
    assert scene.run().tally.written == 0
    assert scene.parked() == []


def test_newest_beats_older_beyond_the_skew_margin_only() -> None:
    scene = _duel(Policy.NEWEST, "first", "30 seconds later")
    assert scene.fake("crm").shown("crm-1")["stage"] == "first"
    scene.fake("crm").person_edits("crm-1", stage="third")
    scene.wait(minutes=10)
    scene.fake("news").person_edits("news-1", stage="ten minutes later")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["stage"] == "ten minutes later"


def test_union_keeps_what_both_added_and_drops_what_either_removed() -> None:
    apps = ("crm", "news")
    scene = Scene(sync=people(apps, rule("tags", apps, policy=Policy.UNION)))
    scene.fake("crm").person_creates(email="ada@example.com", tags=["a", "b"])
    scene.run()
    scene.fake("crm").person_edits("crm-1", tags=["a", "b", "c"])
    scene.fake("news").person_edits("news-1", tags=["b", "d"])
    scene.run()
    assert scene.fake("crm").shown("crm-1")["tags"] == ["b", "c", "d"]
    assert scene.fake("news").shown("news-1")["tags"] == ["b", "c", "d"]


def test_first_contact_with_both_filled_follows_the_seed_rule() -> None:
    apps = ("crm", "news")
    for seed, order, expected in (
        (Seed.PREFER, ("crm", "news"), "Ada"),
        (Seed.PREFER, ("news", "crm"), "Augusta"),
    ):
        scene = Scene(sync=replace(people(apps), seed=seed, seed_order=order))
        scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
        scene.fake("news").person_creates(email="ada@example.com", first="Augusta")
        scene.run()
        assert scene.fake("crm").shown("crm-1")["first"] == scene.fake("news").shown("news-1")["first"] == expected


def test_first_contact_may_ask() -> None:
    scene = Scene(sync=people(("crm", "news"), seed=Seed.ASK, seed_order=()))
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("news").person_creates(email="ada@example.com", first="Augusta")
    assert scene.run().tally.written == 0
    assert [item.field for item in scene.parked()] == ["first"]


def test_a_value_that_no_app_can_agree_on_freezes_only_that_field() -> None:
    apps = ("crm", "news")
    scene = Scene(sync=people(apps, rule("stage", apps)))
    scene.fake("crm").person_creates(email="ada@example.com", stage="x", first="Ada")
    scene.run()
    for turn in range(12):
        # Each app's own workflow rewrites the value some time after our write.
        scene.fake("crm").person_edits("crm-1", stage="UP")
        scene.run(whole=False)
        scene.fake("news").person_edits("news-1", stage="up")
        scene.run(whole=False)
        if any(item.kind is ParkedKind.LOOP for item in scene.parked()):
            assert turn < 6
            break
    else:
        raise AssertionError("the loop was never noticed")
    scene.fake("crm").person_edits("crm-1", stage="UP!", first="Augusta")
    before = scene.fake("news").shown("news-1")["stage"]
    scene.run()
    assert scene.fake("news").shown("news-1") | {"first": "Augusta", "stage": before} == scene.fake("news").shown(
        "news-1"
    )
