"""A match key that somebody else has, after a merge or an edit: one person, or a question; never a double."""

from __future__ import annotations

import pytest

from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import retry
from syncd.store.values import Event, Parked, ParkedKind
from syncd.testing.fake import capable
from tests.engine.turns import EVE, later, linked, without_search
from tests.engine.world import Scene


def _two(names: tuple[str, ...] = ("crm", "news")) -> Scene:
    scene = Scene(names=names)
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", phone="4")
    scene.fake("crm").person_creates(email="eve@example.com", first="Eve")
    for n in range(6):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    scene.run()
    return scene


def _merge(scene: Scene) -> None:
    """A person merges Ada's record into Eve's, and lets Ada's values stand."""
    scene.fake("crm").person_merges("crm-2", "crm-1")
    scene.fake("crm").person_edits("crm-2", email="ada@example.com", first="Ada", phone="4")


def _settled(scene: Scene) -> None:
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    for fake in scene.fakes.values():
        fake.writes.clear()
    scene.run()
    assert [write for fake in scene.fakes.values() for write in fake.writes] == []


def _emails(scene: Scene, app: str) -> list[str]:
    return sorted(str(row.fields["email"]) for row in scene.fake(app).rows.values() if row.fields["first"])


def _asked(scene: Scene) -> list[Parked]:
    return [work for work in scene.parked() if work.kind is ParkedKind.AMBIGUOUS]


@pytest.mark.parametrize("order", [("crm", "news"), ("news", "crm")])
def test_the_survivor_of_a_merge_takes_no_address_that_another_record_has_elsewhere(order: tuple[str, ...]) -> None:
    scene = _two()
    _merge(scene)
    for app in order:
        pull_app(scene.world, app)
        tend(scene.world, app)
    _settled(scene)
    assert _emails(scene, "news") == ["ada@example.com", "eve@example.com"]
    assert _emails(scene, "crm") == ["ada@example.com"]
    assert _asked(scene)


def test_what_is_no_key_goes_on_meanwhile() -> None:
    scene = _two()
    _merge(scene)
    _settled(scene)
    assert scene.fake("news").find_one(email="eve@example.com", phone="4")


def test_once_the_other_app_has_merged_its_two_as_well_they_are_one_person() -> None:
    scene = _two()
    _merge(scene)
    _settled(scene)
    keep, lose = (scene.fake("news").find_one(email=f"{name}@example.com") for name in ("ada", "eve"))
    scene.fake("news").person_merges(keep, lose)
    _settled(scene)
    assert _asked(scene) == []
    assert [entity.value("email") for entity in scene.entities()].count("ada@example.com") == 1
    scene.fake("news").person_edits(keep, first="Augusta")
    scene.run()
    assert scene.fake("crm").shown("crm-2")["first"] == "Augusta"


def test_once_the_other_record_is_deleted_the_address_goes_through() -> None:
    scene = _two()
    _merge(scene)
    _settled(scene)
    scene.fake("news").person_deletes(scene.fake("news").find_one(email="ada@example.com"))
    _settled(scene)
    assert _emails(scene, "news") == ["ada@example.com"]
    assert _asked(scene) == []


def test_an_opt_out_of_either_holds_for_both() -> None:
    scene = _two()
    scene.fake("crm").person_edits("crm-1", out=True)
    scene.run()
    _merge(scene)
    _settled(scene)
    assert [row.fields["out"] for row in scene.fake("news").rows.values() if row.fields["first"]] == [True, True]


def test_a_merge_of_one_who_is_nowhere_else_is_the_survivors_and_both_pasts_are_in_the_log() -> None:
    scene = _two()
    scene.fake("news").person_deletes(scene.fake("news").find_one(email="eve@example.com"))
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    scene.fake("crm").person_merges("crm-2", "crm-1")
    _settled(scene)
    assert _emails(scene, "news") == ["eve@example.com"]
    (fused,) = [entry for entry in scene.log() if entry.note.startswith("fused")]
    assert (fused.fields["email"]["old"], fused.fields["email"]["new"]) == ("eve@example.com", "ada@example.com")
    assert [entry.ref.id for entry in scene.log() if entry.event is Event.GONE and entry.ref][-1] == "crm-1"


def test_an_edit_to_an_address_that_another_has_is_a_question_and_makes_no_double() -> None:
    scene = _two()
    scene.fake("crm").person_edits("crm-2", email="ADA@example.com", first="Evelyn")
    _settled(scene)
    assert _emails(scene, "news") == ["ada@example.com", "eve@example.com"]
    assert scene.fake("news").find_one(email="eve@example.com", first="Evelyn")
    (work,) = _asked(scene)
    assert work.reason == "another record in news has the same email"


def test_to_try_again_asks_again_while_it_is_so() -> None:
    scene = _two()
    scene.fake("crm").person_edits("crm-2", email="ada@example.com")
    _settled(scene)
    (work,) = _asked(scene)
    retry(scene.world, work.id, by="op")
    _settled(scene)
    (again,) = _asked(scene)
    assert again.id != work.id


def test_the_question_closes_itself_when_the_other_has_another_address() -> None:
    scene = _two()
    scene.fake("crm").person_edits("crm-2", email="ada@example.com")
    _settled(scene)
    scene.fake("crm").person_edits("crm-1", email="countess@example.com")
    _settled(scene)
    assert _asked(scene) == []
    assert _emails(scene, "news") == ["ada@example.com", "countess@example.com"]


def test_the_question_closes_itself_when_the_edit_is_taken_back() -> None:
    scene = _two()
    scene.fake("crm").person_edits("crm-2", email="ada@example.com")
    _settled(scene)
    scene.fake("crm").person_edits("crm-2", email="eve@example.com")
    _settled(scene)
    assert _asked(scene) == []


def test_two_who_swap_their_addresses_are_no_question() -> None:
    scene = _two()
    scene.fake("crm").person_edits("crm-1", email="eve@example.com")
    scene.fake("crm").person_edits("crm-2", email="ada@example.com")
    _settled(scene)
    assert scene.fake("news").find_one(email="eve@example.com", first="Ada")
    assert scene.fake("news").find_one(email="ada@example.com", first="Eve")
    assert scene.parked() == []


@pytest.mark.parametrize("search", [True, False])
def test_nobody_gets_the_address_of_a_record_whose_own_next_address_is_a_question(search: bool) -> None:
    scene = linked(3)
    crm, news = scene.fake("crm"), scene.fake("news")
    if not search:
        without_search(news)
    for id, email in (("crm-1", "p1@example.com"), ("crm-2", "p2@example.com")):
        crm.person_edits(id, email=email)
        scene.clock.sleep(1)
        pull_app(scene.world, "crm")
    later(scene)
    kept = [row.fields["email"] for row in news.rows.values()]
    assert sorted(map(str, kept)) == ["p0@example.com", "p1@example.com", "p2@example.com"]
    crm.person_edits("crm-3", email=EVE)
    later(scene)
    assert {row.fields["first"]: row.fields["email"] for row in news.rows.values()} == {
        "P0": "p1@example.com",
        "P1": "p2@example.com",
        "P2": EVE,
    }
    assert scene.parked() == []


@pytest.mark.parametrize("names", [("crm", "news", "shop"), ("crm", "shop", "news")])
def test_nobody_is_made_whose_address_another_record_keeps_for_a_question_whichever_app_comes_first(
    names: tuple[str, ...],
) -> None:
    scene = linked(2, names=names, filters={"news": lambda fields: fields.get("first") != "P0"})
    crm, news, shop = (scene.fake(name) for name in ("crm", "news", "shop"))
    crm.person_edits("crm-1", email="p1@example.com")
    later(scene)
    assert shop.find_one(email="p0@example.com")
    crm.person_creates(email="p0@example.com", first="Another")
    later(scene)
    assert [row.fields["email"] for row in news.rows.values()] == ["p1@example.com"]
    assert {work.reason for work in scene.parked()} == {
        "another record in shop has the same email",
        "shop keeps one record for both, but both live in crm",
    }


def test_nobody_is_made_whose_address_a_record_is_still_to_give_up_though_no_search_shows_it_yet() -> None:
    scene = linked(2)
    crm, news = scene.fake("crm"), scene.fake("news")
    capable(news, unique=())
    news.find = lambda *asked: {value: [] for value in asked[-1]}  # type: ignore[method-assign]
    crm.person_edits("crm-1", email="p1@example.com")
    crm.person_creates(email="p0@example.com", first="Another")
    later(scene)
    assert sorted(str(row.fields["email"]) for row in news.rows.values()) == ["p0@example.com", "p1@example.com"]
    assert {work.kind for work in scene.parked()} == {ParkedKind.AMBIGUOUS}


def test_a_second_record_is_looked_at_again_once_the_first_has_another_address() -> None:
    scene = linked(1)
    crm, news = scene.fake("crm"), scene.fake("news")
    without_search(news)
    capable(news, unique=())
    second = news.person_creates(email="p0@example.com", first="Second")
    scene.run()
    crm.person_edits("crm-1", email=EVE)
    crm.person_creates(email="p0@example.com", first="Another")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    assert sorted(str(row.fields["email"]) for row in news.rows.values()) == [EVE, "p0@example.com"]
    assert news.shown(second)["first"] == "Another"


def test_nobody_gets_the_address_of_a_record_that_may_just_be_made() -> None:
    scene = Scene(names=("crm", "shop", "news"))
    scene.fake("crm").person_creates(email="ben@example.com", first="Ben")
    scene.run()
    scene.fake("crm").person_creates(email="carl@example.com", first="Carl")
    scene.fake("news").fault = "late"
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    scene.fake("news").fault = ""
    scene.wait(seconds=10)
    scene.fake("shop").person_edits("shop-1", email="carl@example.com", first="Benjamin", out=True)
    pull_app(scene.world, "shop")
    tend(scene.world, "news")
    told = scene.fake("news").rows["news-1"].fields
    assert (told["email"], told["first"], told["out"]) == ("ben@example.com", "Benjamin", True), (
        "the rest does not wait"
    )
    scene.fake("news").land_late()
    later(scene)
    assert _emails(scene, "news") == ["ben@example.com", "carl@example.com"]
    assert _asked(scene)
