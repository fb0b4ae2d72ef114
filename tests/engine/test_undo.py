"""Taking changes back: what was agreed before stands again everywhere, and what people did since stays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from syncd.core.fieldmap import Deletion
from syncd.engine.cycle import began
from syncd.engine.undo import Chosen, Kept, Undo, choose, take_back, undoing
from syncd.store.values import Event, ParkedKind
from tests.engine.turns import ADA, EVE, later, linked
from tests.engine.world import Scene

START = 1_800_000_000.0
EDITED = START + 1.5
"""After the first sync."""


def undo(scene: Scene, chosen: Chosen) -> tuple[Undo, int]:
    with scene.store.read() as tx:
        found = undoing(scene.world, tx, choose(tx, chosen), chosen.field)
    head, late = take_back(scene.world, found, by="op", what="test")
    assert late == ()
    later(scene)
    return found, head


def last(scene: Scene) -> int:
    with scene.store.read() as tx:
        return tx.log.find(limit=1)[0].seq


def shown(scene: Scene, app: str, field: str = "first") -> list[str]:
    return sorted(str(row.fields[field]) for row in scene.fake(app).rows.values())


def reasons(found: Undo) -> list[str]:
    return [kept.reason for kept in found.kept]


def test_an_edit_that_is_taken_back_is_taken_back_where_it_was_typed_too() -> None:
    scene = linked(3)
    was = scene.fake("news").rows["news-1"].fields["first"]
    scene.fake("news").person_edits("news-1", first="Wrong")
    scene.run()
    assert "Wrong" in shown(scene, "crm")
    found, _ = undo(scene, Chosen(app="news", since=EDITED))
    assert [(one.field, one.now, one.then, set(one.apps)) for one in found.back] == [
        ("first", "Wrong", was, {"crm", "news"})
    ]
    assert shown(scene, "crm") == shown(scene, "news") == ["P0", "P1", "P2"]


def test_many_edits_of_one_field_come_back_to_what_was_before_the_first_of_them() -> None:
    scene = linked(1)
    for word in ("one", "two", "three"):
        scene.fake("crm").person_edits("crm-1", first=word)
        scene.run()
    found, _ = undo(scene, Chosen(app="crm", since=EDITED))
    assert [(one.now, one.then) for one in found.back] == [("three", "P0")]
    assert shown(scene, "news") == ["P0"]


def test_what_somebody_else_has_changed_since_stays_and_says_who() -> None:
    scene = linked(2)
    scene.fake("crm").person_edits("crm-1", first="Wrong")
    scene.fake("crm").person_edits("crm-2", first="Wrong")
    scene.run()
    news = scene.fake("news")
    news.person_edits(news.find_one(email="p0@example.com"), first="Right")
    scene.run()
    found, _ = undo(scene, Chosen(app="crm", since=EDITED))
    assert len(found.back) == 1
    assert [reason.partition(", in entry")[0] for reason in reasons(found)] == ["it was changed since, in news"]
    assert shown(scene, "crm") == ["P1", "Right"]


def test_of_several_changes_only_those_that_are_on_top_are_taken_back() -> None:
    scene = linked(1)
    for app, word in (("crm", "one"), ("news", "two"), ("crm", "three")):
        scene.fake(app).person_edits(f"{app}-1", first=word)
        scene.run()
    found, _ = undo(scene, Chosen(app="crm", since=EDITED))
    assert [(one.now, one.then) for one in found.back] == [("three", "two")]
    assert shown(scene, "crm") == ["two"]


def test_one_change_is_taken_back_by_its_number() -> None:
    scene = linked(1)
    scene.fake("crm").person_edits("crm-1", first="Wrong", phone="1")
    scene.run()
    (entry,) = [entry for entry in scene.log() if entry.event is Event.MERGED]
    undo(scene, Chosen(seq=entry.seq, field="first"))
    assert scene.fake("news").find_one(first="P0", phone="1")


def test_an_undo_can_be_taken_back_and_done_again() -> None:
    scene = linked(2)
    scene.fake("crm").person_edits("crm-1", first="New")
    scene.run()
    _, first = undo(scene, Chosen(app="crm", since=EDITED))
    assert shown(scene, "news") == ["P0", "P1"]
    _, second = undo(scene, Chosen(undo=first))
    assert shown(scene, "news") == ["New", "P1"]
    undo(scene, Chosen(undo=second))
    assert shown(scene, "news") == ["P0", "P1"]


def test_asked_for_twice_it_is_done_once() -> None:
    scene = linked(1)
    scene.fake("crm").person_edits("crm-1", first="New")
    scene.run()
    undo(scene, Chosen(app="crm", since=EDITED))
    found, _ = undo(scene, Chosen(app="crm", since=EDITED))
    assert found.back == ()
    assert [reason.partition(", by entry")[0] for reason in reasons(found)] == ["it is taken back already"]


def test_a_field_that_was_blank_before_is_blank_again() -> None:
    scene = linked(1)
    scene.fake("crm").person_edits("crm-1", phone="1")
    scene.run()
    assert scene.fake("news").rows["news-1"].fields["phone"] == "1"
    undo(scene, Chosen(app="crm", since=EDITED))
    assert not scene.fake("news").rows["news-1"].fields["phone"]
    assert not scene.fake("crm").rows["crm-1"].fields["phone"]


def test_what_came_with_a_record_is_not_blanked_in_the_app_it_came_from() -> None:
    scene = linked(1)
    found, _ = undo(scene, Chosen(since=1.0))
    assert found.back == ()
    assert set(reasons(found)) == {"it was settled when the records were first tied: there was no agreed value before"}
    assert shown(scene, "crm") == ["P0"]


def test_an_opt_out_is_never_taken_back() -> None:
    scene = linked(1)
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    found, _ = undo(scene, Chosen(since=EDITED))
    assert found.back == ()
    assert reasons(found)[0].startswith("an opt-out is never taken back")
    assert scene.fake("crm").rows["crm-1"].fields["out"] is True


def test_whoever_goes_back_to_an_address_that_is_opted_out_is_opted_out() -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", email=ADA)
    scene.run()
    news.person_creates(email="p0@example.com", first="Another", out=True)
    scene.run()
    news.person_deletes(news.find_one(first="Another"))
    later(scene)
    undo(scene, Chosen(app="crm", field="email", since=EDITED))
    assert crm.rows["crm-1"].fields["email"] == "p0@example.com"
    assert crm.rows["crm-1"].fields["out"] is True


def test_a_conflict_about_the_field_is_answered_by_the_undo() -> None:
    scene = linked(1)
    scene.fake("crm").person_edits("crm-1", phone="1")
    scene.run()
    scene.fake("crm").person_edits("crm-1", phone="2")
    scene.fake("news").person_edits("news-1", phone="3")
    scene.run()
    assert [work.kind for work in scene.parked()] == [ParkedKind.CONFLICT]
    undo(scene, Chosen(app="crm", field="phone", since=EDITED))
    assert scene.parked() == []
    assert not scene.fake("news").rows["news-1"].fields["phone"]


def test_a_decision_of_a_person_is_taken_back_like_any_change() -> None:
    scene = linked(1)
    scene.fake("crm").person_edits("crm-1", first="New")
    scene.run()
    _, head = undo(scene, Chosen(app="crm", since=EDITED))
    entry = next(entry for entry in scene.log() if entry.cause == head)
    undo(scene, Chosen(seq=entry.seq))
    assert shown(scene, "crm") == ["New"]


@pytest.mark.parametrize("policy", [Deletion.PROPAGATE, Deletion.IGNORE])
def test_whoever_was_deleted_is_made_anew_wherever_they_were(policy: Deletion) -> None:
    scene = linked(30, deletes=policy)
    scene.fake("crm").person_deletes("crm-1")
    later(scene)
    assert len(scene.fake("news").rows) == (29 if policy is Deletion.PROPAGATE else 30)
    found, _ = undo(scene, Chosen(since=EDITED))
    assert [one.field for one in found.back] == [""]
    assert "P0" in shown(scene, "crm")
    assert "P0" in shown(scene, "news")
    assert len(scene.entities()) == 30


def test_whoever_is_back_already_is_not_made_twice() -> None:
    scene = linked(30, deletes=Deletion.PROPAGATE)
    scene.fake("crm").person_deletes("crm-1")
    later(scene)
    undo(scene, Chosen(since=EDITED))
    found, _ = undo(scene, Chosen(since=EDITED))
    assert found.back == ()
    assert "it is back already" in reasons(found)
    assert shown(scene, "crm").count("P0") == 1


def test_a_run_is_taken_back_until_the_next_one_began() -> None:
    scene = linked(2)
    began(scene.world, "run --once")
    first = last(scene)
    scene.fake("crm").person_edits("crm-1", first="one")
    scene.run()
    began(scene.world, "run --once")
    scene.fake("crm").person_edits("crm-2", first="two")
    scene.run()
    undo(scene, Chosen(run=first))
    assert shown(scene, "news") == ["P0", "two"]


def test_what_is_not_chosen_by_time_stays() -> None:
    scene = linked(2)
    scene.wait(hours=1)
    scene.fake("crm").person_edits("crm-1", first="one")
    scene.run()
    noon = scene.clock.now()
    scene.wait(hours=1)
    scene.fake("crm").person_edits("crm-2", first="two")
    scene.run()
    undo(scene, Chosen(since=START + 60, until=noon + 60))
    assert shown(scene, "news") == ["P0", "two"]


def changed_between(value: str) -> tuple[Scene, Sequence[Kept]]:
    """A wrong first name becomes this one between the look at an undo and the deed; what was not taken back."""
    scene = linked(1)
    scene.fake("crm").person_edits("crm-1", first="Wrong")
    scene.run()
    with scene.store.read() as tx:
        found = undoing(scene.world, tx, choose(tx, Chosen(since=EDITED)))
    scene.fake("news").person_edits("news-1", first=value)
    scene.run()
    _, late = take_back(scene.world, found, by="op", what="test")
    return scene, late


def test_what_is_as_it_was_by_the_time_of_the_deed_is_said_to_be() -> None:
    _, late = changed_between("P0")
    assert [(one.field, one.reason) for one in late] == [("first", "it is what it was before")]


def test_what_changes_between_the_look_and_the_deed_stays() -> None:
    scene, late = changed_between("Right")
    assert [(one.field, one.reason) for one in late] == [("first", "it was changed just now")]
    later(scene)
    assert shown(scene, "crm") == ["Right"]


def test_who_became_one_with_another_is_not_parted() -> None:
    scene = linked(1)
    scene.fake("news").person_creates(email=EVE, first="Eve", out=False)
    scene.run()
    scene.fake("news").person_merges("news-2", "news-1")
    later(scene)
    found, _ = undo(scene, Chosen(since=EDITED))
    assert not any(isinstance(one, Kept) and not one.reason for one in found.kept)
    assert len({one.entity for one in found.back}) <= 1


def test_whoever_takes_back_what_was_taken_back_again_and_again_stops_no_app() -> None:
    """The same is written each time; but each time a person has said so."""
    scene = linked(1)
    scene.fake("crm").person_edits("crm-1", first="Other")
    scene.run()
    for _ in range(6):
        with scene.store.read() as tx:
            turns = [e.seq for e in tx.log.find(field="first", limit=50) if e.event in (Event.UNDONE, Event.MERGED)]
            found = undoing(scene.world, tx, choose(tx, Chosen(seq=turns[0])))
        take_back(scene.world, found, by="op", what="test")
        scene.run()
    assert [entry.note for entry in scene.log() if entry.event in (Event.BROKEN, Event.PAUSED)] == []
    assert shown(scene, "crm") == shown(scene, "news")
