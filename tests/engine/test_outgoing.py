"""What an app would be sent at once is watched, too: whatever it came of, it stops before it is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.fieldmap import Sync
from syncd.core.guard import Limits
from syncd.core.record import Raw
from syncd.engine.masses import let_through, put_aside
from syncd.engine.remedies import paused
from syncd.engine.world import Safety
from syncd.store.values import Event, Parked, ParkedKind
from syncd.testing.simulator.lens import Plain
from tests.engine.world import Scene, people, rule

APPS = ("crm", "shop", "news")
TIGHT = Limits(changes=20, change_share=0.3, blanks=10, blank_share=0.2, creates=20, create_share=0.5)


def _office(count: int = 40, sync: Sync | None = None, **keeps: Callable[[Raw], Raw]) -> Scene:
    scene = Scene(names=APPS, sync=sync or people(APPS), safety=Safety(limits=TIGHT))
    scene.fake("news").keeps = keeps
    for n in range(1, count + 1):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", phone="1")
    scene.run()
    scene.wait(hours=2)
    scene.run()
    return scene


def _edited(scene: Scene, first: str) -> None:
    """Half of them in one app, half in another: neither shows too much by itself."""
    for n in range(1, 16):
        scene.fake("crm").person_edits(scene.fake("crm").find_one(email=f"p{n}@example.com"), first=first)
    for n in range(16, 31):
        scene.fake("shop").person_edits(scene.fake("shop").find_one(email=f"p{n}@example.com"), first=first)
    scene.run()


def _question(scene: Scene) -> Parked:
    (work,) = [work for work in scene.parked() if work.kind is ParkedKind.GUARD]
    return work


def _count(scene: Scene, app: str, first: str) -> int:
    return sum(row.fields["first"] == first for row in scene.fake(app).rows.values())


def test_what_several_apps_together_would_write_to_another_stops_before_it_is_written() -> None:
    scene = _office()
    _edited(scene, "X")
    work = _question(scene)
    assert (work.app, work.field, work.detail["outgoing"]) == ("news", "mass change", True)
    assert "syncd would write to 30 of 40 records in an hour" in paused(scene.world, "news")
    assert _count(scene, "news", "X") == 0


def test_a_yes_has_it_written() -> None:
    scene = _office()
    _edited(scene, "X")
    let_through(scene.world, _question(scene).id, by="op")
    scene.run()
    assert _count(scene, "news", "X") == 30
    assert scene.parked() == []


def test_a_no_lets_what_the_app_shows_stand_in_every_app() -> None:
    scene = _office()
    _edited(scene, "X")
    assert put_aside(scene.world, _question(scene).id, by="op") == 30
    scene.run()
    assert [_count(scene, app, "X") for app in APPS] == [0, 0, 0]
    assert sum(entry.by == "op" and "first" in entry.fields for entry in scene.log()) == 30


def test_emptied_fields_are_counted_by_themselves_and_only_they_are_kept() -> None:
    scene = _office()
    for n in range(1, 8):
        scene.fake("crm").person_edits(scene.fake("crm").find_one(email=f"p{n}@example.com"), first="")
    for n in range(8, 15):
        scene.fake("shop").person_edits(scene.fake("shop").find_one(email=f"p{n}@example.com"), first="")
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email="p40@example.com"), first="Ada")
    scene.run()
    work = _question(scene)
    assert (work.app, work.field) == ("news", "mass blanking")
    put_aside(scene.world, work.id, by="op")
    scene.run()
    assert [_count(scene, app, "") for app in APPS] == [0, 0, 0]
    assert _count(scene, "news", "Ada") == 1


def test_new_records_that_nobody_wants_there_are_not_made_until_somebody_edits_them() -> None:
    scene = _office(20)
    for n in range(100, 115):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first="New")
        scene.fake("shop").person_creates(email=f"p{n + 15}@example.com", first="New")
    scene.run()
    work = _question(scene)
    assert (work.app, work.field) == ("news", "mass create")
    assert put_aside(scene.world, work.id, by="op") == 30
    scene.run()
    assert len(scene.fake("news").rows) == 20
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email="p100@example.com"), first="Ada")
    scene.run()
    assert _count(scene, "news", "Ada") == 1


def test_opt_outs_trip_nothing_however_many_they_are() -> None:
    scene = _office()
    for n in range(1, 16):
        scene.fake("crm").person_edits(scene.fake("crm").find_one(email=f"p{n}@example.com"), out=True)
        scene.fake("shop").person_edits(scene.fake("shop").find_one(email=f"p{n + 15}@example.com"), out=True)
    scene.run()
    assert scene.parked() == []
    assert sum(row.fields["out"] is True for row in scene.fake("news").rows.values()) == 30


def test_what_was_approved_where_it_came_from_is_not_asked_about_again_where_it_goes() -> None:
    scene = _office()
    for n in range(1, 41):
        scene.fake("crm").person_edits(scene.fake("crm").find_one(email=f"p{n}@example.com"), first="X")
    scene.run()
    work = _question(scene)
    assert (work.app, "outgoing" in work.detail) == ("crm", False)
    let_through(scene.world, work.id, by="op")
    scene.run()
    assert [_count(scene, app, "X") for app in APPS] == [40, 40, 40]
    assert [entry.by for entry in scene.log() if entry.event is Event.DECIDED] == ["op"]


def _loud(raw: Raw) -> Raw:
    return raw.upper() if isinstance(raw, str) else raw


@pytest.mark.parametrize("declared", [_loud, None])
def test_after_a_no_what_was_typed_stands_and_not_what_the_app_makes_of_it(
    declared: Callable[[Raw], Raw] | None,
) -> None:
    lenses = {"crm": Plain("first"), "shop": Plain("first"), "news": Plain("first", declared=declared)}
    scene = _office(40, people(APPS, rule("first", APPS, lenses=lenses)), first=_loud)
    typed = [f"p{n} of old" for n in range(1, 41)]
    for n, first in enumerate(typed, 1):
        scene.fake("crm").person_edits(scene.fake("crm").find_one(email=f"p{n}@example.com"), first=first)
        if n % 10 == 0:  # a few within an hour
            scene.run()
            scene.wait(hours=2)
    scene.wait(hours=2)
    scene.run()
    assert scene.fake("news").find_one(first="P1 OF OLD")
    _edited(scene, "X")
    put_aside(scene.world, _question(scene).id, by="op")
    scene.run()
    assert sorted(str(row.fields["first"]) for row in scene.fake("crm").rows.values()) == sorted(typed)
