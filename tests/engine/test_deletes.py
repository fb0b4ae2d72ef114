"""Missing is not deleted, deleted is not spread without a yes, and an edit beats a delete."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fieldmap import Deletion
from syncd.core.record import Ref
from syncd.engine.decide import approve, drop_hold
from syncd.engine.remedies import paused, resume
from syncd.sdk.contract import Deletes
from syncd.store.values import ParkedKind
from syncd.testing.fake import capable
from tests.engine.world import Scene, people


def _scene(count: int = 8, deletes: Deletion = Deletion.HOLD) -> Scene:
    scene = Scene(sync=replace(people(("crm", "news")), deletes=deletes))
    for n in range(count):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    return scene


def _believed(scene: Scene) -> None:
    scene.run()
    scene.wait(minutes=11)
    scene.run()


def test_one_miss_is_not_believed() -> None:
    scene = _scene()
    scene.fake("crm").person_deletes("crm-1")
    scene.run()
    assert scene.parked() == []
    assert len(scene.fake("news").rows) == 8


def test_a_delete_waits_for_a_yes() -> None:
    scene = _scene()
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    (hold,) = scene.parked()
    assert hold.kind is ParkedKind.HOLD
    assert len(scene.fake("news").rows) == 8
    approve(scene.world, hold.id, by="op")
    scene.run()
    assert len(scene.fake("news").rows) == 7
    assert scene.run().tally.written == 0
    assert len(scene.fake("crm").rows) == 7


def test_a_held_delete_can_be_refused_and_the_record_comes_back() -> None:
    scene = _scene()
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    (hold,) = scene.parked()
    drop_hold(scene.world, hold.id, by="op")
    scene.run()
    assert scene.fake("crm").find_one(email="p0@example.com")
    assert len(scene.fake("news").rows) == 8


def test_an_edit_elsewhere_beats_a_delete() -> None:
    scene = _scene()
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    (hold,) = scene.parked()
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p0@example.com"), first="Edited")
    approve(scene.world, hold.id, by="op")
    scene.run()
    assert scene.fake("news").find_one(first="Edited")
    assert scene.fake("crm").find_one(first="Edited")


def test_a_record_that_comes_back_clears_its_hold() -> None:
    scene = _scene()
    kept = scene.fake("crm").rows["crm-1"]
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    scene.fake("crm").rows["crm-1"] = kept
    scene.run()
    assert scene.parked() == []
    assert len(scene.fake("news").rows) == 8


def test_propagate_deletes_without_asking_but_only_up_to_the_cap() -> None:
    scene = _scene(60, Deletion.PROPAGATE)
    for n in range(1, 11):
        scene.fake("crm").person_deletes(f"crm-{n}")
    _believed(scene)
    removed = 60 - len(scene.fake("news").rows)
    assert removed == 3  # 5 % of 60
    assert sum(item.kind is ParkedKind.HOLD for item in scene.parked()) == 7


def test_a_tombstone_needs_no_second_look() -> None:
    scene = _scene(30, Deletion.PROPAGATE)
    capable(scene.fake("crm"), deletes=Deletes.TOLD)
    scene.fake("crm").person_deletes("crm-1")
    scene.run()
    assert len(scene.fake("news").rows) == 29


def test_an_empty_listing_pauses_the_app_and_deletes_nothing() -> None:
    scene = _scene(30, Deletion.PROPAGATE)
    scene.fake("crm").fault = "blind"
    for _ in range(4):
        scene.run()
        scene.wait(minutes=11)
    assert len(scene.fake("news").rows) == 30
    assert "the listing is empty, and 30 records" in paused(scene.world, "crm")


def test_a_truncated_listing_pauses_the_app() -> None:
    scene = _scene(60, Deletion.PROPAGATE)
    scene.fake("crm").truncated = 10
    scene.run()
    assert "50 of the 60" in paused(scene.world, "crm")
    assert len(scene.fake("news").rows) == 60


def test_an_app_that_denies_everything_is_not_believed_about_one_record() -> None:
    scene = _scene(8, Deletion.PROPAGATE)
    capable(scene.fake("crm"), page_size=100)
    scene.fake("crm").truncated = 7
    scene.run()
    scene.fake("crm").fault = "blind"
    scene.wait(minutes=11)
    scene.run(whole=False)
    assert len(scene.fake("news").rows) == 8


def test_deletes_ignore_leaves_the_others_alone_and_does_not_re_create() -> None:
    scene = _scene(8, Deletion.IGNORE)
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p0@example.com"), first="Still here")
    scene.run()
    assert len(scene.fake("crm").rows) == 7
    assert len(scene.fake("news").rows) == 8


def test_archive_deletes_where_it_can_be_taken_back_and_asks_elsewhere() -> None:
    scene = _scene(30, Deletion.ARCHIVE)
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    assert "cannot archive" in scene.parked()[0].reason
    capable(scene.fake("news"), archives=True)
    scene.fake("crm").person_deletes("crm-2")
    _believed(scene)
    assert len(scene.fake("news").rows) == 29


def test_when_everything_is_denied_and_nobody_can_vouch_a_person_is_asked() -> None:
    scene = _scene(3, Deletion.PROPAGATE)
    scene.fake("crm").fault = "blind"
    with scene.store.begin() as tx:
        tx.hints.add([Ref("crm", "people", f"crm-{n}") for n in (1, 2, 3)], tx.now)
    scene.run(whole=False)
    assert "all 3 records that are linked there are denied" in paused(scene.world, "crm")
    assert len(scene.fake("news").rows) == 3


def test_an_app_that_is_resumed_with_new_credentials_is_no_less_guarded_than_before() -> None:
    """They may see less than the old ones: only what a guard had asked about is accepted by resuming."""
    scene = _scene(6, Deletion.PROPAGATE)
    crm = scene.fake("crm")
    crm.fault = "revoked"
    scene.run()
    assert resume(scene.world, "crm", by="op")
    crm.fault = "blind"
    for _ in range(2):
        scene.run()
        scene.wait(minutes=11)
    assert "the listing is empty" in paused(scene.world, "crm")
    crm.fault = ""
    assert resume(scene.world, "crm", by="op")
    scene.run()
    assert len(scene.fake("news").rows) == 6
    assert scene.parked() == []


def test_an_opt_out_does_not_wait_for_the_answer_to_a_delete() -> None:
    apps = ("crm", "news", "shop")
    scene = Scene(apps, people(apps))
    for n in range(8):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=False)
    scene.run()
    news, shop = scene.fake("news"), scene.fake("shop")
    here, there = (app.find_one(email="p0@example.com") for app in (news, shop))
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    (hold,) = scene.parked()
    news.person_edits(here, out=True, first="Typed")
    scene.run()
    assert shop.shown(there)["out"] is True
    assert shop.shown(there)["first"] == "P0"  # this waits
    assert [item.id for item in scene.parked()] == [hold.id]
    assert len(scene.fake("crm").rows) == 7


def test_a_person_made_again_where_they_were_deleted_is_no_question_any_more() -> None:
    scene = _scene()
    scene.fake("crm").person_deletes("crm-1")
    _believed(scene)
    assert [item.kind for item in scene.parked()] == [ParkedKind.HOLD]
    scene.fake("crm").person_creates(email="p0@example.com", first="Again")
    scene.run()
    assert scene.parked() == []
    assert scene.fake("news").find_one(email="p0@example.com", first="Again")
    assert len(scene.fake("news").rows) == 8


def test_a_delete_that_was_let_through_is_no_question_when_the_same_person_is_deleted_elsewhere() -> None:
    apps = ("crm", "news", "shop")
    scene = Scene(apps, replace(people(apps), deletes=Deletion.PROPAGATE))
    for n in range(8):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    scene.run()
    for app in ("crm", "news"):
        scene.fake(app).person_deletes(scene.fake(app).find_one(email="p0@example.com"))
    _believed(scene)
    assert scene.parked() == []
    assert [len(scene.fake(app).rows) for app in apps] == [7, 7, 7]
