"""What random stories found, told again in short: ids given twice, keys not given up yet, opt-outs of old addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.core.entity import LinkState
from syncd.core.fieldmap import Deletion, Seed
from syncd.core.record import Update
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import approve, resolve_conflict, retry
from syncd.engine.fuse import fuse
from syncd.engine.remedies import paused, resume
from syncd.sdk.contract import Deletes
from syncd.store.values import Event, ParkedKind
from syncd.testing.fake import capable
from tests.engine.turns import ADA, APPS, EVE, gives_again, inside, later, linked, without_search
from tests.engine.world import Scene, people

# --- who was deleted stays deleted ---------------------------------------------------------------------------------


@pytest.mark.parametrize("noticed", [True, False])
def test_that_somebody_was_deleted_is_remembered_though_the_app_gives_the_id_to_another(noticed: bool) -> None:
    scene = linked(8, deletes=Deletion.IGNORE)
    news = scene.fake("news")
    id = news.find_one(email="p0@example.com")
    news.person_deletes(id)
    if noticed:
        later(scene)
    scene.wait(seconds=5)
    gives_again(news, id)
    assert news.person_creates(email=EVE, out=False) == id
    later(scene)
    assert "p0@example.com" not in {row.fields["email"] for row in news.rows.values()}
    assert scene.fake("crm").find_one(email=EVE)
    scene.fake("crm").person_edits("crm-1", phone="5")
    later(scene)
    assert len(news.rows) == 8


def test_that_somebody_was_deleted_is_remembered_though_another_is_merged_into_their_record() -> None:
    scene = linked(8, deletes=Deletion.IGNORE)
    news = scene.fake("news")
    ada, eve = (news.find_one(email=f"p{n}@example.com") for n in (0, 1))
    news.person_merges(ada, eve)
    news.person_deletes(ada)
    later(scene)
    lost = [entity for entity in scene.entities() if entity.value("email") in ("p0@example.com", "p1@example.com")]
    states = [[link.state for link in scene.links(entity.id) if link.ref.app == "news"] for entity in lost]
    assert states == [[LinkState.GONE], [LinkState.GONE]]


def test_that_somebody_was_deleted_is_remembered_of_whom_they_become_one_with_as_the_id_is_given_to_another() -> None:
    scene = linked(2, creates=frozenset())
    crm = scene.fake("crm")
    keep, lose = scene.entities()
    (lost,) = scene.links(lose.id)
    with scene.store.begin() as tx:
        assert not fuse(scene.world, tx, scene.world.syncs["people"], keep, lose, "they are one")
    crm.person_deletes(lost.ref.id)
    scene.wait(seconds=5)
    gives_again(crm, lost.ref.id)
    crm.person_creates(email=EVE, out=False)
    later(scene)
    assert sorted(link.state for link in scene.links(keep.id)) == [LinkState.GONE, LinkState.LIVE]
    assert len(scene.entities()) == 2


def test_a_new_record_with_the_id_of_one_that_was_deleted_is_not_the_same_person() -> None:
    scene = linked(8, deletes=Deletion.HOLD)
    news, crm = scene.fake("news"), scene.fake("crm")
    id = news.find_one(email="p0@example.com")
    news.person_deletes(id)
    scene.wait(seconds=5)
    gives_again(news, id)
    crm.person_creates(email=EVE, first="Eve")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    assert news.shown(id)["email"] == EVE
    assert len(scene.entities()) == 9
    assert [work.kind for work in scene.parked()] == [ParkedKind.HOLD]


@pytest.mark.parametrize("again", [False, True])
def test_a_record_that_a_create_in_doubt_made_of_somebody_deleted_meanwhile_is_up_to_the_policy(again: bool) -> None:
    scene = Scene(sync=replace(people(APPS), deletes=Deletion.IGNORE))
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    news.fault = "late"
    crm.person_creates(email=ADA, first="Ada")
    scene.run()
    crm.person_deletes("crm-1")
    news.fault = ""
    scene.clock.sleep(1)
    if again:
        gives_again(crm, "crm-1")
    crm.person_creates(email=EVE)
    scene.run()
    news.land_late()
    later(scene)
    assert news.find_one(email=ADA)


def test_a_record_that_a_create_in_doubt_made_is_asked_about_if_it_was_edited_though_the_delete_was_approved() -> None:
    scene = linked(2, names=("crm", "news", "shop"), deletes=Deletion.HOLD)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    news.fault = "late"
    id = crm.person_creates(email=ADA, first="Ada")
    scene.run()
    news.fault = ""
    crm.person_deletes(id)
    scene.clock.sleep(1)
    pull_app(scene.world, "crm", whole=True)
    (hold,) = scene.parked()
    assert approve(scene.world, hold.id, by="op")
    news.land_late()
    news.person_edits(news.find_one(email=ADA), first="")
    later(scene)
    assert news.find_one(email=ADA)
    (asked,) = scene.parked()
    assert (asked.kind, asked.reason) == (ParkedKind.HOLD, "news/people/news-3 may have been edited since it was made")
    assert approve(scene.world, asked.id, by="op")
    later(scene)
    assert [len(fake.rows) for fake in scene.fakes.values()] == [2, 2, 2]


def test_a_record_that_was_brought_back_and_deleted_by_syncd_is_not_taken_for_the_one_a_person_deleted() -> None:
    scene = linked(30, names=("crm", "news", "shop"), deletes=Deletion.PROPAGATE)
    crm, news, shop = (scene.fake(name) for name in scene.names)
    for fake in scene.fakes.values():
        capable(fake, deletes=Deletes.TOLD)
    row = crm.rows["crm-1"]
    crm.person_deletes("crm-1")
    later(scene)
    scene.wait(hours=1)
    crm.rows["crm-1"] = row
    crm.person_edits("crm-1", first="Back")
    news.fault = "after"
    scene.run()
    news.fault, news.concealed = "", frozenset({news.find_one(email="p0@example.com")})
    scene.wait(minutes=11)
    shop.person_deletes(shop.find_one(email="p0@example.com"))
    later(scene)
    assert [len(fake.rows) for fake in scene.fakes.values()] == [29, 29, 29]
    gone = [str(entry.ref) for entry in scene.log() if entry.event is Event.GONE]
    assert gone == ["crm/people/crm-1", "shop/people/shop-31", "shop/people/shop-31"]


def test_a_record_that_was_touched_while_its_delete_was_in_doubt_is_not_deleted_again() -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    id = news.find_one(email="p0@example.com")
    crm.person_deletes("crm-1")
    news.fault = "before"
    scene.run()
    news.fault = ""
    news.person_edits(id, stage="brought back")  # no field of the mapping, and yet somebody was there
    later(scene)
    assert id in news.rows
    assert crm.find_one(email="p0@example.com")


def test_a_yes_to_a_delete_covers_what_is_found_to_be_deleted_elsewhere() -> None:
    names = ("crm", "news", "shop")
    scene = linked(8, names=names, deletes=Deletion.HOLD)
    scene.safety = replace(scene.safety, limits=replace(scene.safety.limits, deletes=1))
    for app in ("crm", "shop"):
        capable(scene.fake(app), deletes=Deletes.TOLD)
    for n in range(3):
        scene.fake("crm").person_deletes(scene.fake("crm").find_one(email=f"p{n}@example.com"))
    later(scene, 1)
    for n in range(3):
        scene.fake("shop").person_deletes(scene.fake("shop").find_one(email=f"p{n}@example.com"))
    for work in scene.parked():
        assert approve(scene.world, work.id, by="op")
    later(scene)
    assert len(scene.fake("news").rows) == 5
    assert not paused(scene.world, "news")


def test_what_a_delete_in_doubt_has_removed_is_in_the_log() -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    capable(scene.fake("crm"), deletes=Deletes.TOLD)
    id = scene.fake("news").find_one(email="p0@example.com")
    scene.fake("crm").person_deletes("crm-1")
    scene.fake("news").fault = "after"
    scene.run()
    scene.fake("news").fault = ""
    later(scene)
    (removed,) = [entry for entry in scene.log() if entry.event is Event.REMOVED]
    assert id not in scene.fake("news").rows
    assert removed.fields["first"]["old"] == "P0"


# --- whose key it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", [True, False])
def test_nobody_gets_an_address_that_another_record_there_may_keep(search: bool) -> None:
    scene = linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    if not search:
        without_search(news)
    id = news.find_one(email="p0@example.com")
    news.refuses = lambda write: "not this one" if isinstance(write, Update) and write.ref.id == id else ""
    crm.person_edits("crm-1", email=ADA)
    crm.person_creates(email="p0@example.com", first="Another")
    later(scene)
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1
    assert ParkedKind.AMBIGUOUS in {work.kind for work in scene.parked()}


@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("unique", [(), ("email",)])
def test_an_address_passes_to_another_once_its_first_owner_has_given_it_up(search: bool, unique: Any) -> None:
    scene = linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, unique=unique)
    if not search:
        without_search(news)
    crm.person_edits("crm-1", email=ADA)
    crm.person_creates(email="p0@example.com", first="Another")
    later(scene)
    assert sorted(str(row.fields["email"]) for row in news.rows.values()) == [ADA, "p0@example.com", "p1@example.com"]
    assert len(scene.entities()) == 3
    assert scene.parked() == []


def test_nobody_is_made_where_a_record_with_their_address_may_just_be_deleted() -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(news)
    capable(crm, deletes=Deletes.TOLD)
    news.fault = "before"
    crm.person_deletes("crm-1")
    scene.run()
    news.fault = ""
    crm.person_creates(email="p0@example.com", first="Back")
    scene.run()
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1
    later(scene)
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1


# --- opt-outs ------------------------------------------------------------------------------------------------------


def test_the_address_that_a_person_decides_on_is_opted_out_if_its_owner_is() -> None:
    scene = Scene(sync=replace(people(APPS), seed=Seed.ASK))
    sync = scene.sync
    assert sync is not None
    scene.sync = replace(sync, match=(("phone",), ("email",)))
    scene.fake("crm").person_creates(email=ADA, phone="1", out=True)
    scene.fake("news").person_creates(email=EVE, phone="1", out=False)
    scene.run()
    (asked,) = [work for work in scene.parked() if work.field == "email"]
    resolve_conflict(scene.world, asked.id, EVE, by="op")
    with scene.store.read() as tx:
        assert tx.optouts.of("consent:email", [ADA, EVE]).keys() == {ADA, EVE}


def test_an_opt_out_at_a_record_that_a_create_in_doubt_made_counts_for_the_address_it_shows() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    news.fault = "after"
    crm.person_creates(email=ADA, out=False)
    scene.run()
    news.fault = ""
    crm.person_edits("crm-1", email=EVE)
    news.person_edits("news-1", out=True)
    later(scene)
    crm.person_creates(email=ADA, out=False)
    later(scene)
    assert crm.shown(crm.find_one(email=ADA))["out"] is True


@pytest.mark.parametrize("again", [True, False])
def test_an_opt_in_goes_to_no_record_that_keeps_another_address(again: bool) -> None:
    sync = people(APPS)
    out = replace(sync.rules["out"], consent_sources=frozenset({"crm"}))
    scene = Scene(sync=replace(sync, rules={**sync.rules, "out": out}))
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_creates(email=ADA, out=False)
    news.person_creates(email=EVE, out=False)
    scene.sync = replace(scene.sync or sync, creates=frozenset({"news"}))
    scene.run()
    crm.person_edits("crm-1", out=True)
    scene.run()
    crm.person_edits("crm-1", email=EVE)
    if again:
        scene.run()
        for work in scene.parked():
            retry(scene.world, work.id, by="op")
    crm.person_edits("crm-1", out=False)
    later(scene)
    assert news.shown(news.find_one(email=ADA))["out"] is True


def test_an_opt_in_of_a_record_that_comes_back_within_its_filter_is_noticed() -> None:
    scene = linked(3, filters=inside("Out"))
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", first="Out")
    scene.run()
    news.person_edits(id, out=True)
    scene.run()
    news.person_edits(id, out=False)
    scene.run()
    crm.person_edits("crm-1", first="In")
    later(scene)
    assert ParkedKind.OPT_IN in {work.kind for work in scene.parked()}


def test_an_opt_out_that_may_be_ours_or_a_persons_counts_for_the_address_shown() -> None:
    scene = linked()
    crm, news = scene.fake("crm"), scene.fake("news")
    news.person_creates(email=ADA, out=False)
    scene.run()
    crm.person_edits("crm-1", email=ADA)  # taken in news: a question, and the old address stays there
    crm.person_edits("crm-1", out=True)
    news.fault = "before"
    scene.run()
    news.fault = ""
    news.person_edits(news.find_one(email="p0@example.com"), out=True)
    later(scene)
    crm.person_creates(email="p0@example.com", out=False)
    later(scene)
    assert crm.shown(crm.find_one(email="p0@example.com"))["out"] is True


# --- what is owed --------------------------------------------------------------------------------------------------


def test_what_was_typed_into_a_record_outside_its_filter_is_taken_in_when_it_is_back_within() -> None:
    scene = linked(filters=inside("Out"))
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", first="Out")
    scene.run(whole=False)
    news.person_edits("news-1", phone="5")
    scene.run(whole=False)
    news.person_edits("news-1", first="In")
    crm.person_edits("crm-1", first="In")
    scene.run(whole=False)
    scene.run(whole=False)
    assert crm.shown("crm-1")["phone"] == "5"


def test_who_resumed_an_app_is_taken_at_their_word() -> None:
    scene = linked(4)
    scene.fake("news").rows.clear()
    later(scene)
    assert paused(scene.world, "news")
    resume(scene.world, "news", by="op")
    later(scene)
    assert {work.kind for work in scene.parked()} == {ParkedKind.HOLD}
