"""What larger campaigns of random stories found, told again in short: refusals, ids given twice, forms of values."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.guard import Guard
from syncd.core.record import Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.guards import answer
from syncd.engine.remedies import paused
from syncd.sdk.contract import Deletes
from syncd.store.values import Event
from syncd.testing.fake import capable
from tests.engine.turns import ADA, gives_again, later, linked
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
