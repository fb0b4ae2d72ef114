"""A create in doubt where little tells: no search, a listing of nobody, another record of the same person."""

from __future__ import annotations

from syncd.core.record import Ref
from syncd.engine.cycle import tend
from syncd.engine.remedies import paused, resume
from syncd.sdk.contract import Deletes
from syncd.testing.fake import capable
from tests.engine.turns import ADA, EVE, later, linked, without_search
from tests.engine.world import Scene


def test_an_app_without_search_that_lacks_whom_a_person_deleted_there_still_settles_what_is_in_doubt() -> None:
    scene = linked(4)
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(news)
    capable(news, deletes=Deletes.HIDDEN)
    news.person_deletes(news.find_one(email="p0@example.com"))
    news.fault = "before"
    crm.person_creates(email=ADA)
    scene.run()
    news.fault = ""
    later(scene, 4)
    assert news.find_one(email=ADA)


def test_one_listing_that_was_cut_unseen_makes_nobody_twice() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(news)
    news.fault = "after"
    crm.person_creates(email=ADA)
    scene.run()
    news.fault, news.truncated = "", 0
    scene.wait(minutes=9)
    tend(scene.world, "news")
    news.truncated = None
    later(scene)
    assert len(news.rows) == 1


def test_an_app_without_search_that_lists_nobody_is_no_evidence_and_a_person_is_asked() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(news)
    capable(news, unique=())
    news.fault = "after"
    crm.person_creates(email=ADA)
    scene.run()
    news.fault = "blind"
    later(scene, 4)
    assert "lists nobody" in paused(scene.world, "news")
    news.fault = ""
    resume(scene.world, "news", by="op")
    later(scene)
    assert len(news.rows) == 1


def test_an_app_without_search_that_has_nobody_gets_who_is_in_doubt_once_a_person_has_looked() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(news)
    capable(news, unique=())
    news.fault = "before"
    crm.person_creates(email=ADA)
    scene.run()
    news.fault = ""
    later(scene, 4)
    assert paused(scene.world, "news")
    resume(scene.world, "news", by="op")
    later(scene)
    assert len(news.rows) == 1


def test_another_record_of_the_same_person_does_not_settle_a_create_in_doubt() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, unique=())
    news.fault = "late"
    crm.person_creates(email=ADA)
    scene.run()
    news.fault = ""
    crm.person_edits("crm-1", email=EVE)
    news.person_creates(email=EVE)
    crm.person_creates(email=ADA, first="Another")
    scene.run()
    news.land_late()
    later(scene)
    assert sorted(str(row.fields["email"]) for row in news.rows.values()) == [ADA, EVE]


def test_a_create_in_doubt_stays_theirs_with_whom_it_became_one_while_the_app_was_listed() -> None:
    scene = linked(3)
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(crm)
    capable(crm, deletes=Deletes.TOLD)
    crm.fault = "before"
    news.person_creates(email="new@example.com", first="New")
    scene.run()
    crm.fault = "outage"
    news.person_merges(news.find_one(email="p0@example.com"), news.find_one(email="new@example.com"))
    scene.run()
    crm.fault = ""
    crm.person_deletes(crm.find_one(email="p0@example.com"))
    with scene.store.read() as tx:
        keep = tx.links.get("people", Ref("news", "people", news.find_one(email="p0@example.com")))
    assert keep is not None
    scene.wait(minutes=5)
    tend(scene.world, "crm")
    with scene.store.read() as tx:
        assert [intent.entity for intent in tx.intents.open("crm")] == [keep.entity]
    later(scene)
    assert len(scene.entities()) == 3
