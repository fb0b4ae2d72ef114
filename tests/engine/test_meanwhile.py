"""What random stories found, told again in short: what happens while syncd is about something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.core.fieldmap import Deletion
from syncd.core.record import Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import approve
from syncd.engine.fuse import fuse
from syncd.engine.push import push
from syncd.engine.remedies import paused
from syncd.engine.revive import revive
from syncd.errors import Unavailable
from syncd.sdk.contract import Deletes
from syncd.store.values import Event, ParkedKind
from syncd.testing.fake import capable
from tests.engine.turns import ADA, APPS, EVE, gives_again, inside, later, linked, without_search
from tests.engine.world import Scene, people

# --- what happens meanwhile ----------------------------------------------------------------------------------------


def test_who_got_another_address_while_the_app_was_searched_is_looked_for_again() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    news.person_creates(email=EVE, first="Eve")
    crm.person_creates(email=ADA, first="Ada")
    pull_app(scene.world, "crm")
    find = news.find

    def meanwhile(*asked: Any) -> Any:
        news.find = find  # type: ignore[method-assign]
        scene.clock.sleep(1)
        crm.person_edits("crm-1", email=EVE)
        pull_app(scene.world, "crm")
        return find(*asked)

    news.find = meanwhile  # type: ignore[method-assign,assignment]
    tend(scene.world, "news")
    later(scene)
    assert [row.fields["email"] for row in news.rows.values()] == [EVE]


def test_nobody_is_made_with_the_address_of_a_create_that_may_yet_land() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    news.fault = "late"
    crm.person_creates(email=ADA, first="Ada")
    scene.run()
    news.fault = ""
    crm.person_edits("crm-1", email=EVE)
    crm.person_creates(email=ADA, first="Another")
    scene.run()
    news.land_late()
    later(scene)
    assert sorted(str(row.fields["email"]) for row in news.rows.values()) == [ADA, EVE]


def test_who_was_restored_before_a_delete_is_approved_is_not_deleted_elsewhere() -> None:
    scene = linked(8)
    crm = scene.fake("crm")
    row = crm.rows["crm-1"]
    crm.person_deletes("crm-1")
    later(scene)
    (hold,) = scene.parked()
    crm.rows["crm-1"] = row
    assert not approve(scene.world, hold.id, by="op")
    later(scene)
    assert len(scene.fake("news").rows) == 8
    assert scene.parked() == []


def test_a_record_restored_while_a_write_to_it_was_in_doubt_is_back() -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, deletes=Deletes.TOLD)
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", first="New")
    news.fault = "after"
    scene.run()
    news.fault = ""
    row = news.rows[id]
    news.person_deletes(id)
    scene.clock.sleep(1)
    pull_app(scene.world, "news")
    news.rows[id] = row
    later(scene)
    assert id in news.rows
    assert crm.find_one(email="p0@example.com")


def blind_twice(scene: Scene) -> None:
    """The CRM shows nothing in two spells, as long apart as two looks are, and is asked for its record in both."""
    crm = scene.fake("crm")
    for fault in ("blind", "", "blind"):
        crm.fault = fault
        if fault:
            with scene.store.begin() as tx:
                tx.hints.add([Ref("crm", "people", "crm-1")], tx.now)
            tend(scene.world, "crm")
        scene.wait(minutes=6)
    crm.fault = ""


def test_the_only_record_that_an_app_shows_is_not_believed_to_be_deleted_on_its_own_word() -> None:
    scene = linked(1, deletes=Deletion.PROPAGATE)
    blind_twice(scene)
    tend(scene.world, "news")
    assert len(scene.fake("news").rows) == 1
    assert [work.kind for work in scene.parked()] == [ParkedKind.HOLD]
    later(scene)
    assert scene.parked() == []


def test_the_only_record_that_an_app_shows_is_not_made_again_for_an_edit_that_it_was_yet_to_be_told_of() -> None:
    scene = linked(1, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(crm)
    scene.clock.sleep(1)
    news.person_edits("news-1", first="New")
    pull_app(scene.world, "news")
    blind_twice(scene)
    assert [work.kind for work in scene.parked()] == [ParkedKind.HOLD]
    later(scene)
    assert [row.fields["first"] for row in crm.rows.values()] == ["New"]


def test_a_create_in_doubt_is_known_though_its_record_has_left_the_filter() -> None:
    scene = Scene(sync=replace(people(APPS), filters=inside("Out")))
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(news)
    news.fault = "after"
    crm.person_creates(email=ADA, first="Ada")
    scene.run()
    news.fault = ""
    news.person_edits("news-1", first="Out")
    later(scene, 4)
    assert len(news.rows) == 1


# --- edits beat deletes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [Deletion.PROPAGATE, Deletion.HOLD])
def test_who_deletes_a_record_that_was_yet_to_be_told_of_an_edit_deletes_nobody_elsewhere(policy: Deletion) -> None:
    scene = linked(30, deletes=policy)
    crm, news = scene.fake("crm"), scene.fake("news")
    news.person_edits(news.find_one(email="p0@example.com"), first="New")
    pull_app(scene.world, "news")
    crm.person_deletes("crm-1")
    scene.clock.sleep(1)
    later(scene)
    assert news.find_one(email="p0@example.com")
    assert bool(scene.parked()) is (policy is Deletion.HOLD)
    if policy is Deletion.PROPAGATE:
        assert crm.shown(crm.find_one(email="p0@example.com"))["first"] == "New"


def test_a_record_that_has_left_its_filter_stays_when_its_person_is_deleted_elsewhere() -> None:
    names = ("crm", "news", "shop")
    scene = linked(30, names=names, deletes=Deletion.PROPAGATE, filters=inside("Out"))
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", first="Out")
    later(scene, 2)
    crm.person_deletes("crm-1")
    later(scene)
    assert len(scene.fake("shop").rows) == 29
    assert news.find_one(email="p0@example.com")


@pytest.mark.parametrize("policy", [Deletion.PROPAGATE, Deletion.IGNORE])
def test_a_record_that_was_let_go_of_before_its_person_was_deleted_stays_when_the_filter_is_taken_away(
    policy: Deletion,
) -> None:
    scene = linked(8, filters=inside("Out"), deletes=policy)
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", first="Out")
    later(scene)
    crm.person_deletes("crm-1")
    later(scene)
    scene.restart(sync=replace(scene.world.syncs["people"], filters={}, digest="without a filter"))
    later(scene)
    assert id in news.rows
    crm.person_creates(email="p0@example.com", out=True)
    later(scene)
    assert news.shown(id)["out"] is True


def test_who_was_fused_with_another_and_is_restored_is_a_second_record_of_theirs() -> None:
    scene = Scene(sync=replace(people(APPS), creates=frozenset({"news"}), deletes=Deletion.IGNORE))
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_creates(email=ADA, first="Ada")
    news.person_creates(email=EVE, first="Eve")
    news.person_creates(email="other@example.com")
    scene.run()
    eve = news.find_one(email=EVE)
    row = news.rows[eve]
    news.person_deletes(eve)
    later(scene)
    with scene.store.begin() as tx:
        by_address = {entity.value("email"): entity for entity in tx.entities.all("people")}
        sync = scene.world.syncs["people"]
        assert fuse(scene.world, tx, sync, by_address[ADA], by_address[EVE], "they are one")
    row.fields["email"] = ADA
    news.rows[eve] = row
    later(scene)
    assert [work.kind for work in scene.parked()] == [ParkedKind.DUPLICATE]
    assert len(scene.entities()) == 2


def test_nobody_is_made_with_an_address_that_is_a_question_though_the_search_is_late() -> None:
    scene = linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", email="p1@example.com")  # p1 has it in news
    scene.run()
    assert ParkedKind.AMBIGUOUS in {work.kind for work in scene.parked()}
    find = news.find
    news.find = lambda object, field, values: {value: [] for value in values}  # type: ignore[method-assign]  # noqa: A006
    crm.person_creates(email="p0@example.com", first="Another")
    scene.run()
    news.find = find  # type: ignore[method-assign]
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1


def test_a_new_record_that_cannot_be_read_and_has_a_known_id_is_looked_at_before_two_are_fused() -> None:
    scene = linked(8, deletes=Deletion.HOLD)
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    news.person_deletes(id)
    scene.wait(seconds=5)
    gives_again(news, id)
    stored, read = news._stored, news.read
    news._stored = lambda key, id: replace(stored(key, id), record=None)  # type: ignore[method-assign]  # noqa: A006

    def unread(refs: Any) -> Any:
        if id in news.rows:
            news.read = read  # type: ignore[method-assign]
            raise Unavailable("not now")
        return read(refs)

    news.read = unread  # type: ignore[method-assign]
    crm.person_creates(email=EVE, first="Eve")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    later(scene, 4)
    assert len(scene.entities()) == 9
    assert news.shown(news.find_one(email=EVE))["first"] == "Eve"


def test_a_write_in_doubt_that_lands_in_another_record_of_the_same_id_is_no_edit_of_the_deleted_one() -> None:
    scene = linked(8, deletes=Deletion.HOLD)
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", phone="5")
    news.fault = "late"
    scene.run()
    news.fault = ""
    news.person_deletes(id)
    scene.wait(seconds=5)
    gives_again(news, id)
    news.person_creates(email=EVE, first="Eve")
    news.land_late()
    later(scene)
    assert crm.shown("crm-1")["first"] == "P0"
    assert crm.shown(crm.find_one(email=EVE))["phone"] == "5"


def test_a_record_that_was_merged_before_a_delete_is_approved_was_not_deleted() -> None:
    scene = linked(8)
    crm = scene.fake("crm")
    row = crm.rows["crm-1"]
    crm.person_deletes("crm-1")
    later(scene)
    (hold,) = scene.parked()
    crm.rows["crm-1"] = row
    crm.person_merges("crm-2", "crm-1")
    assert not approve(scene.world, hold.id, by="op")
    later(scene)
    assert len(scene.fake("news").rows) == 8
    assert ParkedKind.HOLD not in {work.kind for work in scene.parked()}


def test_what_waited_for_a_delete_goes_on_once_it_is_found_to_have_been_a_merge() -> None:
    scene = linked(8, names=("crm", "news", "shop"))
    crm, news, shop = (scene.fake(name) for name in ("crm", "news", "shop"))
    row = crm.rows["crm-1"]
    crm.person_deletes("crm-1")
    later(scene)
    (hold,) = scene.parked()
    news.person_edits(news.find_one(email="p0@example.com"), first="New")
    later(scene)
    assert shop.shown(shop.find_one(email="p0@example.com"))["first"] == "P0"
    crm.rows["crm-1"] = row
    crm.person_merges("crm-2", "crm-1")
    assert not approve(scene.world, hold.id, by="op")
    later(scene)
    assert shop.shown(shop.find_one(email="p0@example.com"))["first"] == "New"


def test_whoever_waited_for_a_record_is_asked_about_once_another_is_merged_into_it() -> None:
    scene = linked(8)
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    row = news.rows[id]
    crm.person_deletes("crm-1")
    news.person_deletes(id)
    later(scene)
    news.person_creates(email="p0@example.com", first="Again")
    scene.clock.sleep(1)
    pull_app(scene.world, "news")
    news.rows[id] = row
    with scene.store.begin() as tx:
        tx.hints.add([Ref("news", "people", id)], tx.now)
    tend(scene.world, "news")
    crm.person_creates(email="p0@example.com", first="A third")
    later(scene)
    third = crm.find_one(email="p0@example.com")
    assert [work.ref and work.ref.id for work in scene.parked()] == [third]
    crm.person_merges(third, "crm-2")
    later(scene)
    asked = {id for work in scene.parked() for id in (work.entity, *work.detail.get("entities", ()))}
    lacking = [one.id for one in scene.entities() if all(link.ref.app != "crm" for link in scene.links(one.id))]
    assert len(lacking) == 2
    assert asked >= set(lacking)


def test_a_merge_is_followed_at_once_though_a_write_to_the_record_is_in_doubt() -> None:
    scene = linked(8)
    crm, news = scene.fake("crm"), scene.fake("news")
    ada, eve = (news.find_one(email=f"p{n}@example.com") for n in (0, 1))
    crm.person_edits("crm-1", phone="5")
    news.fault = "before"
    scene.run()
    news.fault = ""
    news.person_merges(eve, ada)
    scene.wait(minutes=3)
    tend(scene.world, "news")
    assert [entry.note for entry in scene.log() if entry.event is Event.GONE] == [f"merged by the app into {eve}"]


@pytest.mark.parametrize("forgotten", [False, True])
def test_who_was_merged_into_a_record_that_syncd_deleted_unknowing_is_made_anew(forgotten: bool) -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    ada, eve = (news.find_one(email=f"p{n}@example.com") for n in (0, 1))
    crm.person_deletes("crm-2")
    scene.clock.sleep(1)
    pull_app(scene.world, "crm", whole=True)
    news.person_merges(eve, ada)
    push(scene.world, "news")
    assert eve not in news.rows
    if forgotten:  # an edit beat the delete elsewhere: they are alive again
        with scene.store.begin() as tx:
            lost = tx.links.get("people", Ref("news", "people", eve))
            assert lost is not None
            revive(tx, scene.world.syncs["people"], tx.entities.get(lost.entity), "edited elsewhere")
    later(scene)
    assert crm.find_one(email="p0@example.com")
    assert news.find_one(email="p0@example.com")
    assert len(news.rows) == 29


def test_a_record_restored_after_its_edit_had_beaten_the_delete_is_a_second_one_where_a_person_made_another() -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, deletes=Deletes.TOLD)
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", first="New")
    news.fault = "after"
    scene.run()
    news.fault = ""
    crm.person_edits("crm-1", phone="5")
    scene.clock.sleep(1)
    pull_app(scene.world, "crm")
    row = news.rows[id]
    news.person_deletes(id)
    scene.clock.sleep(1)
    pull_app(scene.world, "news", whole=True)
    news.person_creates(email="p0@example.com", first="Made again")
    scene.clock.sleep(1)
    pull_app(scene.world, "news", whole=True)
    news.rows[id] = row
    later(scene)
    assert not paused(scene.world, "news")
    assert {work.kind for work in scene.parked()} & {ParkedKind.DUPLICATE, ParkedKind.AMBIGUOUS}


def test_what_syncd_deleted_is_not_taken_for_a_persons_deed_when_a_create_in_doubt_comes_too_late() -> None:
    names = ("crm", "news", "shop")
    scene = linked(30, names=names, deletes=Deletion.PROPAGATE)
    crm, news, shop = (scene.fake(name) for name in names)
    news.fault = "late"
    crm.person_creates(email=ADA, first="Ada")
    scene.run()
    news.fault = ""
    shop.person_deletes(shop.find_one(email=ADA))
    scene.clock.sleep(1)
    capable(shop, deletes=Deletes.TOLD)
    pull_app(scene.world, "shop", whole=True)
    tend(scene.world, "crm")
    news.land_late()
    later(scene)
    gone = [entry.ref.app for entry in scene.log() if entry.event is Event.GONE and entry.ref]
    assert set(gone) == {"shop"}
    assert len(news.rows) == 30
