"""A person is forgotten: deleted everywhere, erased here, known again by a hash alone, brought back by nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.core.entity import Entity, Held
from syncd.core.fieldmap import Deletion
from syncd.engine.forgetting import finish, foresee, forget, lift
from syncd.engine.remedies import pause, resume
from syncd.engine.retention import expire
from syncd.engine.undo import Chosen, choose, undoing
from syncd.errors import Halted
from syncd.sdk.contract import Deletes
from syncd.store.forgetting import AGAIN
from syncd.testing.fake import capable
from tests.engine.forgetting import ANN, held_of, orders, record, shown, whom
from tests.engine.turns import later, linked
from tests.engine.world import Scene


def test_a_person_is_deleted_everywhere_and_erased_here() -> None:
    scene = linked(3)
    id = whom(scene)
    forget(scene.world, id, by="op", reason="by letter")
    scene.run()
    assert shown(scene, "crm") == shown(scene, "news") == ["p1@example.com", "p2@example.com"]
    assert held_of(scene, id) == ({}, [], {}, [])
    assert scene.store.verify() == ""
    (order,) = orders(scene)
    assert order.done is not None
    assert {(one["app"], one["outcome"]) for one in order.certificate["records"]} == {
        ("crm", "the app confirmed that syncd deleted it"),
        ("news", "the app confirmed that syncd deleted it"),
    }
    assert (order.certificate["by"], order.certificate["reason"]) == ("op", "by letter")
    assert ANN not in str(order)
    later(scene)
    assert scene.parked() == []
    assert len(scene.fake("crm").rows) == 2


def test_what_it_would_come_to_is_foreseen_and_changes_nothing() -> None:
    scene = linked(2)
    scene.fake("news").person_edits(record(scene, "news"), out=True)
    scene.run()
    id = whom(scene)
    with scene.store.read() as tx:
        found = foresee(scene.world, tx, id)
    assert {(one.app, one.how) for one in found.records} == {("crm", "deleted"), ("news", "deleted")}
    assert (found.values, found.keys, found.opted_out, found.questions) == (3, 2, 1, 0)
    assert found.entries >= 3
    scene.run()
    assert len(scene.entities()) == 2


def test_the_file_of_the_store_holds_nothing_of_them_any_more(tmp_path: Path) -> None:
    file = tmp_path / "syncd.db"
    scene = Scene(url=f"sqlite:///{file}")
    for email, first in ((ANN, "Unmistakable"), ("p1@example.com", "P1")):
        scene.fake("crm").person_creates(email=email, first=first, out=email == ANN)
    scene.run()
    scene.fake("crm").person_edits("crm-1", phone="5550199")
    scene.run()
    forget(scene.world, whom(scene), by="op")
    scene.run()
    assert scene.store.verify() == ""
    scene.store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"p1@example.com" in content
    assert [text for text in (ANN.encode(), b"Unmistakable", b"5550199") if text in content] == []


def test_whoever_shows_up_again_waits_for_a_person_and_goes_nowhere() -> None:
    scene = linked(2)
    forget(scene.world, whom(scene), by="op")
    scene.run()
    scene.fake("news").person_creates(email="P0@Example.com", first="Again", out=False)
    later(scene)
    (work,) = scene.parked()
    assert work.reason.startswith("forgotten")
    assert "Again" not in str(work)
    assert len(scene.fake("crm").rows) == 1
    assert ANN not in str([entity.fields for entity in scene.entities()])
    lift(scene.world, orders(scene)[0].id, by="op")
    later(scene)
    assert scene.parked() == []
    assert scene.fake("crm").find_one(first="Again")
    with pytest.raises(Halted, match="lifted already"):
        lift(scene.world, orders(scene)[0].id, by="op")


def test_an_opt_out_holds_for_whoever_comes_back() -> None:
    scene = linked(2)
    scene.fake("news").person_edits(record(scene, "news"), out=True)
    scene.run()
    forget(scene.world, whom(scene), by="op")
    scene.run()
    with scene.store.read() as tx:
        assert tx.optouts.count() == 1
    lift(scene.world, orders(scene)[0].id, by="op")
    scene.fake("crm").person_creates(email=ANN, first="Again", out=False)
    later(scene)
    assert scene.fake("news").rows[scene.fake("news").find_one(email=ANN)].fields["out"] is True


def test_an_opt_out_that_is_typed_while_they_wait_counts_and_stays_no_address() -> None:
    scene = linked(2)
    forget(scene.world, whom(scene), by="op")
    scene.run()
    scene.fake("news").person_creates(email=ANN, out=True)
    later(scene)
    with scene.store.read() as tx:
        assert tx.optouts.count() == 1
    lift(scene.world, orders(scene)[0].id, by="op")
    later(scene)
    assert scene.fake("crm").rows[scene.fake("crm").find_one(email=ANN)].fields["out"] is True


def test_no_edit_brings_back_whoever_is_being_forgotten() -> None:
    scene = linked(2)
    id = whom(scene)
    scene.fake("news").fault = "outage"
    forget(scene.world, id, by="op")
    scene.run()
    assert orders(scene)[0].done is None
    with pytest.raises(Halted, match="already"):
        forget(scene.world, id, by="op")
    scene.fake("news").fault = ""
    scene.fake("news").person_edits(record(scene, "news"), first="Edited", out=True)
    later(scene)
    assert shown(scene, "crm") == shown(scene, "news") == ["p1@example.com"]
    assert orders(scene)[0].done is not None
    assert held_of(scene, id) == ({}, [], {}, [])


@pytest.mark.parametrize("fault", ["before", "after", "late"])
def test_a_delete_in_doubt_is_waited_for(fault: str) -> None:
    scene = linked(2)
    scene.fake("news").fault = fault  # type: ignore[assignment]
    forget(scene.world, whom(scene), by="op")
    scene.run()
    assert orders(scene)[0].done is None
    scene.fake("news").fault = ""
    scene.fake("news").land_late()
    later(scene)
    assert shown(scene, "news") == ["p1@example.com"]
    assert orders(scene)[0].done is not None
    assert scene.store.verify() == ""


def test_a_create_in_doubt_is_waited_for_and_what_it_has_made_is_deleted() -> None:
    scene = linked(1)
    scene.fake("news").fault = "late"
    scene.fake("crm").person_creates(email="new@example.com", first="New")
    scene.run()
    scene.fake("news").fault = ""
    forget(scene.world, whom(scene, "new@example.com"), by="op")
    scene.run()
    assert orders(scene)[0].done is None
    scene.fake("news").land_late()
    later(scene, 4)
    assert shown(scene, "crm") == shown(scene, "news") == [ANN]
    assert orders(scene)[0].done is not None


def test_what_an_app_refuses_to_delete_waits_until_a_person_has_done_it() -> None:
    scene = linked(2)
    scene.fake("news").refuses = lambda write: "no deletes here" if type(write).__name__ == "Delete" else ""
    forget(scene.world, whom(scene), by="op")
    later(scene)
    assert orders(scene)[0].done is None
    assert [work.reason for work in scene.parked()] == ["no deletes here"]
    scene.fake("news").person_deletes(record(scene, "news"))
    later(scene)
    (order,) = orders(scene)
    assert order.done is not None
    assert "the app says that it is gone" in {one["outcome"] for one in order.certificate["records"]}
    assert scene.parked() == []


def test_a_record_that_had_left_its_filter_is_deleted_as_well() -> None:
    scene = linked(2, filters={"news": lambda fields: fields.get("first") != "Out"})
    scene.fake("crm").person_edits("crm-1", first="Out")
    later(scene)
    forget(scene.world, whom(scene), by="op")
    later(scene)
    assert shown(scene, "news") == ["p1@example.com"]
    assert orders(scene)[0].done is not None


def test_a_record_that_is_missing_for_now_is_looked_at_twice() -> None:
    scene = linked(2)
    scene.fake("news").person_deletes(record(scene, "news"))
    scene.run()
    forget(scene.world, whom(scene), by="op")
    later(scene)
    assert orders(scene)[0].done is not None


def test_questions_about_them_are_closed_and_say_nothing() -> None:
    scene = linked(2, deletes=Deletion.HOLD)
    scene.fake("crm").person_deletes("crm-1")
    later(scene)
    assert [work.kind.value for work in scene.parked()] == ["hold"]
    id = whom(scene)
    forget(scene.world, id, by="op")
    assert scene.parked() == []
    scene.run()
    with scene.store.read() as tx:
        assert [(work.reason, work.detail) for work in tx.parked.ever([id], [])] == [("", {})]
    assert shown(scene, "news") == ["p1@example.com"]


def test_an_undo_never_brings_them_back() -> None:
    scene = linked(3)
    scene.fake("crm").person_edits("crm-1", first="Edited")
    scene.run()
    forget(scene.world, whom(scene), by="op")
    scene.run()
    with scene.store.read() as tx:
        found = undoing(scene.world, tx, choose(tx, Chosen(since=1.0)))
    assert found.back == ()
    assert "a person asked to be forgotten: nothing brings them back" in {kept.reason for kept in found.kept}


def test_whom_an_app_has_merged_into_another_is_forgotten_and_the_other_stays() -> None:
    scene = linked(2)
    scene.fake("news").fault = "outage"
    forget(scene.world, whom(scene), by="op")
    scene.run()
    scene.fake("news").fault = ""
    scene.fake("news").person_merges(record(scene, "news", "p1@example.com"), record(scene, "news"))
    later(scene)
    assert orders(scene)[0].done is not None
    assert [entity.value("email") for entity in scene.entities()] == ["p1@example.com"]
    assert shown(scene, "crm") == ["p1@example.com"]


def test_whoever_was_merged_into_one_who_is_forgotten_stays_and_is_made_anew() -> None:
    scene = linked(2)
    scene.fake("news").fault = "outage"
    forget(scene.world, whom(scene), by="op")
    scene.run()
    scene.fake("news").fault = ""
    scene.fake("news").person_merges(record(scene, "news"), record(scene, "news", "p1@example.com"))
    later(scene, 5)
    assert orders(scene)[0].done is not None
    assert [entity.value("email") for entity in scene.entities()] == ["p1@example.com"]
    assert shown(scene, "crm") == shown(scene, "news") == ["p1@example.com"]


def test_a_listing_that_lags_does_not_ask_about_whoever_was_just_deleted() -> None:
    scene = linked(2)
    capable(scene.fake("news"), deletes=Deletes.TOLD, list_lag=timedelta(minutes=5))
    rows = dict(scene.fake("news").rows)
    forget(scene.world, whom(scene), by="op")
    scene.run()
    listing = scene.fake("news").changes
    shadow = replace(scene.fake("news"), rows=rows)
    scene.fake("news").changes = shadow.changes  # type: ignore[method-assign]
    scene.run()
    scene.fake("news").changes = listing  # type: ignore[method-assign]
    scene.run()
    assert scene.parked() == []


def test_what_had_expired_before_is_erased_whole_with_its_person() -> None:
    scene = linked(1)
    id = whom(scene)
    for word in ("one", "two"):
        scene.fake("news").person_edits(record(scene, "news"), first=word)
        scene.run()
    scene.wait(days=40)
    assert expire(scene.world, timedelta(days=30)) > 0
    assert any(entry.ref and not entry.fields for entry in scene.log()), "records are still named"
    forget(scene.world, id, by="op")
    scene.run()
    assert held_of(scene, id) == ({}, [], {}, [])
    assert scene.store.verify() == ""


def test_whoever_a_backup_brings_back_without_a_key_is_forgotten_again() -> None:
    scene = linked(1)
    id = whom(scene)
    forget(scene.world, id, by="op")
    scene.run()
    with scene.store.begin() as tx:
        tx.entities.put(Entity(id, "people", {"first": Held("Back", 1, "crm", None, 0)}), ())
        tx.meta.put(AGAIN, "yes")
    finish(scene.world)
    assert held_of(scene, id) == ({}, [], {}, [])
    first, second = orders(scene)
    assert second.reason == "forgotten before, by order 1; a backup had brought them back"
    assert (first.by, second.by) == ("op", "op")


def test_whoever_may_come_back_is_not_forgotten_again_by_a_restore() -> None:
    scene = linked(1)
    id = whom(scene)
    forget(scene.world, id, by="op")
    scene.run()
    lift(scene.world, 1, by="op")
    with scene.store.begin() as tx:
        tx.entities.put(Entity(id, "people", {"first": Held("Back", 1, "crm", None, 0)}), ())
        tx.meta.put(AGAIN, "yes")
    finish(scene.world)
    assert len(orders(scene)) == 1


def test_a_paused_app_holds_the_deletes_of_whoever_is_to_be_forgotten() -> None:
    scene = linked(2)
    pause(scene.world, "news", "looked at by a person", "op")
    forget(scene.world, whom(scene), by="op")
    scene.run()
    assert (len(shown(scene, "crm")), len(shown(scene, "news"))) == (1, 2)
    assert orders(scene)[0].done is None
    resume(scene.world, "news", "op")
    scene.run()
    assert shown(scene, "news") == ["p1@example.com"]
    assert orders(scene)[0].done is not None
