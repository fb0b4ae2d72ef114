"""What a person should know of, and what nobody need be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from syncd.alerts.news import Trouble
from syncd.console.work import CONFLICTS, HOLDS, QUARANTINE
from syncd.core.record import EntityId
from syncd.daemon.health import Signs
from syncd.daemon.space import Space
from syncd.daemon.standing import WAITING, Patience, standing
from syncd.destinations import Severity
from syncd.engine.remedies import attempt, pause, resume
from syncd.engine.setback import hold
from syncd.engine.world import Tally
from syncd.errors import BrokenPromise, BrokenProtocol, ConfigError, Halted, SyncdError, Unauthorised, Unavailable
from syncd.store.values import Intent, IntentKind, IntentState, Parked, ParkedKind
from tests.engine.world import Scene

HOUR = 3600.0
PLENTY = Space()


@pytest.fixture
def scene() -> Scene:
    """Two apps that were listed just now."""
    made = Scene()
    made.run()
    return made


class Lacking(Space):
    """Room for neither."""

    scarce = crowded = True


def look(scene: Scene, *, space: Space = PLENTY, **more: object) -> dict[str, Trouble]:
    signs = Signs(scene.clock.now() - HOUR, {"crm": 60.0, "news": 60.0}, (), "", ())
    patience = Patience(failing=900.0, sweeps={"crm": HOUR, "news": HOUR})
    found = standing(scene.world, replace(signs, **more), patience, space)  # type: ignore[arg-type]
    assert len({trouble.group for trouble in found}) == len(found)
    return {trouble.group: trouble for trouble in found}


def fails(error: SyncdError) -> Callable[[], Tally]:
    def stage() -> Tally:
        raise error

    return stage


def test_when_all_is_well_there_is_nothing_to_tell(scene: Scene) -> None:
    assert look(scene) == {}


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Halted("ada@example.com and 600 more have changed"), "a guard stopped it"),
        (Unauthorised("no such token: ada@example.com"), "it refuses the credentials"),
        (BrokenProtocol("ada@example.com is no number"), "it answers what its connector does not know"),
        (ConfigError("ada@example.com is no field"), "the configuration does not fit it any more"),
        (BrokenPromise("S1", "ada@example.com would be lost", app="crm"), "a promise would have been broken"),
    ],
)
def test_an_app_that_was_stopped_is_urgent_and_no_reason_is_quoted(scene: Scene, error: SyncdError, why: str) -> None:
    attempt(scene.world, "crm", fails(error), Tally)
    found = look(scene)["paused:crm"]
    assert found.severity is Severity.URGENT
    assert found.text.startswith(f"crm is paused: {why}")
    assert "ada" not in str(found)
    resume(scene.world, "crm")
    assert look(scene) == {}


def test_whoever_is_told_of_a_guard_is_not_told_to_accept_what_it_saw(scene: Scene) -> None:
    attempt(scene.world, "crm", fails(Halted("600 have changed")), Tally)
    assert "go on with" not in look(scene)["paused:crm"].hint
    assert "syncd holds" in look(scene)["paused:crm"].hint


def test_an_app_that_a_person_paused_is_a_notice(scene: Scene) -> None:
    pause(scene.world, "crm", "ada@example.com complains", by="op")
    found = look(scene)["paused:crm"]
    assert (found.severity, found.text) == (Severity.NOTICE, "crm is paused: a person paused it")


def test_an_app_that_was_paused_by_an_older_syncd_is_urgent(scene: Scene) -> None:
    with scene.store.begin() as tx:
        tx.apps.pause("crm", "whatever")
    assert look(scene)["paused:crm"].text == "crm is paused: something stopped it"


def test_an_app_that_does_not_answer_is_told_of_once_that_has_lasted(scene: Scene) -> None:
    attempt(scene.world, "crm", fails(Unavailable("ada@example.com")), Tally)
    scene.wait(minutes=14)
    with scene.store.begin() as tx:
        tx.apps.answered("news")
    assert look(scene) == {}
    scene.wait(minutes=1)
    found = look(scene)
    assert list(found) == ["failing:crm"]
    assert found["failing:crm"].since == scene.clock.now() - 900
    assert "ada" not in str(found)


def test_an_app_that_is_silent_without_an_error_is_told_of(scene: Scene) -> None:
    scene.wait(minutes=20)
    with scene.store.begin() as tx:
        tx.apps.answered("news")
    assert list(look(scene)) == ["silent:crm"]


def test_a_full_comparison_that_is_overdue_is_told_of_but_not_just_after_a_start(scene: Scene) -> None:
    scene.wait(hours=4)
    with scene.store.begin() as tx:
        tx.apps.answered("crm")
        tx.apps.answered("news")
    assert look(scene) == {}
    assert sorted(look(scene, started=0.0)) == ["sweep:crm", "sweep:news"]


def test_a_write_whose_outcome_stays_unknown_is_told_of(scene: Scene) -> None:
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
        state=IntentState.UNKNOWN,
        at=scene.clock.now() - HOUR,
    )
    with scene.store.begin() as tx:
        tx.intents.put([intent])
    assert look(scene) == {}
    scene.wait(seconds=1)
    assert list(look(scene)) == ["doubt:crm"]


def test_edits_that_may_have_been_overwritten_are_counted(scene: Scene) -> None:
    with scene.store.begin() as tx:
        tx.meta.put("suspected:crm", "3")
    found = look(scene)["suspected:crm"]
    assert (found.mark, found.good) == (3, "")


def test_parked_work_is_told_by_list_with_counts_and_numbers_alone(scene: Scene) -> None:
    with scene.store.begin() as tx:
        for kind in (ParkedKind.CONFLICT, ParkedKind.LOOP, ParkedKind.HOLD, ParkedKind.DUPLICATE):
            tx.parked.park(Parked(kind=kind, sync="people", reason="ada@example.com", field="email"))
    found = look(scene)
    assert {group: (one.text, one.numbers, one.mark) for group, one in found.items()} == {
        "waiting:conflicts": ("conflicts that wait for a person: 2", [2, 1], 2),
        "waiting:holds": ("deletes, or a mass of changes, that wait for a yes: 1", [3], 3),
        "waiting:quarantine": ("refused or doubtful records in quarantine: 1", [4], 4),
    }
    assert "ada" not in str(found)


def test_while_the_store_is_set_back_that_is_all_there_is_to_tell_of_its_apps(scene: Scene) -> None:
    scene.wait(hours=5)
    with scene.store.begin() as tx:
        hold(tx, "it is an older copy", None)
    found = look(scene, started=0.0)
    assert [(group, one.severity) for group, one in found.items()] == [("setback", Severity.URGENT)]


def test_every_kind_of_parked_work_is_told_of_under_the_command_that_lists_it() -> None:
    told = {listing: set(kinds) for listing, (_, kinds) in WAITING.items()}
    assert told == {"conflicts": set(CONFLICTS), "holds": set(HOLDS), "quarantine": set(QUARANTINE)}
    assert set().union(*told.values()) == set(ParkedKind)


def test_a_mapping_that_is_not_in_force_is_told_of(scene: Scene) -> None:
    assert list(look(scene, waiting=("people",))) == ["mapping:people"]


def test_a_store_that_fails_and_room_that_is_lacking_are_told_of(scene: Scene) -> None:
    found = look(scene, trouble="disk is full", space=Lacking())
    assert [(group, one.severity) for group, one in found.items()] == [
        ("store", Severity.URGENT),
        ("disk", Severity.WARNING),
        ("memory", Severity.WARNING),
    ]
