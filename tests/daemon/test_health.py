"""Quiet is not broken, and broken is not quiet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.core.record import EntityId, Ref
from syncd.daemon.health import Health, Signs, examine, lame
from syncd.store.values import Delivery, Intent, IntentKind, Parked, ParkedKind
from tests.engine.world import Scene

MINUTE = timedelta(minutes=1).total_seconds()


@pytest.fixture
def scene() -> Scene:
    """Two apps that have just answered."""
    made = Scene()
    with made.store.begin() as tx:
        tx.apps.answered("crm")
        tx.apps.answered("news")
    return made


def signs(
    scene: Scene, *, started: float = 0.0, dead: tuple[str, ...] = (), trouble: str = "", waiting: tuple[str, ...] = ()
) -> Signs:
    return Signs(started, {"crm": MINUTE, "news": MINUTE}, dead, trouble, waiting)


def look(scene: Scene) -> Health:
    return examine(scene.world, signs(scene))


def test_nothing_to_do_and_every_app_answers_is_quiet(scene: Scene) -> None:
    scene.wait(seconds=90)
    found = look(scene)
    assert found.status == "quiet"
    assert found.apps["crm"].state == "running"
    assert found.apps["crm"].answered == 90


def test_work_on_its_way_is_busy_and_its_age_is_told(scene: Scene) -> None:
    with scene.store.begin() as tx:
        tx.deliveries.owe(Delivery("people", "crm", EntityId("e1"), tx.now))
        tx.hints.add([Ref("crm", "people", "1")], tx.now)
    scene.wait(seconds=30)
    found = look(scene)
    assert found.status == "busy"
    assert (found.apps["crm"].owed, found.apps["crm"].oldest, found.apps["crm"].hints) == (1, 30, 1)
    assert (found.apps["news"].owed, found.apps["news"].oldest) == (0, 0)


def test_a_write_in_doubt_is_counted(scene: Scene) -> None:
    intent = Intent(
        key="w1",
        sync="people",
        app="crm",
        object="people",
        entity=EntityId("e1"),
        kind=IntentKind.CREATE,
        ref=None,
        patch={},
        before={},
        goal={},
        at=0.0,
    )
    with scene.store.begin() as tx:
        tx.intents.put([intent])
    assert look(scene).apps["crm"].unknown == 1
    assert look(scene).status == "busy"


def test_an_app_that_failed_once_is_failing_not_broken(scene: Scene) -> None:
    with scene.store.begin() as tx:
        tx.apps.failing("crm", "no answer")
    assert look(scene).apps["crm"].state == "failing"
    assert look(scene).status == "busy"


def test_three_intervals_without_a_good_poll_are_broken(scene: Scene) -> None:
    scene.wait(seconds=3 * MINUTE)
    assert look(scene).status == "quiet"
    scene.wait(seconds=1)
    found = look(scene)
    assert found.status == "broken"
    assert found.apps["crm"].state == "silent"


def test_a_daemon_that_has_just_started_is_given_time(scene: Scene) -> None:
    scene.wait(hours=5)
    now = scene.clock.now()
    assert examine(scene.world, signs(scene, started=now)).status == "quiet"


def test_the_pages_of_a_long_listing_are_answers_too(scene: Scene) -> None:
    scene.wait(hours=5)
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    with scene.store.begin() as tx:
        tx.db.exec_driver_sql("UPDATE app SET answered_at = NULL")
    assert look(scene).apps["crm"].state == "running"


def test_a_paused_app_wants_a_person_not_a_restart(scene: Scene) -> None:
    with scene.store.begin() as tx:
        tx.apps.pause("crm", "the token is no longer good")
    scene.wait(hours=5)
    with scene.store.begin() as tx:
        tx.apps.answered("news")
    found = look(scene)
    assert found.apps["crm"].state == "paused"
    assert found.status == "attention"


def test_parked_work_and_mappings_that_nobody_applied_want_a_person(scene: Scene) -> None:
    assert examine(scene.world, signs(scene, waiting=("people",))).status == "attention"
    with scene.store.begin() as tx:
        tx.parked.park(Parked(kind=ParkedKind.CONFLICT, sync="people", reason="both changed it"))
    found = look(scene)
    assert found.status == "attention"
    assert found.parked == {"conflict": 1}


def test_a_dead_thread_and_a_failing_store_are_broken_whatever_else_is_well(scene: Scene) -> None:
    assert examine(scene.world, signs(scene, dead=("crm: list",))).status == "broken"
    found = examine(scene.world, signs(scene, trouble="disk full"))
    assert (found.status, found.store) == ("broken", "down")


def test_without_the_store_one_thing_can_still_be_said(scene: Scene) -> None:
    assert lame(signs(scene)).status == "broken"


def test_no_reason_nor_any_value_is_shown(scene: Scene) -> None:
    with scene.store.begin() as tx:
        tx.apps.failing("crm", "ada@example.com was not found")
        tx.apps.pause("news", "ada@example.com")
        tx.parked.park(Parked(kind=ParkedKind.CONFLICT, sync="people", reason="ada@example.com"))
    assert "ada" not in str(look(scene).data())
