"""What random stories found, told again in short: ids given twice, keys not given up yet, opt-outs of old addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.entity import LinkState
from syncd.core.fieldmap import Deletion, Seed, Sync
from syncd.core.record import Ref, Update
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import approve, resolve_conflict, retry
from syncd.engine.fuse import fuse
from syncd.engine.push import push
from syncd.engine.remedies import paused, resume
from syncd.errors import Unavailable
from syncd.sdk.contract import Deletes
from syncd.store.values import Event, ParkedKind
from syncd.testing.fake import Fake, capable
from tests.engine.world import Scene, people

APPS = ("crm", "news")
ADA, EVE = "ada@example.com", "eve@example.com"


def _linked(count: int = 1, **more: Any) -> Scene:
    names = more.pop("names", APPS)
    scene = Scene(names=names, sync=replace(people(names), **more))
    for n in range(count):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=False)
    scene.run()
    return scene


def _later(scene: Scene, rounds: int = 3) -> None:
    for _ in range(rounds):
        scene.run()
        scene.wait(minutes=11)


def _gives_again(fake: Fake, id: str) -> None:
    """The next record that the app makes gets this id."""
    made, create = fake.made, fake._create

    def again(fields: dict[str, Any], author: str) -> str:
        fake._create = create  # type: ignore[method-assign]
        fake.made = int(id.rpartition("-")[2]) - 1
        new = create(fields, author)
        fake.made = made
        return new

    fake._create = again  # type: ignore[method-assign]


def _without_search(fake: Fake) -> None:
    fake.findable = lambda object: ()  # type: ignore[method-assign]  # noqa: A006


def _inside(value: str) -> dict[str, Callable[[Any], bool]]:
    return {"news": lambda fields: fields.get("first") != value}


# --- who was deleted stays deleted ---------------------------------------------------------------------------------


@pytest.mark.parametrize("noticed", [True, False])
def test_that_somebody_was_deleted_is_remembered_though_the_app_gives_the_id_to_another(noticed: bool) -> None:
    scene = _linked(8, deletes=Deletion.IGNORE)
    news = scene.fake("news")
    id = news.find_one(email="p0@example.com")
    news.person_deletes(id)
    if noticed:
        _later(scene)
    scene.wait(seconds=5)
    _gives_again(news, id)
    assert news.person_creates(email=EVE, out=False) == id
    _later(scene)
    assert "p0@example.com" not in {row.fields["email"] for row in news.rows.values()}
    assert scene.fake("crm").find_one(email=EVE)
    scene.fake("crm").person_edits("crm-1", phone="5")
    _later(scene)
    assert len(news.rows) == 8


def test_that_somebody_was_deleted_is_remembered_though_another_is_merged_into_their_record() -> None:
    scene = _linked(8, deletes=Deletion.IGNORE)
    news = scene.fake("news")
    ada, eve = (news.find_one(email=f"p{n}@example.com") for n in (0, 1))
    news.person_merges(ada, eve)
    news.person_deletes(ada)
    _later(scene)
    lost = [entity for entity in scene.entities() if entity.value("email") in ("p0@example.com", "p1@example.com")]
    states = [[link.state for link in scene.links(entity.id) if link.ref.app == "news"] for entity in lost]
    assert states == [[LinkState.GONE], [LinkState.GONE]]


def test_a_new_record_with_the_id_of_one_that_was_deleted_is_not_the_same_person() -> None:
    scene = _linked(8, deletes=Deletion.HOLD)
    news, crm = scene.fake("news"), scene.fake("crm")
    id = news.find_one(email="p0@example.com")
    news.person_deletes(id)
    scene.wait(seconds=5)
    _gives_again(news, id)
    crm.person_creates(email=EVE, first="Eve")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    assert news.shown(id)["email"] == EVE
    assert len(scene.entities()) == 9
    assert [work.kind for work in scene.parked()] == [ParkedKind.HOLD]


def test_a_record_that_a_create_in_doubt_made_of_somebody_deleted_meanwhile_is_up_to_the_policy() -> None:
    scene = Scene(sync=replace(people(APPS), deletes=Deletion.IGNORE))
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    news.fault = "late"
    crm.person_creates(email=ADA, first="Ada")
    scene.run()
    crm.person_deletes("crm-1")
    news.fault = ""
    crm.person_creates(email=EVE)
    scene.run()
    news.land_late()
    _later(scene)
    assert news.find_one(email=ADA)


def test_a_record_that_was_touched_while_its_delete_was_in_doubt_is_not_deleted_again() -> None:
    scene = _linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    id = news.find_one(email="p0@example.com")
    crm.person_deletes("crm-1")
    news.fault = "before"
    scene.run()
    news.fault = ""
    news.person_edits(id, stage="brought back")  # no field of the mapping, and yet somebody was there
    _later(scene)
    assert id in news.rows
    assert crm.find_one(email="p0@example.com")


def test_a_yes_to_a_delete_covers_what_is_found_to_be_deleted_elsewhere() -> None:
    names = ("crm", "news", "shop")
    scene = _linked(8, names=names, deletes=Deletion.HOLD)
    scene.safety = replace(scene.safety, limits=replace(scene.safety.limits, deletes=1))
    for app in ("crm", "shop"):
        capable(scene.fake(app), deletes=Deletes.TOLD)
    for n in range(3):
        scene.fake("crm").person_deletes(scene.fake("crm").find_one(email=f"p{n}@example.com"))
    _later(scene, 1)
    for n in range(3):
        scene.fake("shop").person_deletes(scene.fake("shop").find_one(email=f"p{n}@example.com"))
    for work in scene.parked():
        assert approve(scene.world, work.id, by="op")
    _later(scene)
    assert len(scene.fake("news").rows) == 5
    assert not paused(scene.world, "news")


def test_what_a_delete_in_doubt_has_removed_is_in_the_log() -> None:
    scene = _linked(30, deletes=Deletion.PROPAGATE)
    capable(scene.fake("crm"), deletes=Deletes.TOLD)
    id = scene.fake("news").find_one(email="p0@example.com")
    scene.fake("crm").person_deletes("crm-1")
    scene.fake("news").fault = "after"
    scene.run()
    scene.fake("news").fault = ""
    _later(scene)
    (removed,) = [entry for entry in scene.log() if entry.event is Event.REMOVED]
    assert id not in scene.fake("news").rows
    assert removed.fields["first"]["old"] == "P0"


# --- whose key it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", [True, False])
def test_nobody_gets_an_address_that_another_record_there_may_keep(search: bool) -> None:
    scene = _linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    if not search:
        _without_search(news)
    id = news.find_one(email="p0@example.com")
    news.refuses = lambda write: "not this one" if isinstance(write, Update) and write.ref.id == id else ""
    crm.person_edits("crm-1", email=ADA)
    crm.person_creates(email="p0@example.com", first="Another")
    _later(scene)
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1
    assert ParkedKind.AMBIGUOUS in {work.kind for work in scene.parked()}


@pytest.mark.parametrize("search", [True, False])
@pytest.mark.parametrize("unique", [(), ("email",)])
def test_an_address_passes_to_another_once_its_first_owner_has_given_it_up(search: bool, unique: Any) -> None:
    scene = _linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, unique=unique)
    if not search:
        _without_search(news)
    crm.person_edits("crm-1", email=ADA)
    crm.person_creates(email="p0@example.com", first="Another")
    _later(scene)
    assert sorted(str(row.fields["email"]) for row in news.rows.values()) == [ADA, "p0@example.com", "p1@example.com"]
    assert len(scene.entities()) == 3
    assert scene.parked() == []


def test_nobody_is_made_where_a_record_with_their_address_may_just_be_deleted() -> None:
    scene = _linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    _without_search(news)
    capable(crm, deletes=Deletes.TOLD)
    news.fault = "before"
    crm.person_deletes("crm-1")
    scene.run()
    news.fault = ""
    crm.person_creates(email="p0@example.com", first="Back")
    scene.run()
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1
    _later(scene)
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1


def test_an_app_without_search_that_lacks_whom_a_person_deleted_there_still_settles_what_is_in_doubt() -> None:
    scene = _linked(4)
    crm, news = scene.fake("crm"), scene.fake("news")
    _without_search(news)
    capable(news, deletes=Deletes.HIDDEN)
    news.person_deletes(news.find_one(email="p0@example.com"))
    news.fault = "before"
    crm.person_creates(email=ADA)
    scene.run()
    news.fault = ""
    _later(scene, 4)
    assert news.find_one(email=ADA)


def test_one_listing_that_was_cut_unseen_makes_nobody_twice() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    _without_search(news)
    news.fault = "after"
    crm.person_creates(email=ADA)
    scene.run()
    news.fault, news.truncated = "", 0
    scene.wait(minutes=11)
    tend(scene.world, "news")
    news.truncated = None
    _later(scene)
    assert len(news.rows) == 1


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
    _later(scene)
    crm.person_creates(email=ADA, out=False)
    _later(scene)
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
    _later(scene)
    assert news.shown(news.find_one(email=ADA))["out"] is True


def test_an_opt_in_of_a_record_that_comes_back_within_its_filter_is_noticed() -> None:
    scene = _linked(3, filters=_inside("Out"))
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", first="Out")
    scene.run()
    news.person_edits(id, out=True)
    scene.run()
    news.person_edits(id, out=False)
    scene.run()
    crm.person_edits("crm-1", first="In")
    _later(scene)
    assert ParkedKind.OPT_IN in {work.kind for work in scene.parked()}


def test_an_opt_out_that_may_be_ours_or_a_persons_counts_for_the_address_shown() -> None:
    scene = _linked()
    crm, news = scene.fake("crm"), scene.fake("news")
    news.person_creates(email=ADA, out=False)
    scene.run()
    crm.person_edits("crm-1", email=ADA)  # taken in news: a question, and the old address stays there
    crm.person_edits("crm-1", out=True)
    news.fault = "before"
    scene.run()
    news.fault = ""
    news.person_edits(news.find_one(email="p0@example.com"), out=True)
    _later(scene)
    crm.person_creates(email="p0@example.com", out=False)
    _later(scene)
    assert crm.shown(crm.find_one(email="p0@example.com"))["out"] is True


# --- what is owed --------------------------------------------------------------------------------------------------


def test_what_is_owed_by_the_mapping_survives_a_mapping_that_stood_for_a_while() -> None:
    scene = _linked()
    scene.fake("news").person_edits("news-1", phone="5")
    pull_app(scene.world, "news")
    whole = scene.world.syncs["people"]
    less: Sync = replace(whole, digest="less", rules={n: rule for n, rule in whole.rules.items() if n != "phone"})
    scene.restart(sync=less)
    push(scene.world, "crm")
    scene.restart(sync=whole)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == "5"


def test_what_was_typed_into_a_record_outside_its_filter_is_taken_in_when_it_is_back_within() -> None:
    scene = _linked(filters=_inside("Out"))
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
    scene = _linked(4)
    scene.fake("news").rows.clear()
    _later(scene)
    assert paused(scene.world, "news")
    resume(scene.world, "news", by="op")
    _later(scene)
    assert {work.kind for work in scene.parked()} == {ParkedKind.HOLD}


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
    _later(scene)
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
    _later(scene)
    assert sorted(str(row.fields["email"]) for row in news.rows.values()) == [ADA, EVE]


def test_who_was_restored_before_a_delete_is_approved_is_not_deleted_elsewhere() -> None:
    scene = _linked(8)
    crm = scene.fake("crm")
    row = crm.rows["crm-1"]
    crm.person_deletes("crm-1")
    _later(scene)
    (hold,) = scene.parked()
    crm.rows["crm-1"] = row
    assert not approve(scene.world, hold.id, by="op")
    _later(scene)
    assert len(scene.fake("news").rows) == 8
    assert scene.parked() == []


def test_a_record_restored_while_a_write_to_it_was_in_doubt_is_back() -> None:
    scene = _linked(30, deletes=Deletion.PROPAGATE)
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
    _later(scene)
    assert id in news.rows
    assert crm.find_one(email="p0@example.com")


def test_the_only_record_that_an_app_shows_is_not_believed_to_be_deleted_on_its_own_word() -> None:
    scene = _linked(1, deletes=Deletion.PROPAGATE)
    crm = scene.fake("crm")
    for fault in ("blind", "", "blind"):  # two spells, as long apart as two looks are
        crm.fault = fault
        if fault:
            with scene.store.begin() as tx:
                tx.hints.add([Ref("crm", "people", "crm-1")], tx.now)
            tend(scene.world, "crm")
        scene.wait(minutes=6)
    crm.fault = ""
    tend(scene.world, "news")
    assert len(scene.fake("news").rows) == 1
    assert [work.kind for work in scene.parked()] == [ParkedKind.HOLD]
    _later(scene)
    assert scene.parked() == []


def test_a_create_in_doubt_is_known_though_its_record_has_left_the_filter() -> None:
    scene = Scene(sync=replace(people(APPS), filters=_inside("Out")))
    crm, news = scene.fake("crm"), scene.fake("news")
    _without_search(news)
    news.fault = "after"
    crm.person_creates(email=ADA, first="Ada")
    scene.run()
    news.fault = ""
    news.person_edits("news-1", first="Out")
    _later(scene, 4)
    assert len(news.rows) == 1


# --- edits beat deletes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [Deletion.PROPAGATE, Deletion.HOLD])
def test_who_deletes_a_record_that_was_yet_to_be_told_of_an_edit_deletes_nobody_elsewhere(policy: Deletion) -> None:
    scene = _linked(30, deletes=policy)
    crm, news = scene.fake("crm"), scene.fake("news")
    news.person_edits(news.find_one(email="p0@example.com"), first="New")
    pull_app(scene.world, "news")
    crm.person_deletes("crm-1")
    scene.clock.sleep(1)
    _later(scene)
    assert news.find_one(email="p0@example.com")
    assert bool(scene.parked()) is (policy is Deletion.HOLD)
    if policy is Deletion.PROPAGATE:
        assert crm.shown(crm.find_one(email="p0@example.com"))["first"] == "New"


def test_a_record_that_has_left_its_filter_stays_when_its_person_is_deleted_elsewhere() -> None:
    names = ("crm", "news", "shop")
    scene = _linked(30, names=names, deletes=Deletion.PROPAGATE, filters=_inside("Out"))
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", first="Out")
    _later(scene, 2)
    crm.person_deletes("crm-1")
    _later(scene)
    assert len(scene.fake("shop").rows) == 29
    assert news.find_one(email="p0@example.com")


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
    _later(scene)
    with scene.store.begin() as tx:
        by_address = {entity.value("email"): entity for entity in tx.entities.all("people")}
        sync = scene.world.syncs["people"]
        assert fuse(scene.world, tx, sync, by_address[ADA], by_address[EVE], "they are one")
    row.fields["email"] = ADA
    news.rows[eve] = row
    _later(scene)
    assert [work.kind for work in scene.parked()] == [ParkedKind.DUPLICATE]
    assert len(scene.entities()) == 2


def test_nobody_is_made_with_an_address_that_is_a_question_though_the_search_is_late() -> None:
    scene = _linked(2)
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
    scene = _linked(8, deletes=Deletion.HOLD)
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    news.person_deletes(id)
    scene.wait(seconds=5)
    _gives_again(news, id)
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
    _later(scene, 4)
    assert len(scene.entities()) == 9
    assert news.shown(news.find_one(email=EVE))["first"] == "Eve"


def test_a_write_in_doubt_that_lands_in_another_record_of_the_same_id_is_no_edit_of_the_deleted_one() -> None:
    scene = _linked(8, deletes=Deletion.HOLD)
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", phone="5")
    news.fault = "late"
    scene.run()
    news.fault = ""
    news.person_deletes(id)
    scene.wait(seconds=5)
    _gives_again(news, id)
    news.person_creates(email=EVE, first="Eve")
    news.land_late()
    _later(scene)
    assert crm.shown("crm-1")["first"] == "P0"
    assert crm.shown(crm.find_one(email=EVE))["phone"] == "5"
