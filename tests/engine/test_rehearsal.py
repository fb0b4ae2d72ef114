"""What a rehearsal keeps: on disk, in a place that is gone at once, and the same as if it were in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.core.record import Create, Gone, Record, Ref, Update, Version
from syncd.engine.paper import lines, plan_of
from syncd.engine.plan import make_plan
from syncd.engine.scratch import Scratch
from syncd.engine.standing import Standing
from syncd.engine.wrappers import Rehearsed
from syncd.engine.writes import Planned, Writes, name_of, planned
from syncd.errors import StoreError
from syncd.testing.clock import TurnedClock
from syncd.testing.fake import Fake
from tests.engine.world import Scene


@pytest.fixture
def standing(tmp_path: Path) -> Standing:
    return Standing(tmp_path, "crm")


def _ada(**fields: str) -> Record:
    return Record(Ref("crm", "people", "crm-1"), fields)


def test_a_record_comes_back_as_it_was_put(standing: Standing) -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, 1000, UTC)
    ada = Record(Ref("crm", "people", "crm-1"), {"b": [1, 2.5], "a": None}, Version("v1", at), at)
    bob = Ref("crm", "people", "crm-2")
    standing.put(ada)
    standing.put(Gone(bob))
    assert standing.of([ada.ref, bob, Ref("crm", "people", "crm-3")]) == {ada.ref: ada, bob: Gone(bob)}
    assert list(standing.of([ada.ref])[ada.ref].fields) == ["b", "a"]  # type: ignore[union-attr]


def test_a_record_is_found_by_what_it_would_show_last(standing: Standing) -> None:
    def shown(value: str) -> list[Ref]:
        return list(standing.showing("people", "email", value))

    standing.put(_ada(email="Ada@example.com"))
    assert shown("ada@EXAMPLE.com") == [_ada().ref]
    standing.put(_ada(email="countess@example.com"))
    assert (shown("ada@example.com"), shown("countess@example.com")) == ([], [_ada().ref])
    standing.put(Record(Ref("crm", "people", "crm-2"), {"email": "countess@example.com"}))
    assert [ref.id for ref in shown("countess@example.com")] == ["crm-1", "crm-2"]
    assert list(standing.showing("companies", "email", "countess@example.com")) == []
    standing.put(Gone(_ada().ref))
    assert [ref.id for ref in shown("countess@example.com")] == ["crm-2"]


def test_a_search_in_a_rehearsal_adds_who_would_be_made_to_who_is_there(tmp_path: Path) -> None:
    fake = Fake("crm", TurnedClock(0.0), Scene().fake("crm").fields)
    fake.person_creates(email="ada@example.com")
    stage = Rehearsed("crm", fake, Writes(tmp_path), Standing(tmp_path, "crm"))
    stage.write([Create("crm", "people", {"email": "ada@example.com"}, "w1")])
    found = stage.find("people", "email", ["ada@example.com", "eve@example.com"])
    assert [ref.id for ref in found["ada@example.com"]] == ["crm-1", "new-1"]
    assert found["eve@example.com"] == []


def test_a_write_of_a_plan_is_good_for_once_and_the_same_one_twice_for_twice(tmp_path: Path) -> None:
    writes, write = Writes(tmp_path), Update(Ref("crm", "people", "crm-1"), {"first": "Ada"}, "w1")
    for _ in range(2):
        writes.add(planned(write, None))
    other = name_of(Update(Ref("crm", "people", "crm-2"), {"first": "Ada"}, "w2"))
    for _ in range(2):
        writes.untaken()
        assert [writes.take([other, name_of(write)]) for _ in range(3)] == [True, True, False]


def test_writes_come_app_by_app_and_those_of_an_app_in_their_order(tmp_path: Path) -> None:
    writes = Writes(tmp_path, ["crm", "news", "shop"])
    for app, record in (("news", "1"), ("crm", "2"), ("news", "0"), ("crm", "1")):
        writes.add(Planned("delete", app, "people", record, {}))
    assert [(write.app, write.record) for write in writes] == [("crm", "2"), ("crm", "1"), ("news", "1"), ("news", "0")]
    assert writes.counts == {app: {"create": 0, "update": 0, "delete": 2} for app in ("crm", "news")}
    assert Planned("delete", "crm", "people", "2", {}) in writes
    assert Planned("delete", "crm", "people", "9", {}) not in writes


def test_a_plan_outlives_the_folder_that_it_was_rehearsed_in(tmp_path: Path) -> None:
    scene = Scene(url=f"sqlite:///{tmp_path / 'syncd.db'}")
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    plan = make_plan(scene.world)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []
    assert [write.fields["first"] for write in plan.writes] == [[None, "Ada"]]
    again = plan_of(lines(plan))
    assert (list(again.writes), again.digest, again.counts) == (list(plan.writes), plan.digest, plan.counts)


def test_ten_thousand_writes_take_no_more_memory_than_one(tmp_path: Path) -> None:
    def people() -> Iterator[Planned]:
        for number in range(10_000):
            yield Planned("create", "crm", "people", "", {"email": [None, f"{number}@example.com"]})

    writes = Writes(tmp_path)
    writes.add(next(people()))
    tracemalloc.start()
    for one in people():
        writes.add(one)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(writes) == 10_001
    assert held < 100_000


def test_a_disk_that_is_full_is_told_as_such(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "some.db", ["CREATE TABLE some (a)"])
    scratch.put("PRAGMA max_page_count=2")
    with pytest.raises(StoreError, match="full") as told:
        scratch.put("INSERT INTO some VALUES (zeroblob(100000))")
    assert "free some space" in told.value.hint
