"""Writes whose answer is lost: waited for, looked at, never repeated blindly."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from syncd.core.fieldmap import Deletion
from syncd.core.record import Outcome, Ref, Stored, Write
from syncd.engine.cycle import once, pull_app, tend
from syncd.engine.remedies import paused
from syncd.engine.resolve import recover
from syncd.errors import Throttled
from syncd.store.values import Event, Intent, IntentKind, IntentState
from tests.engine.turns import later, linked
from tests.engine.world import Scene, people, rule


def _linked() -> Scene:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    return scene


@pytest.mark.parametrize("fault", ["before", "after", "late"])
def test_a_create_in_doubt_is_never_made_twice(fault: str) -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("news").fault = fault  # type: ignore[assignment]
    scene.run()
    scene.fake("news").fault = ""
    scene.run()
    scene.wait(seconds=60)
    scene.fake("news").land_late()
    scene.run()
    scene.wait(minutes=10)
    scene.run()
    scene.run()
    assert [row.fields["first"] for row in scene.fake("news").rows.values()] == ["Ada"]


@pytest.mark.parametrize("fault", ["before", "after", "late"])
def test_an_update_in_doubt_arrives_once_and_is_no_edit(fault: str) -> None:
    scene = _linked()
    scene.fake("news").keeps = {"first": lambda v: v.upper()}
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    scene.fake("news").fault = fault  # type: ignore[assignment]
    scene.run()
    scene.fake("news").fault = ""
    scene.wait(seconds=60)
    scene.fake("news").land_late()
    for _ in range(3):
        scene.run()
        scene.wait(minutes=10)
    assert scene.fake("news").shown("news-1")["first"] == "AUGUSTA"
    assert scene.run().tally.written == 0


def test_nothing_is_written_to_a_record_in_doubt() -> None:
    scene = _linked()
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    scene.fake("news").fault = "late"
    scene.run()
    scene.fake("news").fault = ""
    scene.fake("crm").person_edits("crm-1", first="Countess")
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Ada"
    scene.fake("news").land_late()
    scene.wait(minutes=10)
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Countess"


def test_an_edit_made_while_in_doubt_is_kept() -> None:
    scene = _linked()
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    scene.fake("news").fault = "before"
    scene.run()
    scene.fake("news").fault = ""
    scene.fake("news").person_edits("news-1", phone="9")
    scene.wait(minutes=10)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == "9"
    assert scene.fake("news").shown("news-1")["first"] == "Augusta"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", range(1, 15))
def test_killed_at_any_commit_it_goes_on_and_loses_nothing(point: int) -> None:
    scene = Scene()
    for n in range(3):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.fake("news").person_creates(email="p0@example.com", phone="5")
    left = point

    def strike() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    scene.store.on_commit = strike
    with contextlib.suppress(Killed):
        scene.run()
    scene.store.on_commit = lambda: None
    scene.restart()
    recover(scene.world)
    for _ in range(3):
        scene.run()
        scene.wait(minutes=10)
    assert len(scene.fake("news").rows) == len(scene.fake("crm").rows) == 3
    assert scene.fake("crm").shown("crm-1")["phone"] == "5"
    assert scene.run().tally.written == 0
    assert scene.store.verify() == ""


def test_what_was_in_doubt_and_what_came_of_it_is_in_the_log() -> None:
    scene = _linked()
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    scene.fake("news").fault = "after"
    scene.run()
    scene.fake("news").fault = ""
    scene.wait(minutes=10)
    scene.run()
    events = [entry.event for entry in scene.log()]
    assert events.index(Event.DOUBTED) < events.index(Event.RESOLVED)
    assert [entry.note for entry in scene.log() if entry.event is Event.RESOLVED] == ["update: applied"]


def test_a_record_that_another_sync_has_a_write_in_doubt_for_is_not_written_to() -> None:
    apps = ("crm", "news")
    scene = Scene()
    stages = replace(people(apps, rule("stage", apps)), name="stages")
    world = replace(scene.world, syncs={"people": scene.world.syncs["people"], "stages": stages})
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_creates(email="ada@example.com", first="Ada", stage="new")
    once(world)
    scene.clock.sleep(1)
    crm.person_edits("crm-1", first="Augusta")
    pull_app(world, "crm")
    news.fault = "late"
    tend(world, "news")
    news.fault = ""
    scene.clock.sleep(1)
    news.person_edits("news-1", stage="Mine")
    crm.person_edits("crm-1", stage="Theirs")
    pull_app(world, "crm")
    tend(world, "news")
    assert paused(world, "news") == ""
    assert news.shown("news-1")["stage"] == "Mine"
    news.land_late()
    for _ in range(3):
        scene.wait(minutes=11)
        once(world, whole=True)
    assert news.shown("news-1")["stage"] == crm.shown("crm-1")["stage"] == "Theirs"
    assert "Mine" in [entry.fields["stage"]["new"] for entry in scene.log() if "stage" in entry.fields]


def test_a_write_that_was_taken_and_cannot_be_looked_at_yet_is_not_made_twice() -> None:
    scene = _linked()
    news, write = scene.fake("news"), scene.fake("news").write

    def mute(writes: Sequence[Write]) -> Sequence[Outcome]:
        """It stores, does not show what, and is gone."""
        outcomes = [replace(o, record=None) if isinstance(o, Stored) else o for o in write(writes)]
        news.fault = "outage"
        return outcomes

    news.write = mute  # type: ignore[method-assign]
    before = len(news.writes)
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email="ada@example.com"), phone="2")
    scene.run()
    news.fault, news.write = "", write  # type: ignore[method-assign]
    for _ in range(2):
        scene.wait(minutes=15)
        scene.run()
    assert news.find_one(email="ada@example.com", phone="2")
    assert len(news.writes) == before + 1


def test_a_batch_that_was_certainly_not_taken_leaves_no_doubt_and_is_sent_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    news = scene.fake("news")
    sent: list[Sequence[Write]] = []

    def busy(writes: Sequence[Write]) -> Sequence[Outcome]:
        sent.append(writes)
        raise Throttled("429: later", retry_after=60)

    with monkeypatch.context() as patched:
        patched.setattr(news, "write", busy)
        scene.run()
    assert len(sent) >= 1
    with scene.store.read() as tx:
        assert tx.intents.open() == []
        assert tx.deliveries.count("news") == 1
    scene.wait(minutes=10)
    scene.run()
    assert len(news.rows) == 1


def test_a_write_in_doubt_to_a_record_that_somebody_else_has_by_now_is_let_go_of() -> None:
    scene = linked(2)
    own, other = (scene.fake("news").find_one(email=f"p{n}@example.com") for n in range(2))
    with scene.store.begin() as tx:
        first = tx.links.get("people", Ref("news", "people", own))
        assert first is not None
        intent = Intent(
            key="old",
            sync="people",
            app="news",
            object="people",
            entity=first.entity,
            kind=IntentKind.UPDATE,
            ref=Ref("news", "people", other),  # its id was theirs, before the app gave it to another
            patch={"first": "P1"},
            before={"first": "P0"},
            goal={"first": "P1"},
            state=IntentState.UNKNOWN,
            at=tx.now,
        )
        tx.intents.put([intent])
    later(scene)
    assert paused(scene.world, "news") == ""
    with scene.store.read() as tx:
        assert tx.intents.open("news") == []
    assert [scene.fake("news").shown(id)["first"] for id in (own, other)] == ["P0", "P1"]


def _being_deleted(*, of_two: bool = False) -> tuple[Scene, str]:
    """Ada was deleted in the CRM; the newsletter and the shop are about to be told. Ada's id in the newsletter.

    `of_two`: the newsletter had merged another record of hers into that one.
    """
    apps = ("crm", "news", "shop")
    scene = Scene(apps, replace(people(apps), deletes=Deletion.PROPAGATE))
    for number in range(30):
        scene.fake("crm").person_creates(email=f"p{number}@example.com", first=f"P{number}")
    scene.run()
    scene.run()
    if of_two:
        twin = scene.fake("news").person_creates(email="twin@example.com")
        pull_app(scene.world, "news")
        scene.fake("news").person_merges(scene.fake("news").find_one(email="p0@example.com"), twin)
        scene.run()
    scene.fake("crm").person_deletes("crm-1")
    scene.run()
    scene.wait(minutes=30)
    return scene, scene.fake("news").find_one(email="p0@example.com")


def _edited_in_the_shop(scene: Scene) -> None:
    shop = scene.fake("shop")
    shop.person_edits(shop.find_one(email="p0@example.com"), first="Ada")


@pytest.mark.parametrize("of_two", [False, True])
def test_who_is_brought_back_while_a_delete_is_in_doubt_is_made_anew_where_it_had_been_applied(of_two: bool) -> None:
    scene, ada = _being_deleted(of_two=of_two)
    news, shop = scene.fake("news"), scene.fake("shop")
    news.fault, shop.fault = "after", "outage"
    scene.run()
    assert ada not in news.rows
    news.fault = shop.fault = ""
    _edited_in_the_shop(scene)
    for _ in range(4):
        scene.run()
        scene.wait(minutes=10)
    assert [fake.shown(fake.find_one(email="p0@example.com"))["first"] for fake in scene.fakes.values()] == ["Ada"] * 3
    assert scene.run().tally.written == 0


def test_who_is_brought_back_while_an_app_is_told_to_delete_them_is_made_anew_there() -> None:
    scene, ada = _being_deleted()
    news, shop = scene.fake("news"), scene.fake("shop")
    shop.fault = "outage"
    tell = news.write

    def write(writes: Sequence[Write]) -> Sequence[Outcome]:
        if ada in news.rows:  # meanwhile, in the thread of the shop
            shop.fault = ""
            _edited_in_the_shop(scene)
            pull_app(scene.world, "shop")
        return tell(writes)

    news.write = write  # type: ignore[method-assign]
    for _ in range(3):
        scene.run()
    assert ada not in news.rows
    assert [fake.shown(fake.find_one(email="p0@example.com"))["first"] for fake in scene.fakes.values()] == ["Ada"] * 3
    assert scene.run().tally.written == 0


def test_when_the_id_of_a_delete_in_doubt_is_somebody_elses_by_now_the_delete_was_ours_and_nobodys() -> None:
    scene, ada = _being_deleted()
    news, shop = scene.fake("news"), scene.fake("shop")
    news.fault, shop.fault = "after", "outage"
    scene.run()
    news.fault = shop.fault = ""
    _edited_in_the_shop(scene)
    scene.run()
    made, news.made = news.made, int(ada.removeprefix("news-")) - 1
    assert news.person_creates(email="bob@example.com", first="Bob") == ada
    news.made = made
    for _ in range(4):
        scene.wait(minutes=10)
        scene.run()
    for fake in scene.fakes.values():
        assert fake.shown(fake.find_one(email="p0@example.com"))["first"] == "Ada"
        assert fake.shown(fake.find_one(email="bob@example.com"))["first"] == "Bob"
    assert [str(entry.ref) for entry in scene.log() if entry.event is Event.GONE] == ["crm/people/crm-1"]
    (removed,) = [entry for entry in scene.log() if entry.event is Event.REMOVED]
    assert str(removed.ref) == f"news/people/{ada}"


def test_an_id_that_is_given_to_our_own_record_while_a_delete_is_in_doubt_is_that_record_s() -> None:
    scene, ada = _being_deleted()
    news, shop = scene.fake("news"), scene.fake("shop")
    news.fault = "after"
    scene.run()
    assert ada not in news.rows
    news.fault = ""
    made, news.made = news.made, int(ada.removeprefix("news-")) - 1
    scene.fake("crm").person_creates(email="bob@example.com", first="Bob")
    scene.run()
    news.made = made
    assert news.find_one(email="bob@example.com") == ada
    news.person_deletes(ada)
    for _ in range(6):
        scene.wait(minutes=30)
        scene.run()
    assert [row for row in shop.rows.values() if row.fields["email"] in ("bob@example.com", "p0@example.com")] == []
    assert "bob@example.com" not in [row.fields["email"] for row in scene.fake("crm").rows.values()]
    assert scene.parked() == []
