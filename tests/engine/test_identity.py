"""Who is who: matched once, never guessed, merged records followed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.entity import LinkState
from syncd.core.record import Ref, Write
from syncd.engine.cycle import tend
from syncd.store.values import ParkedKind
from syncd.testing.fake import capable
from tests.engine.world import Scene, people


def test_a_second_record_with_the_same_address_is_a_question_not_a_link() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("crm").person_creates(email="ADA@example.com", first="Double")
    scene.run()
    (item,) = scene.parked()
    assert (item.kind, item.ref.id if item.ref else "") == (ParkedKind.DUPLICATE, "crm-2")
    assert len(scene.fake("news").rows) == 1
    assert scene.fake("crm").shown("crm-2")["first"] == "Double"


def test_the_question_closes_itself_when_the_double_gets_another_address() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com")
    scene.fake("crm").person_creates(email="ada@example.com")
    scene.run()
    scene.fake("crm").person_edits("crm-2", email="eve@example.com")
    scene.run()
    assert scene.parked() == []
    assert scene.fake("news").find_one(email="eve@example.com")


def test_a_changed_address_keeps_the_link() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com")
    scene.run()
    scene.fake("crm").person_edits("crm-1", email="countess@example.com")
    scene.run()
    assert [row.fields["email"] for row in scene.fake("news").rows.values()] == ["countess@example.com"]


def test_a_record_made_by_a_person_while_ours_is_on_its_way_is_tied_not_doubled() -> None:
    scene = Scene()
    capable(scene.fake("news"), unique=("email",))
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")

    def person_is_faster(_: Write) -> None:
        if not scene.fake("news").rows:
            scene.fake("news").person_creates(email="ada@example.com", phone="8")

    scene.fake("news").during_write = person_is_faster
    scene.run()
    scene.wait(seconds=30)
    scene.run()
    assert len(scene.fake("news").rows) == 1
    assert scene.fake("crm").shown("crm-1")["phone"] == "8"
    assert scene.fake("news").shown("news-1")["first"] == "Ada"


def test_an_app_without_unique_addresses_is_searched_before_a_create() -> None:
    scene = Scene(sync=replace(people(("crm", "news"))))
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run(whole=True)
    scene.fake("news").person_creates(email="bob@example.com")
    scene.fake("crm").person_creates(email="Bob@example.com", first="Bob")
    scene.run(whole=False)
    assert len(scene.fake("news").rows) == 2
    assert scene.fake("news").find_one(first="Bob")


def test_records_merged_by_an_app_keep_one_entity_and_delete_nobody() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("crm").person_creates(email="augusta@example.com", phone="4")
    scene.run()
    scene.fake("crm").person_merges("crm-1", "crm-2")
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    assert len(scene.fake("news").rows) == 2
    assert len(scene.fake("crm").rows) == 1
    assert not [item for item in scene.parked() if item.kind is ParkedKind.HOLD]


def test_a_merge_into_a_new_record_moves_the_link_there() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    scene.fake("crm").merged["crm-1"] = scene.fake("crm").person_creates(email="ada@example.com", first="Augusta")
    del scene.fake("crm").rows["crm-1"]
    scene.run()
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Augusta"
    assert len(scene.fake("news").rows) == 1


def test_an_id_used_again_is_a_new_record() -> None:
    scene = Scene()
    for n in range(6):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    scene.fake("crm").person_deletes("crm-1")
    for _ in range(2):
        scene.run()
        scene.wait(minutes=11)
    fresh = scene.fake("crm").person_creates(email="eve@example.com", first="Eve")
    scene.fake("crm").rows["crm-1"] = scene.fake("crm").rows.pop(fresh)
    scene.run()
    assert scene.fake("news").find_one(email="p0@example.com")
    assert scene.fake("news").find_one(email="eve@example.com")


def test_a_person_re_created_after_a_delete_is_linked_again() -> None:
    scene = Scene()
    for n in range(6):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    scene.fake("crm").person_deletes("crm-1")
    for _ in range(2):
        scene.run()
        scene.wait(minutes=11)
    scene.fake("crm").person_creates(email="p0@example.com", first="Again")
    scene.run()
    assert len(scene.fake("news").rows) == 6
    entity = next(e for e in scene.entities() if e.value("email") == "p0@example.com")
    assert {link.ref.app for link in scene.links(entity.id) if link.state is LinkState.LIVE} == {"crm", "news"}


def test_somebody_without_any_match_key_stays_where_they_are() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(first="Nobody")
    scene.run()
    assert scene.fake("news").rows == {}
    scene.fake("crm").person_edits("crm-1", email="now@example.com")
    scene.run()
    assert scene.fake("news").find_one(email="now@example.com")


@pytest.mark.parametrize(("kept", "lost"), [("news-1", "news-2"), ("news-2", "news-1")])
def test_a_third_record_made_of_two_bears_the_one_whose_key_it_shows(kept: str, lost: str) -> None:
    scene = Scene()
    for n in (1, 2):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=False)
    scene.run()
    news = scene.fake("news")
    shown = news.shown(kept)
    del news.rows[kept], news.rows[lost]
    third = news.person_creates(**shown)
    news.merged |= {kept: third, lost: third}
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    assert news.shown(third) == shown
    assert [work.kind for work in scene.parked()] == [ParkedKind.AMBIGUOUS]


@pytest.mark.parametrize("first", ["news-1", "news-2"])
def test_two_that_are_one_are_opted_out_by_the_address_of_either(first: str) -> None:
    scene = Scene(sync=people(("crm", "news"), creates=frozenset()))
    news = scene.fake("news")
    news.person_creates(email="a@example.com", first="A", out=False)
    news.person_creates(email="b@example.com", first="B", out=True)
    scene.run()
    del news.rows["news-1"], news.rows["news-2"]
    third = news.person_creates(email="a@example.com", first="A", out=False)
    news.merged |= {"news-1": third, "news-2": third}
    other = "news-2" if first == "news-1" else "news-1"
    for id in (first, other):
        with scene.store.begin() as tx:
            tx.hints.add([Ref("news", "people", id)], tx.now)
        tend(scene.world, "news")
    scene.run()
    (entity,) = scene.entities()
    assert entity.value("email") == "a@example.com"
    with scene.store.read() as tx:
        assert set(tx.optouts.of("consent:email", ["a@example.com", "b@example.com"])) == {
            "a@example.com",
            "b@example.com",
        }
