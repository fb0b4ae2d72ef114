"""The oracle of the kill tests sees what it is there to see."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.store.store import Store
from syncd.store.values import Entry, Event
from syncd.testing.clock import TurnedClock
from syncd.testing.crash.oracle import broken_promises, unsound
from syncd.testing.crash.scene import staged
from syncd.testing.crash.story import Told, begun
from syncd.testing.population import person
from syncd.testing.twin import Journal

SHARED = person(1, 3).email


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """Two apps that a sync has yet to make the same, but for whom they know in common."""
    with staged(tmp_path, TurnedClock()) as scene:
        scene.renew(seed=1)
        yield begun(scene, seed=1)


def promises(told: Told) -> list[str]:
    return list(broken_promises(told.scene, told))


def journal(told: Told, app: str) -> Journal:
    return told.scene.doors[app].twin.journal


def test_people_who_are_the_same_everywhere_break_no_promise(told: Told) -> None:
    assert not [promise for promise in promises(told) if SHARED in promise]


def test_an_edit_that_does_not_arrive_is_lost(told: Told) -> None:
    told.edit("crm", SHARED, first_name="Ada")
    (lost,) = [promise for promise in promises(told) if SHARED in promise]
    assert lost.startswith("lost edit")
    assert "in news" in lost


def test_a_name_that_loses_must_be_in_the_log(told: Told) -> None:
    told.lost.append("Loser")
    assert "lost edit: Loser stands nowhere and is not in the log" in promises(told)
    store = Store.open(f"sqlite:///{told.scene.store}", lambda: 0.0)
    with store.begin() as tx:
        tx.log.append(Entry(event=Event.MERGED, fields={"first_name": {"old": None, "new": "Loser"}}))
    store.close()
    assert not [promise for promise in promises(told) if "Loser" in promise]


def test_an_opt_out_must_stand_everywhere(told: Told) -> None:
    told.opt_out("news", SHARED)
    assert f"re-subscribed: {SHARED} is not opted out in crm" in promises(told)


def test_nobody_is_put_back_even_for_a_moment(told: Told) -> None:
    told.opt_out("news", SHARED)
    id = told.scene.doors["news"].ids()[SHARED][0]
    journal(told, "news").note(0, "api", "members", id, {"status": "subscribed"})
    journal(told, "news").note(0, "api", "members", id, {"status": "unsubscribed"})
    assert f"re-subscribed: {SHARED} in news was 'subscribed' for a time" in promises(told)


def test_a_delete_that_nobody_made_is_seen(told: Told) -> None:
    id = told.scene.doors["crm"].ids()[SHARED][0]
    journal(told, "crm").note(0, "api", "contacts", id, {"": None})
    assert f"deleted by nobody: syncd deleted {SHARED} in crm" in promises(told)
    told.scene.doors["crm"].delete(SHARED)
    assert f"deleted by nobody: {SHARED} is not in crm" in promises(told)


def test_a_delete_that_a_person_made_is_to_arrive(told: Told) -> None:
    told.delete("crm", SHARED)
    assert f"still there: {SHARED} is in news, and a person deleted it" in promises(told)


def test_somebody_who_is_made_twice_is_seen_even_if_one_is_gone_again(told: Told) -> None:
    for id in ("91", "92"):
        journal(told, "crm").note(0, "api", "contacts", id, {"email": "twice@example.com"})
    assert "double: syncd made twice@example.com in crm 2 times" in promises(told)


def test_two_records_of_one_person_are_a_double(told: Told) -> None:
    door = told.scene.doors["crm"]
    door.create("one@example.com", "One", "Person")
    door.create("other@example.com", "One", "Person")
    rows = door.twin.records("contacts")
    assert isinstance(rows[door.ids()["other@example.com"][0]], dict)
    rows[door.ids()["other@example.com"][0]]["email"] = "one@example.com"  # type: ignore[index] # behind the app's back
    assert "double: one@example.com is in crm 2 times" in promises(told)


def test_a_store_is_looked_at_in_a_copy_and_found_sound(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    assert unsound(path) == ""
    kept(path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert unsound(path) == ""
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_file_that_is_torn_is_unsound(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    kept(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert unsound(path) != ""


def test_a_log_that_was_tampered_with_is_unsound(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    kept(path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE change SET note = 'another'")
    db.close()
    assert unsound(path) == "the change log does not fit from entry 1 on"


def kept(path: Path) -> None:
    """A store with an entry in its log."""
    store = Store.open(f"sqlite:///{path}", lambda: 0.0)
    with store.begin() as tx:
        tx.log.append(Entry(event=Event.MERGED, note="one"))
    store.close()
