"""Rare turns of the story that were once told wrongly."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fieldmap import Sync
from syncd.store.values import Event
from tests.engine.world import Scene, people

APPS = ("crm", "news")


def _linked(count: int = 1, sync: Sync | None = None, names: tuple[str, ...] = APPS) -> Scene:
    scene = Scene(names=names, sync=sync)
    for n in range(count):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=False)
    scene.run()
    return scene


def _later(scene: Scene, rounds: int = 3) -> None:
    for _ in range(rounds):
        scene.run()
        scene.wait(minutes=11)


def _ruled(field: str, **more: object) -> Sync:
    sync = people(APPS)
    return replace(sync, rules={**sync.rules, field: replace(sync.rules[field], **more)})  # type: ignore[arg-type]


def test_a_record_missed_once_and_shown_again_unchanged_is_synced_on() -> None:
    scene = _linked(8)
    row = scene.fake("crm").rows.pop("crm-1")
    scene.run()
    scene.fake("crm").rows["crm-1"] = row
    scene.run()
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p0@example.com"), first="New")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["first"] == "New"


def test_a_deleted_record_restored_unchanged_is_back_once_and_synced_on() -> None:
    scene = _linked(8)
    row = scene.fake("crm").rows.pop("crm-1")
    _later(scene, 2)
    scene.fake("crm").rows["crm-1"] = row
    _later(scene, 2)
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p0@example.com"), first="New")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["first"] == "New"
    assert [entry.event for entry in scene.log()].count(Event.RETURNED) == 1


def test_an_opt_in_at_a_consent_source_is_believed_and_spread() -> None:
    scene = _linked(sync=_ruled("out", consent_sources=frozenset({"news"})))
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    scene.fake("news").person_edits("news-1", out=False)
    _later(scene, 2)
    assert [scene.fake(app).shown(f"{app}-1")["out"] for app in APPS] == [False, False]
    assert [entry.app for entry in scene.log() if entry.event is Event.OPTED_IN] == ["news"]


def test_the_new_address_of_somebody_opted_out_is_opted_out_for_good() -> None:
    scene = _linked(8)
    scene.fake("crm").person_edits("crm-1", out=True)
    scene.run()
    scene.fake("crm").person_edits("crm-1", email="new@example.com")
    scene.run()
    scene.fake("crm").person_deletes("crm-1")
    scene.fake("news").person_deletes(scene.fake("news").find_one(email="new@example.com"))
    _later(scene)
    scene.fake("crm").person_creates(email="new@example.com", out=False)
    scene.run()
    assert scene.fake("news").shown(scene.fake("news").find_one(email="new@example.com"))["out"] is True
