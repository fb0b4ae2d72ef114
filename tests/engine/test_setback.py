"""An older copy of the store is put in its place: nothing is written until a person agrees, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.core.fieldmap import Deletion
from syncd.engine.cycle import once, pull_app, tend
from syncd.engine.decide import approve, drop_hold
from syncd.engine.plan import apply, carry_out, make_plan, mark_applied
from syncd.engine.setback import accept, hold, setback
from syncd.errors import Halted
from syncd.store.store import Store
from syncd.store.values import Event, ParkedKind
from tests.engine.world import Scene, people

ADA, BEN, CY = "ada@example.com", "ben@example.com", "cy@example.com"


class Past(Scene):
    """A scene whose store can be set back to what it was at a time."""

    def copy(self, folder: Path) -> Path:
        target = folder / f"copy-{self.clock.now()}.db"
        self.store.copy(target)
        return target

    def set_back(self, copy: Path) -> None:
        self.wait(seconds=1)
        self.store = Store.open(f"sqlite:///{copy}", self.clock.now)
        with self.store.begin() as tx:
            hold(tx, "the store is an older copy", self.clock.now() - 60)
        self.restart()

    def name(self, app: str, email: str) -> object:
        fake = self.fake(app)
        return fake.rows[fake.find_one(email=email)].fields.get("first")

    def writes(self) -> int:
        return sum(len(fake.writes) for fake in self.fakes.values())

    def days(self, count: int = 4) -> None:
        """Time goes by, and syncd runs."""
        for _ in range(count):
            self.wait(minutes=11)
            self.run()


@pytest.fixture
def scene() -> Past:
    return Past()


def lived(scene: Past, tmp_path: Path) -> Path:
    """Three people in both apps, a copy, and much that happened since: edits both ways, a new one, one who left."""
    for email in (ADA, BEN, CY):
        scene.fake("crm").person_creates(email=email, first=email[:3].title())
    scene.run()
    copy = scene.copy(tmp_path)
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email=ADA), first="Adele")
    scene.fake("news").person_edits(scene.fake("news").find_one(email=BEN), first="Benjamin")
    scene.fake("crm").person_creates(email="dan@example.com", first="Dan")
    scene.days()
    return copy


def test_while_it_is_held_nothing_is_read_or_written(scene: Past, tmp_path: Path) -> None:
    copy = lived(scene, tmp_path)
    scene.set_back(copy)
    written, calls = scene.writes(), scene.fake("crm").calls
    for app in ("crm", "news"):
        assert pull_app(scene.world, app, whole=True)[1] > 0
        assert tend(scene.world, app)[1] > 0
    scene.days()
    assert (scene.writes(), scene.fake("crm").calls) == (written, calls)
    assert [entry.event for entry in scene.log()][-1] is Event.SET_BACK


def test_what_was_mirrored_before_is_found_to_agree_and_nothing_is_written(scene: Past, tmp_path: Path) -> None:
    scene.set_back(lived(scene, tmp_path))
    written = scene.writes()
    plan = make_plan(scene.world)
    assert len(plan.writes) == 0
    assert scene.writes() == written
    with scene.store.read() as tx:
        assert setback(tx) is not None
    carry_out(scene.world, plan, by="op")
    scene.days()
    assert scene.writes() == written
    assert [scene.name(app, ADA) for app in ("crm", "news")] == ["Adele", "Adele"]
    assert [scene.name(app, BEN) for app in ("crm", "news")] == ["Benjamin", "Benjamin"]
    assert sorted(len(scene.fake(app).rows) for app in ("crm", "news")) == [4, 4]


def test_what_nobody_had_mirrored_is_in_the_plan_and_is_written_once_a_person_agrees(
    scene: Past, tmp_path: Path
) -> None:
    copy = lived(scene, tmp_path)
    scene.fake("news").person_edits(scene.fake("news").find_one(email=CY), first="Cyrus")
    scene.fake("news").person_creates(email="eve@example.com", first="Eve")
    scene.set_back(copy)
    plan = make_plan(scene.world)
    assert plan.counts == {"crm": {"create": 1, "update": 1, "delete": 0}}
    written = scene.writes()
    apply(scene.world, plan, by="op")
    scene.days()
    assert scene.writes() == written + 2
    assert [scene.name(app, CY) for app in ("crm", "news")] == ["Cyrus", "Cyrus"]
    assert [scene.name(app, "eve@example.com") for app in ("crm", "news")] == ["Eve", "Eve"]
    assert [len(scene.fake(app).rows) for app in ("crm", "news")] == [5, 5]
    decided = [entry for entry in scene.log() if entry.event is Event.DECIDED]
    assert [entry.by for entry in decided] == ["op"]


def test_of_two_edits_since_one_stands_and_the_other_is_in_the_change_log(scene: Past, tmp_path: Path) -> None:
    copy = lived(scene, tmp_path)
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email=CY), first="Cyril")
    scene.fake("news").person_edits(scene.fake("news").find_one(email=CY), first="Cyrus")
    scene.set_back(copy)
    accept(scene.store, "op")
    scene.days()
    stands = scene.name("crm", CY)
    assert scene.name("news", CY) == stands
    told = {str(what) for entry in scene.log() for what in entry.fields.values()}
    assert all(any(name in text for text in told) for name in ("Cyril", "Cyrus"))


def test_an_app_is_listed_whole_before_it_is_written_to(scene: Past, tmp_path: Path) -> None:
    scene.fake("crm").person_creates(email=ADA, first="Ada")
    scene.run()
    copy = scene.copy(tmp_path)
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email=ADA), first="Adele")
    scene.set_back(copy)
    assert not accept(Store.open("sqlite://", scene.clock.now), "op")
    assert accept(scene.store, "op")
    written = scene.writes()
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    assert scene.writes() == written
    pull_app(scene.world, "news")
    tend(scene.world, "news")
    assert scene.name("news", ADA) == "Adele"


def test_that_everything_has_changed_since_trips_no_guard(tmp_path: Path) -> None:
    scene = Past()
    for number in range(60):
        scene.fake("crm").person_creates(email=f"p{number}@example.com", first="Then")
    scene.run()
    copy = scene.copy(tmp_path)
    for id in list(scene.fake("crm").rows):
        scene.fake("crm").person_edits(id, first="")
    scene.set_back(copy)
    plan = make_plan(scene.world)
    assert plan.parked or plan.writes
    apply(scene.world, plan, by="op")
    with scene.store.read() as tx:
        assert not tx.apps.get("crm").paused


@pytest.mark.parametrize("policy", [Deletion.HOLD, Deletion.PROPAGATE])
@pytest.mark.parametrize("answer", [approve, drop_hold])
def test_a_delete_that_was_owed_when_the_copy_was_made_is_asked_about_again(
    policy: Deletion, answer: Callable[..., object], tmp_path: Path
) -> None:
    scene = Past(sync=people(("crm", "news"), deletes=policy))
    scene.fake("crm").person_creates(email=ADA, first="Ada")
    scene.fake("crm").person_creates(email=BEN, first="Ben")
    scene.run()
    scene.fake("crm").person_deletes(scene.fake("crm").find_one(email=ADA))
    scene.fake("news").fault = "outage"
    scene.days(2)
    for work in scene.parked():
        scene.fake("news").fault = ""
        approve(scene.world, work.id, by="op")
        scene.fake("news").fault = "outage"
    copy = scene.copy(tmp_path)
    scene.fake("news").fault = ""
    scene.set_back(copy)
    assert make_plan(scene.world).parked == {"hold": 1}
    accept(scene.store, "op")
    scene.days()
    assert len(scene.fake("news").rows) == 2
    (held,) = scene.parked()
    assert (held.kind, held.app) == (ParkedKind.HOLD, "crm")
    assert "when the copy of the store was made" in held.reason
    answer(scene.world, held.id, by="op")
    scene.days()
    assert scene.parked() == []
    gone = answer is approve
    assert len(scene.fake("news").rows) == (1 if gone else 2)
    assert len(scene.fake("crm").rows) == (1 if gone else 2)


def test_a_delete_of_afterwards_needs_no_second_yes(tmp_path: Path) -> None:
    scene = Past(sync=people(("crm", "news"), deletes=Deletion.PROPAGATE))
    for email in (ADA, BEN):
        scene.fake("crm").person_creates(email=email, first="Ada")
    scene.run()
    scene.set_back(scene.copy(tmp_path))
    accept(scene.store, "op")
    scene.days(1)
    scene.fake("crm").person_deletes(scene.fake("crm").find_one(email=ADA))
    scene.days()
    assert [len(scene.fake(app).rows) for app in ("crm", "news")] == [1, 1]


def test_who_opted_out_since_stays_out(scene: Past, tmp_path: Path) -> None:
    copy = lived(scene, tmp_path)
    scene.fake("news").person_edits(scene.fake("news").find_one(email=ADA), out=True)
    scene.days()
    scene.set_back(copy)
    accept(scene.store, "op")
    scene.days()
    rows = [scene.fake(app).rows[scene.fake(app).find_one(email=ADA)].fields["out"] for app in ("crm", "news")]
    assert rows == [True, True]


def test_a_plan_of_before_the_store_was_set_back_is_refused_where_it_no_longer_fits(
    scene: Past, tmp_path: Path
) -> None:
    copy = lived(scene, tmp_path)
    scene.fake("news").person_creates(email="eve@example.com", first="Eve")
    plan = make_plan(scene.world)
    scene.fake("news").person_creates(email="fay@example.com", first="Fay")
    scene.set_back(copy)
    written = scene.writes()
    with pytest.raises(Halted, match="the world moved"):
        apply(scene.world, plan, by="op")
    assert scene.writes() == written
    with scene.store.read() as tx:
        assert setback(tx) is not None


def test_a_copy_that_was_accepted_is_an_ordinary_store(scene: Past, tmp_path: Path) -> None:
    scene.set_back(lived(scene, tmp_path))
    mark_applied(scene.world, by="op")
    accept(scene.store, "op")
    scene.days()
    assert once(scene.world).tally.written == 0
