"""What a person lets through: what a guard has stopped, and nothing that nobody has looked at."""

from __future__ import annotations

from syncd.core.guard import Limits
from syncd.engine.remedies import pause, resume
from syncd.engine.world import Safety
from tests.engine.world import Scene


def strict() -> Scene:
    """Two apps with ten people in both; more than two changes an hour at either are too many."""
    scene = Scene(safety=Safety(limits=Limits(changes=2, change_share=0.2, blanks=2, blank_share=0.2)))
    for number in range(10):
        scene.fake("crm").person_creates(email=f"p{number}@example.com", first="Ada")
    scene.run()
    scene.clock.turn(7200)
    return scene


def all_renamed(scene: Scene) -> None:
    for id in list(scene.fake("crm").rows):
        scene.fake("crm").person_edits(id, first="Augusta")
    scene.run()


def test_a_mass_change_stops_the_app_until_a_person_lets_it_through() -> None:
    scene = strict()
    all_renamed(scene)
    assert {row.fields["first"] for row in scene.fake("news").rows.values()} == {"Ada"}
    assert resume(scene.world, "crm", by="op")
    scene.run()
    assert {row.fields["first"] for row in scene.fake("news").rows.values()} == {"Augusta"}


def test_a_pause_that_no_guard_has_caused_lets_nothing_through_when_it_ends() -> None:
    scene = strict()
    pause(scene.world, "crm", "we audit", by="op")
    resume(scene.world, "crm", by="op")
    all_renamed(scene)
    assert {row.fields["first"] for row in scene.fake("news").rows.values()} == {"Ada"}
