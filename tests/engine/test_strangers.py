"""A second record with the same key: a person says that it is another's, or that it is the one."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.fieldmap import Deletion
from syncd.core.record import EntityId, Ref
from syncd.engine.cycle import tend
from syncd.engine.decide import drop_hold
from syncd.engine.whose import belongs, candidates, is_apart
from syncd.errors import ConfigError, Halted
from syncd.store.values import Event, Intent, IntentKind, Parked, ParkedKind
from syncd.testing.fake import capable
from tests.engine.turns import gives_again, later, without_search
from tests.engine.world import Scene, people

ADA = "ada@example.com"


def doubled(**more: Any) -> Scene:
    """Ada is in the CRM twice: once as everybody knows her, and once more."""
    scene = Scene(sync=people(("crm", "news"), **more))
    scene.fake("crm").person_creates(email=ADA, first="Ada")
    scene.run()
    scene.fake("crm").person_creates(email=ADA, first="Adelaide", phone="8")
    scene.run()
    return scene


def asked(scene: Scene) -> Parked:
    (work,) = scene.parked()
    return work


def ada(scene: Scene) -> EntityId:
    (entity,) = scene.entities()
    return entity.id


def test_who_is_somebody_else_is_left_alone_and_not_asked_about_again() -> None:
    scene = doubled()
    work = asked(scene)
    assert (work.kind, candidates(work)) == (ParkedKind.DUPLICATE, [ada(scene)])
    seq = is_apart(scene.world, work.id, by="ben")
    (entry,) = [entry for entry in scene.log() if entry.event is Event.DECIDED]
    assert (entry.seq, entry.by, str(entry.ref), entry.note) == (
        seq,
        "ben",
        "crm/people/crm-2",
        "said to be somebody else's",
    )
    for first in ("Addy", "Della"):
        scene.fake("crm").person_edits("crm-2", first=first)
        scene.run()
        assert scene.parked() == []
    assert scene.fake("news").shown("news-1")["first"] == "Ada"
    shown = scene.fake("crm").shown("crm-2")
    assert (shown["email"], shown["first"], shown["phone"]) == (ADA, "Della", "8")
    assert len(scene.fake("news").rows) == 1


def test_with_a_key_of_their_own_they_are_somebody_of_their_own() -> None:
    scene = doubled()
    is_apart(scene.world, asked(scene).id, by="ben")
    scene.fake("crm").person_edits("crm-2", email="adelaide@example.com")
    scene.run()
    assert scene.parked() == []
    assert scene.fake("news").find_one(email="adelaide@example.com")


def test_another_second_record_is_another_question() -> None:
    scene = doubled()
    is_apart(scene.world, asked(scene).id, by="ben")
    scene.fake("crm").person_creates(email=ADA, first="Third")
    scene.run()
    assert asked(scene).ref == Ref("crm", "people", "crm-3")


def test_an_opt_out_of_somebody_else_at_the_same_address_counts_for_the_address() -> None:
    scene = doubled()
    is_apart(scene.world, asked(scene).id, by="ben")
    scene.fake("crm").person_edits("crm-2", out=True)
    scene.run()
    assert scene.fake("news").shown("news-1")["out"] is True


@pytest.mark.parametrize("unique", [True, False])
def test_who_has_no_record_of_their_own_any_more_is_given_theirs_by_a_person_alone(unique: bool) -> None:
    scene = doubled(deletes=Deletion.IGNORE)
    capable(scene.fake("crm"), unique=("email",) if unique else ())
    is_apart(scene.world, asked(scene).id, by="ben")
    scene.fake("crm").person_deletes("crm-1")
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    scene.fake("news").person_edits("news-1", first="Countess")
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    work = asked(scene)
    assert (work.kind, list(candidates(work))) == (ParkedKind.AMBIGUOUS, [ada(scene)])
    assert scene.fake("crm").shown("crm-2")["first"] == "Adelaide"
    belongs(scene.world, work.id, ada(scene), by="ben")
    scene.run()
    assert scene.parked() == []
    assert scene.fake("crm").shown("crm-2")["email"] == ADA
    assert len(scene.entities()) == 1


@pytest.mark.parametrize("unique", [True, False])
def test_a_record_that_somebody_else_has_left_in_the_way_is_not_taken_over(unique: bool) -> None:
    scene = doubled(filters={"crm": lambda fields: fields.get("first") != "Left"})
    crm = scene.fake("crm")
    is_apart(scene.world, asked(scene).id, by="ben")
    crm.person_edits("crm-2", first="Left")
    crm.person_deletes("crm-1")
    capable(crm, unique=("email",) if unique else ())
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    drop_hold(scene.world, asked(scene).id, by="ben")
    scene.run()
    assert crm.shown("crm-2")["first"] == "Left"
    if unique:
        work = asked(scene)
        assert (work.kind, work.ref and work.ref.id) == (ParkedKind.AMBIGUOUS, "crm-2")
    else:
        assert scene.parked() == []
        assert sorted(row.fields["first"] for row in crm.rows.values()) == ["Ada", "Left"]


def test_the_second_takes_the_place_of_the_first_which_stays_as_it_is() -> None:
    scene = doubled()
    belongs(scene.world, asked(scene).id, ada(scene), by="ben")
    scene.run()
    assert scene.parked() == []
    assert scene.fake("news").shown("news-1")["phone"] == "8"
    shown = scene.fake("crm").shown("crm-1")
    assert (shown["email"], shown["first"], shown["phone"]) == (ADA, "Ada", None)
    scene.fake("news").person_edits("news-1", first="Countess")
    scene.run()
    assert scene.fake("crm").shown("crm-2")["first"] == "Countess"
    scene.fake("crm").person_edits("crm-1", first="Nobody")
    scene.run()
    scene.fake("crm").person_deletes("crm-1")
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    assert scene.parked() == []
    assert scene.fake("news").shown("news-1")["first"] == "Countess"
    (decided,) = [entry for entry in scene.log() if entry.event is Event.DECIDED]
    assert decided.note == "said whose it is, in place of crm-1"


def test_what_was_asked_about_the_first_is_closed_with_it() -> None:
    scene = doubled()
    work = asked(scene)
    first = Ref("crm", "people", "crm-1")
    about = Parked(kind=ParkedKind.QUARANTINE, sync="people", app="crm", entity=ada(scene), ref=first, field="phone")
    with scene.store.begin() as tx:
        tx.parked.park(about)
    belongs(scene.world, work.id, ada(scene), by="ben")
    assert scene.parked() == []


def test_who_was_said_to_be_another_may_be_said_to_be_theirs_after_all() -> None:
    scene = doubled()
    work = asked(scene)
    is_apart(scene.world, work.id, by="ben")
    belongs(scene.world, work.id, ada(scene), by="ben")
    scene.run()
    assert scene.parked() == []
    assert scene.fake("news").shown("news-1")["phone"] == "8"
    scene.fake("crm").person_deletes("crm-2")
    for _ in range(3):
        scene.run()
        scene.wait(minutes=11)
    asked_now = [(work.kind, work.ref.id if work.ref else "") for work in scene.parked()]
    assert sorted(asked_now) == [(ParkedKind.AMBIGUOUS, "crm-1"), (ParkedKind.HOLD, "")]


def test_nothing_takes_the_place_of_a_record_that_is_just_being_written() -> None:
    scene = doubled()
    who = ada(scene)
    with scene.store.begin() as tx:
        made = Intent(
            key="w1", sync="people", app="crm", object="people", entity=who, kind=IntentKind.UPDATE,
            ref=Ref("crm", "people", "crm-1"), patch={"first": "x"}, before={}, goal={"first": "x"},
        )  # fmt: skip
        tx.intents.put([made])
    with pytest.raises(Halted, match="something is just being written"):
        belongs(scene.world, asked(scene).id, ada(scene), by="ben")


def test_a_question_is_answered_once_and_one_about_no_record_not_so() -> None:
    scene = doubled()
    work = asked(scene)
    belongs(scene.world, work.id, ada(scene), by="ben")
    with pytest.raises(Halted, match="answered already"):
        is_apart(scene.world, work.id, by="ben")
    about = {"entity": str(ada(scene)), "entities": [str(ada(scene))]}
    with scene.store.begin() as tx:
        id = tx.parked.park(Parked(kind=ParkedKind.DUPLICATE, sync="people", app="crm", detail=about, reason="two"))
    with pytest.raises(ConfigError, match="no second record"):
        is_apart(scene.world, id, by="ben")


def test_another_record_with_the_id_of_one_that_is_left_alone_is_asked_about() -> None:
    scene = doubled()
    is_apart(scene.world, asked(scene).id, by="ben")
    scene.fake("crm").person_deletes("crm-2")
    scene.run()
    scene.wait(hours=1)
    gives_again(scene.fake("crm"), "crm-2")
    assert scene.fake("crm").person_creates(email=ADA, first="Adele") == "crm-2"
    scene.run()
    work = asked(scene)
    assert (work.kind, candidates(work)) == (ParkedKind.DUPLICATE, [ada(scene)])
    is_apart(scene.world, work.id, by="ben")
    scene.fake("crm").person_edits("crm-2", first="Della")
    scene.run()
    assert scene.parked() == []


def test_a_record_that_is_left_alone_is_not_what_a_create_in_doubt_has_made() -> None:
    scene = doubled(deletes=Deletion.HOLD)
    is_apart(scene.world, asked(scene).id, by="ben")
    crm = scene.fake("crm")
    without_search(crm)
    crm.person_deletes("crm-1")
    later(scene)
    (hold,) = [work for work in scene.parked() if work.kind is ParkedKind.HOLD]
    with scene.store.begin() as tx:  # until the record is listed again, nobody is asked whose it is
        tx.parked.withdraw([work for work in tx.parked.open() if work.id != hold.id], "by the test")
    crm.concealed = frozenset({"crm-2"})
    drop_hold(scene.world, hold.id, by="ben")
    crm.fault = "before"
    tend(scene.world, "crm")
    assert [intent.kind for intent in _open(scene)] == [IntentKind.CREATE]
    crm.fault, crm.concealed = "", frozenset()
    later(scene)
    with scene.store.read() as tx:
        link = tx.links.get("people", Ref("crm", "people", "crm-2"))
    assert link is None


def _open(scene: Scene) -> list[Intent]:
    with scene.store.read() as tx:
        return list(tx.intents.open())
