"""Whose a record is, where several fit: a person says it, and no value is lost or doubled by that."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.record import EntityId
from syncd.engine.cycle import pull_app
from syncd.engine.whose import belongs, candidates
from syncd.errors import ConfigError, Halted
from syncd.store.values import Event, Intent, IntentKind, Parked, ParkedKind
from tests.engine.world import Scene, people

BY = (("email",), ("phone",))


def family(**more: Any) -> Scene:
    """Ada and Ben have come to have one telephone; the newsletter knows somebody by that number alone."""
    scene = Scene(sync=people(("crm", "news"), match=BY, creates=frozenset({"crm"}), **more))
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", phone="4")
    scene.fake("crm").person_creates(email="ben@example.com", first="Ben", phone="5")
    scene.run()
    scene.fake("crm").person_edits("crm-2", phone="4")
    scene.run()
    scene.fake("news").person_creates(phone="4", first="B.")
    scene.run()
    return scene


def asked(scene: Scene) -> Parked:
    (work,) = [work for work in scene.parked() if work.kind is ParkedKind.AMBIGUOUS]
    return work


def named(scene: Scene, first: str) -> EntityId:
    (entity,) = [entity for entity in scene.entities() if entity.value("first") == first]
    return entity.id


def test_both_are_asked_about_and_nothing_is_guessed() -> None:
    scene = family()
    assert set(candidates(asked(scene))) == {named(scene, "Ada"), named(scene, "Ben")}
    assert scene.fake("news").shown("news-1")["first"] == "B."


def test_the_one_that_a_person_names_has_the_record_from_then_on() -> None:
    scene = family()
    belongs(scene.world, asked(scene).id, named(scene, "Ben"), by="ada")
    scene.run()
    shown = scene.fake("news").shown("news-1")
    assert (shown["email"], shown["first"]) == ("ben@example.com", "Ben")
    assert scene.parked() == []
    scene.fake("news").person_edits("news-1", first="Benjamin")
    scene.run()
    assert scene.fake("crm").shown("crm-2")["first"] == "Benjamin"
    assert scene.fake("crm").shown("crm-1")["first"] == "Ada"


def test_it_is_in_the_log_with_who_said_it() -> None:
    scene = family()
    seq = belongs(scene.world, asked(scene).id, named(scene, "Ben"), by="ada")
    (entry,) = [entry for entry in scene.log() if entry.event is Event.DECIDED]
    assert (entry.seq, entry.by, str(entry.ref), entry.entity) == (
        seq,
        "ada",
        "news/people/news-1",
        named(scene, "Ben"),
    )


def test_what_was_edited_since_the_question_is_taken_in() -> None:
    scene = family()
    work = asked(scene)
    scene.fake("news").person_edits("news-1", out=True)
    belongs(scene.world, work.id, named(scene, "Ben"), by="ada")
    scene.run()
    assert scene.fake("crm").shown("crm-2")["out"] is True


def test_who_is_not_asked_about_cannot_be_named() -> None:
    scene = family()
    with pytest.raises(ConfigError, match="none of those"):
        belongs(scene.world, asked(scene).id, EntityId("e" + "0" * 20), by="ada")


def test_a_question_is_answered_once() -> None:
    scene = family()
    work, ben = asked(scene), named(scene, "Ben")
    belongs(scene.world, work.id, ben, by="ada")
    with pytest.raises(Halted, match="answered already"):
        belongs(scene.world, work.id, ben, by="ben")


def test_a_record_that_is_gone_belongs_to_nobody() -> None:
    scene = family()
    scene.fake("news").person_deletes("news-1")
    with pytest.raises(Halted, match="is not there any more"):
        belongs(scene.world, asked(scene).id, named(scene, "Ben"), by="ada")


def test_who_has_a_record_there_by_now_is_not_given_a_second() -> None:
    scene = family()
    work, ben = asked(scene), named(scene, "Ben")
    scene.fake("news").person_creates(email="ben@example.com", first="Ben")
    pull_app(scene.world, "news")
    with pytest.raises(Halted, match="has a record in news already"):
        belongs(scene.world, work.id, ben, by="ada")


def test_who_was_deleted_meanwhile_is_not_brought_back_by_it() -> None:
    scene = family()
    work, ben = asked(scene), named(scene, "Ben")
    scene.fake("crm").person_deletes("crm-2")
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    with pytest.raises(Halted):
        belongs(scene.world, work.id, ben, by="ada")


def test_a_record_that_was_found_to_be_somebodys_meanwhile_stays_theirs() -> None:
    scene = family()
    work = asked(scene)
    scene.fake("news").person_edits("news-1", email="ada@example.com")
    scene.run()
    with pytest.raises(Halted, match="answered already"):
        belongs(scene.world, work.id, named(scene, "Ben"), by="ada")


def test_a_record_outside_its_filter_is_left_alone() -> None:
    scene = family(filters={"news": lambda fields: fields.get("first") == "B."})
    work = asked(scene)
    scene.fake("news").person_edits("news-1", first="Z.")
    with pytest.raises(Halted, match="outside the filter"):
        belongs(scene.world, work.id, named(scene, "Ben"), by="ada")


def test_what_syncd_may_be_making_for_somebody_is_not_given_to_another() -> None:
    scene = family()
    sent, ada = {"phone": "4", "first": "B."}, named(scene, "Ada")
    with scene.store.begin() as tx:
        made = Intent(
            key="w1", sync="people", app="news", object="people", entity=ada, kind=IntentKind.CREATE,
            ref=None, patch=sent, before={}, goal=sent,
        )  # fmt: skip
        tx.intents.put([made])
    with pytest.raises(Halted, match="may be what syncd is just making"):
        belongs(scene.world, asked(scene).id, named(scene, "Ben"), by="ada")


def test_a_question_that_is_about_no_record_names_nobody() -> None:
    scene = family()
    with scene.store.begin() as tx:
        id = tx.parked.park(Parked(kind=ParkedKind.AMBIGUOUS, sync="people", app="news", reason="two in one"))
    with pytest.raises(ConfigError, match="none of those"):
        belongs(scene.world, id, named(scene, "Ben"), by="ada")
