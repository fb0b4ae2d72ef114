"""Whoever is to be forgotten, or was, and what else happens meanwhile: to their records, and to others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.fieldmap import Deletion
from syncd.core.guard import Limits
from syncd.core.record import Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import drop_hold
from syncd.engine.forgetting import finish, forget
from syncd.engine.masses import put_aside
from syncd.engine.remedies import pause, resume
from syncd.engine.world import Safety
from syncd.sdk.contract import Deletes
from syncd.store.values import Parked, ParkedKind
from syncd.testing.fake import capable
from tests.engine.forgetting import ANN, held_of, orders, record, shown, whom
from tests.engine.turns import later, linked
from tests.engine.world import Scene, people


def back_in_news() -> tuple[Scene, str]:
    """Of two people one was forgotten, and a record with her address turned up in the newsletter tool since; its id."""
    scene = linked(2)
    forget(scene.world, whom(scene), by="op")
    scene.run()
    id = scene.fake("news").person_creates(email=ANN, out=False)
    later(scene)
    return scene, id


def test_a_second_record_of_theirs_waits_as_any_that_shows_the_key_of_whoever_was_forgotten() -> None:
    scene = linked(2)
    id = scene.fake("news").person_creates(email=ANN, out=False)
    later(scene)
    assert [work.kind for work in scene.parked()] == [ParkedKind.DUPLICATE]
    forget(scene.world, whom(scene), by="op")
    later(scene)
    (work,) = scene.parked()
    assert work.kind is ParkedKind.QUARANTINE
    assert work.ref == Ref("news", "people", id)
    assert work.detail["forgotten"]


def test_a_record_that_may_be_somebody_elses_as_well_stays_a_question_when_one_of_them_is_forgotten() -> None:
    scene = linked(3)
    ann, ben = (next(e.id for e in scene.entities() if e.value("email") == f"p{n}@example.com") for n in (0, 1))
    ref = Ref("news", "people", "news-9")
    work = Parked(kind=ParkedKind.AMBIGUOUS, sync="people", app="news", ref=ref, reason="of two")
    with scene.store.begin() as tx:
        tx.parked.park(replace(work, detail={"entities": [ann, ben], "by": "phone"}))
        tx.parked.park(replace(work, ref=Ref("news", "people", "news-8"), detail={"entities": [ann], "by": "phone"}))
    forget(scene.world, ann, by="op")
    assert [item.ref for item in scene.parked() if item.kind is ParkedKind.AMBIGUOUS] == [ref]


def test_nobody_is_made_beside_a_record_of_which_something_else_was_asked_before_it_had_their_address() -> None:
    """The address is that of somebody who was forgotten, so nothing else is asked of the record by itself."""
    scene = linked(3)
    bea, eve = "p1@example.com", "p2@example.com"
    second = scene.fake("news").person_creates(email=bea, out=False)
    later(scene)
    forget(scene.world, whom(scene), by="op")
    later(scene)
    assert [work.kind for work in scene.parked()] == [ParkedKind.DUPLICATE]
    scene.fake("news").person_edits(second, email=ANN)
    later(scene)
    scene.fake("news").person_deletes(record(scene, "news", eve))
    later(scene)
    (held,) = [work for work in scene.parked() if work.kind is ParkedKind.HOLD]
    scene.fake("crm").person_edits(record(scene, "crm", eve), email=ANN)
    drop_hold(scene.world, held.id, by="op")
    later(scene)
    assert shown(scene, "news").count(ANN) == 1
    assert [work for work in scene.parked() if work.ref == Ref("news", "people", second)] == []


def test_an_opt_out_counts_that_is_typed_into_a_record_which_is_held_back_already() -> None:
    scene, id = back_in_news()
    scene.fake("news").person_edits(id, out=True)
    later(scene)
    with scene.store.read() as tx:
        assert tx.optouts.count() == 1


def test_a_record_that_is_held_back_and_shows_another_key_is_let_in() -> None:
    scene, id = back_in_news()
    assert len(scene.parked()) == 1
    scene.fake("news").person_edits(id, email="new@example.com")
    later(scene)
    assert scene.parked() == []
    assert shown(scene, "crm") == ["new@example.com", "p1@example.com"]


def test_a_record_that_is_held_back_and_then_deleted_is_no_question_any_more() -> None:
    scene, id = back_in_news()
    assert len(scene.parked()) == 1
    scene.fake("news").person_deletes(id)
    later(scene)
    assert scene.parked() == []


def test_a_record_that_is_held_back_and_into_which_another_is_merged_is_that_ones() -> None:
    scene, id = back_in_news()
    scene.fake("news").person_merges(id, record(scene, "news", "p1@example.com"))
    later(scene)
    assert scene.parked() == []
    assert shown(scene, "crm") == shown(scene, "news") == ["p1@example.com"]


def test_what_syncd_has_deleted_for_good_is_nobody_elses_delete() -> None:
    """An app tells late that a record was merged into one that is deleted since, of somebody who was forgotten."""
    scene = linked(3)
    news = scene.fake("news")
    gone, other = record(scene, "news"), record(scene, "news", "p1@example.com")
    forget(scene.world, whom(scene), by="op")
    later(scene)
    assert orders(scene)[0].done is not None
    del news.rows[other]
    news.merged[other] = gone
    later(scene, 5)
    assert shown(scene, "crm") == shown(scene, "news") == ["p1@example.com", "p2@example.com"]
    assert scene.parked() == []


def _two_records_once(scene: Scene) -> str:
    """The newsletter had two records of one of them, of which the CRM knew one, and has merged them: the one left."""
    news = scene.fake("news")
    twin, other = news.person_creates(email="twin@example.com"), record(scene, "news", "p1@example.com")
    pull_app(scene.world, "news")  # the CRM has not heard of the twin yet
    news.person_merges(other, twin)
    later(scene)
    return other


def test_who_was_two_records_once_is_made_anew_though_the_app_merges_them_into_whoever_is_forgotten() -> None:
    scene = linked(3)
    other, gone = _two_records_once(scene), record(scene, "news")
    forget(scene.world, whom(scene), by="op")
    scene.fake("news").person_merges(gone, other)
    later(scene, 5)
    assert shown(scene, "crm") == shown(scene, "news") == ["p1@example.com", "p2@example.com"]
    assert scene.parked() == []


def test_the_same_where_they_are_forgotten_after_the_merge() -> None:
    scene = linked(3)
    other, gone = _two_records_once(scene), record(scene, "news")
    scene.fake("news").person_merges(gone, other)
    scene.run()
    forget(scene.world, whom(scene), by="op")
    later(scene, 5)
    assert shown(scene, "crm") == shown(scene, "news") == ["p1@example.com", "p2@example.com"]
    assert scene.parked() == []


def test_an_opt_out_counts_that_a_listing_has_shown_of_whoever_is_to_be_forgotten() -> None:
    """Their record may be gone before anybody has read it."""
    scene = linked(2)
    scene.wait(minutes=1)
    pause(scene.world, "crm", "looked at by a person", "op")
    id = record(scene, "news")
    forget(scene.world, whom(scene), by="op")
    scene.fake("news").person_edits(id, out=True)
    pull_app(scene.world, "news")
    scene.fake("news").person_deletes(id)
    resume(scene.world, "crm", "op")
    later(scene)
    assert orders(scene)[0].done is not None
    with scene.store.read() as tx:
        assert tx.optouts.count() == 1


@pytest.mark.parametrize("place", [0, 1])
def test_two_who_may_be_one_are_no_question_once_either_is_to_be_forgotten(place: int) -> None:
    """Their records in one app were merged, and both have one in the other: who stays is made anew."""
    scene = linked(3)
    crm = scene.fake("crm")
    crm.person_merges(crm.find_one(email=ANN), crm.find_one(email="p1@example.com"))
    later(scene)
    assert [work.kind for work in scene.parked()] == [ParkedKind.AMBIGUOUS]
    forget(scene.world, whom(scene, f"p{place}@example.com"), by="op")
    later(scene)
    assert scene.parked() == []
    assert shown(scene, "crm") == shown(scene, "news") == [f"p{1 - place}@example.com", "p2@example.com"]


def test_no_answer_to_a_guard_takes_a_record_out_of_reach_of_whoever_is_to_be_forgotten() -> None:
    scene = Scene(sync=people(("crm", "news")), safety=Safety(limits=Limits(creates=2, create_share=0.1)))
    scene.fake("news").person_creates(email="first@example.com")
    scene.run()
    scene.fake("news").fault = "outage"
    for n in range(2):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    scene.run()
    forget(scene.world, whom(scene), by="op")
    for n in range(2, 6):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    pull_app(scene.world, "crm")
    (asked,) = scene.parked()
    scene.fake("news").fault = ""
    put_aside(scene.world, asked.id, by="op")
    later(scene)
    assert ANN not in shown(scene, "crm")
    assert [order.done is not None for order in orders(scene)] == [True]


def test_a_delete_that_is_refused_with_many_others_brings_nobody_back_who_was_forgotten() -> None:
    scene = linked(5, deletes=Deletion.PROPAGATE)
    capable(scene.fake("crm"), deletes=Deletes.TOLD)
    tight = replace(scene.world, safety=Safety(limits=Limits(shrink=2, shrink_share=0.1)))
    id = whom(scene)

    def deletes(*places: int) -> None:
        refs = [Ref("crm", "people", record(scene, "crm", f"p{place}@example.com")) for place in places]
        for ref in refs:
            scene.fake("crm").person_deletes(ref.id)
        with scene.store.begin() as tx:
            tx.hints.add(refs, tx.now)
        tend(tight, "crm")

    deletes(1)
    deletes(0)
    forget(scene.world, id, by="op")
    tend(tight, "news")
    finish(scene.world)
    deletes(2, 3)
    (asked,) = scene.parked()
    put_aside(scene.world, asked.id, by="op")
    assert held_of(scene, id) == ({}, [], {}, [])
    with scene.store.read() as tx:
        assert tx.entities.get(id).deleted
    later(scene)
    assert shown(scene, "crm") == shown(scene, "news") == [f"p{n}@example.com" for n in (1, 2, 3, 4)]


def test_a_record_that_is_brought_back_beside_a_second_one_waits_while_that_is_deleted() -> None:
    """Of whoever is to be forgotten, in the same app: there is one tie for each."""
    scene = linked(2)
    news = scene.fake("news")
    capable(news, deletes=Deletes.TOLD)
    first = record(scene, "news")
    row = news.rows[first]
    news.person_deletes(first)
    later(scene)
    news.person_creates(email=ANN, first="Again")
    later(scene)
    forget(scene.world, whom(scene), by="op")
    pause(scene.world, "crm", "looked at by a person", "op")
    news.rows[first] = row
    with scene.store.begin() as tx:
        tx.hints.add([Ref("news", "people", first)], tx.now)
    tend(scene.world, "news")
    resume(scene.world, "crm", "op")
    later(scene)
    assert [order.done is not None for order in orders(scene)] == [True]
    assert [(work.ref, work.reason[:9]) for work in scene.parked()] == [(Ref("news", "people", first), "forgotten")]
