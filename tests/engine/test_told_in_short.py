"""What larger campaigns of random stories found, told again in short: refusals, ids given twice, forms of values."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.core.entity import LinkState
from syncd.core.fieldmap import Deletion
from syncd.core.guard import Guard
from syncd.core.record import Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import approve
from syncd.engine.fuse import fuse
from syncd.engine.guards import answer
from syncd.engine.remedies import paused
from syncd.errors import InDoubt
from syncd.sdk.contract import Deletes
from syncd.store.values import Event, ParkedKind
from syncd.testing.fake import capable
from tests.engine.turns import ADA, EVE, gives_again, inside, later, linked, without_search
from tests.engine.world import Scene, people


def test_a_write_that_two_apps_refuse_is_sent_once_though_a_person_has_put_something_aside() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_creates(email=ADA, first="Ada")
    news.person_creates(email=ADA, phone="5")
    for fake in (crm, news):
        fake.refuses = lambda write: "not this one"
        pull_app(scene.world, fake.name)
    with scene.store.begin() as tx:
        for fake in (crm, news):
            answer(tx, scene.world.syncs["people"], fake.name, Guard.CHANGES, yes=False)
    for _ in range(4):
        tend(scene.world, "crm")
        tend(scene.world, "news")
    refused = [entry.app for entry in scene.log() if entry.event is Event.REFUSED]
    assert sorted(refused) == ["crm", "news"]


def test_a_write_in_doubt_to_a_record_whose_id_is_another_persons_by_now_is_not_taken_for_theirs() -> None:
    scene = linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p0@example.com")
    capable(news, deletes=Deletes.TOLD, unique=())
    crm.person_edits("crm-1", first="Augusta")
    news.fault = "before"
    scene.run()
    news.fault = ""
    scene.wait(seconds=1)
    news.person_deletes(id)
    gives_again(news, id)
    crm.person_creates(email=ADA, first="Augusta")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    later(scene)
    assert not paused(scene.world, "news")
    (ada,) = [entity for entity in scene.entities() if entity.value("email") == ADA]
    assert id in [link.ref.id for link in scene.links(ada.id)]
    resolved = [entry.note for entry in scene.log() if entry.event is Event.RESOLVED]
    assert resolved == ["update: not known: the record had been deleted meanwhile"]


def test_a_record_outside_its_filter_is_not_back_by_what_its_app_makes_of_the_value_that_took_it_out() -> None:
    scene = Scene(sync=replace(people(("crm", "news")), filters={"news": lambda fields: fields.get("first") != "out"}))
    crm, news = scene.fake("crm"), scene.fake("news")
    news.keeps = {"first": lambda raw: str(raw).upper() if raw else raw}
    crm.person_creates(email=ADA, first="in")
    scene.run()
    crm.person_edits("crm-1", first="out")
    later(scene)
    assert news.shown("news-1")["first"] == "OUT"
    assert [entry.event for entry in scene.log()].count(Event.LEFT) == 1


def test_what_was_owed_while_a_merged_record_was_gone_is_owed_again_though_it_turns_out_to_be_the_others() -> None:
    scene = linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    crm.person_edits("crm-1", first="New")
    pull_app(scene.world, "crm")
    both = crm.person_creates(**crm.shown("crm-2"))
    row = crm.rows.pop(both)
    for id in ("crm-1", "crm-2"):
        del crm.rows[id]
        crm.merged[id] = both
    with scene.store.begin() as tx:
        tx.hints.add([Ref("crm", "people", id) for id in ("crm-1", "crm-2", both)], tx.now)
    tend(scene.world, "crm")
    tend(scene.world, "crm")
    tend(scene.world, "news")
    crm.rows[both] = row
    later(scene)
    assert news.shown(news.find_one(email="p0@example.com"))["first"] == "New"


def test_what_a_create_in_doubt_has_made_is_theirs_whom_its_owner_becomes_one_with_on_the_very_page() -> None:
    scene = linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, deletes=Deletes.TOLD)
    without_search(news)
    news.fault = "late"
    crm.person_creates(email=EVE, first="Eve")
    scene.run()
    news.fault = ""
    ada, eve = (next(e for e in scene.entities() if e.value("email") == who) for who in ("p0@example.com", EVE))
    with scene.store.begin() as tx:
        assert not fuse(scene.world, tx, scene.world.syncs["people"], ada, eve, "they are one")
        for link in tx.links.of(eve.id):  # but for the newsletter they have nothing in common any more
            tx.links.drop("people", link.ref)
    id = news.find_one(email="p0@example.com")
    news.person_deletes(id)
    scene.wait(seconds=5)
    news.person_creates(email=ADA)
    gives_again(news, id)
    news.land_late()
    pull_app(scene.world, "news")
    with scene.store.read() as tx:
        tied = tx.links.get("people", Ref("news", "people", id))
    assert tied is not None
    assert tied.entity == ada.id
    assert not [entry for entry in scene.log() if entry.event is Event.BROKEN]


@pytest.mark.parametrize("first", ["crm-1", "crm-2"])
def test_a_yes_to_a_delete_does_not_reach_what_was_let_go_of_though_the_app_merges_the_two(first: str) -> None:
    """The first left its filter and was then deleted elsewhere; the second is to go, by a person's word."""
    scene = linked(3, deletes=Deletion.HOLD, filters={"crm": lambda fields: fields.get("first") != "Out"})
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, deletes=Deletes.TOLD)
    capable(crm, deletes=Deletes.TOLD)
    crm.person_edits("crm-1", first="Out")
    scene.run()
    for who in ("p0@example.com", "p1@example.com"):
        id = news.find_one(email=who)
        news.person_deletes(id)
        _called(scene, "news", id)
    (hold,) = scene.parked()
    assert approve(scene.world, hold.id, by="op")
    both = crm.person_creates(email="p1@example.com")
    for id in ("crm-1", "crm-2"):
        del crm.rows[id]
        crm.merged[id] = both
    _called(scene, "crm", first, "crm-2" if first == "crm-1" else "crm-1")
    later(scene)
    assert both in crm.rows


def test_a_delete_that_is_asked_about_is_none_if_another_record_was_merged_into_the_one_that_seemed_gone() -> None:
    scene = linked(1, deletes=Deletion.ARCHIVE)
    crm, news = scene.fake("crm"), scene.fake("news")
    for fault in ("blind", "", "blind"):
        news.fault = fault
        if fault:
            _called(scene, "news", "news-1")
        scene.wait(minutes=6)
    news.fault = ""
    assert [work.kind for work in scene.parked()] == [ParkedKind.HOLD]
    crm.person_creates(email=EVE, first="Eve")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    news.person_merges("news-1", "news-2")
    _called(scene, "news", "news-2")
    assert not [work for work in scene.parked() if work.kind is ParkedKind.HOLD]
    later(scene)
    assert sorted(crm.rows) == ["crm-1", "crm-2"]


def _called(scene: Scene, app: str, *ids: str) -> None:
    """Webhooks name records, one after the other."""
    for id in ids:
        scene.clock.sleep(0.1)
        with scene.store.begin() as tx:
            tx.hints.add([Ref(app, "people", id)], tx.now)
    tend(scene.world, app)


def _ada_in_news(policy: Deletion) -> Scene:
    """Nobody but Ada, in an app that tells of a delete at once; nothing was read yet."""
    scene = Scene(sync=replace(people(("crm", "news")), deletes=policy))
    news = scene.fake("news")
    capable(news, deletes=Deletes.TOLD)
    news.person_creates(email=ADA, first="Ada")
    return scene


@pytest.mark.parametrize("policy", [Deletion.IGNORE, Deletion.HOLD, Deletion.PROPAGATE])
def test_who_is_deleted_while_a_record_of_theirs_is_made_elsewhere_is_one_of_two_that_were_deleted(
    policy: Deletion,
) -> None:
    scene = _ada_in_news(policy)
    crm, news = scene.fake("crm"), scene.fake("news")
    write = crm.write

    def meanwhile(writes: Any) -> Any:
        made = write(writes)
        if "news-1" in news.rows:
            news.person_deletes("news-1")
            _called(scene, "news", "news-1")
        return made

    crm.write = meanwhile  # type: ignore[method-assign]
    later(scene)
    assert ("crm-1" in crm.rows) is (policy is not Deletion.PROPAGATE)
    assert [work.kind for work in scene.parked()] == [ParkedKind.HOLD] * (policy is Deletion.HOLD)


def test_an_opt_out_reaches_a_record_that_was_let_go_and_has_been_merged_into_another_since() -> None:
    scene = linked(8, filters=inside("Out"), deletes=Deletion.IGNORE)
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", first="Out")
    later(scene)
    ref = Ref("news", "people", news.find_one(email="p0@example.com"))
    with scene.store.begin() as tx:
        link = tx.links.get("people", ref)
        assert link is not None
        assert link.state is LinkState.OUT_OF_SCOPE
        tx.links.put("people", replace(link, seen={}))  # as a merge leaves it, while its person is deleted
    crm.person_edits("crm-1", out=True)
    later(scene)
    assert news.shown(ref.id)["out"] is True


def test_nobody_is_made_beside_a_record_of_theirs_that_is_yet_to_be_deleted_though_the_search_is_late() -> None:
    scene = linked(8, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    capable(news, list_lag=timedelta(seconds=30), unique=())
    id = news.find_one(email="p0@example.com")
    crm.person_edits("crm-1", first="Ann")
    news.fault = "late"
    scene.run()
    news.fault = ""
    crm.person_deletes("crm-1")
    news.find = lambda object, field, values: {value: [] for value in values}  # type: ignore[method-assign]  # noqa: A006
    _called(scene, "crm", "crm-1")
    tend(scene.world, "news")  # what it is owed waits until the write in doubt is settled
    crm.person_creates(email="p0@example.com", first="Anna")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    news.person_edits(id, phone="5")
    later(scene, 4)
    assert [row.fields["email"] for row in news.rows.values()].count("p0@example.com") == 1


def test_whoever_is_made_anew_while_the_delete_of_their_record_is_in_doubt_has_a_new_one_there() -> None:
    scene = linked(8, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(crm, deletes=Deletes.TOLD)
    capable(news, list_lag=timedelta(seconds=30), unique=())
    crm.person_deletes("crm-1")
    _called(scene, "crm", "crm-1")
    news.fault = "after"
    with suppress(InDoubt):
        tend(scene.world, "news")
    news.fault = ""
    crm.person_creates(email="p0@example.com", first="Anna")
    pull_app(scene.world, "crm")
    later(scene, 4)
    assert [row.fields["first"] for row in news.rows.values() if row.fields["email"] == "p0@example.com"] == ["Anna"]


@pytest.mark.parametrize("policy", [Deletion.IGNORE, Deletion.HOLD])
def test_whoever_is_deleted_while_a_record_of_theirs_is_on_its_way_that_never_came_is_nobody_any_more(
    policy: Deletion,
) -> None:
    scene = _ada_in_news(policy)
    crm, news = scene.fake("crm"), scene.fake("news")
    pull_app(scene.world, "news")
    crm.fault = "before"
    with suppress(InDoubt):
        tend(scene.world, "crm")
    crm.fault = ""
    news.person_deletes("news-1")
    _called(scene, "news", "news-1")
    later(scene, 4)
    assert (crm.rows, news.rows, scene.parked()) == ({}, {}, [])
    assert scene.entities() == []
