"""Two entities that come to have the same match key: they are one, or a person says; nobody is made twice."""

from __future__ import annotations

import pytest

from syncd.engine.cycle import pull_app
from syncd.engine.decide import approve
from tests.engine.world import Scene


def _returned_and_made_anew(names: tuple[str, ...]) -> Scene:
    """Somebody is deleted in one app and made anew there; before the delete has reached crm, they are edited there."""
    scene = Scene(names=names)
    for n in range(8):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=False)
    scene.run()
    scene.fake("news").person_deletes(scene.fake("news").find_one(email="p0@example.com"))
    scene.run()
    scene.wait(minutes=11)
    scene.run()
    (hold,) = scene.parked()
    assert approve(scene.world, hold.id, by="op")
    scene.fake("news").person_creates(email="p0@example.com", first="Anew", out=False)
    pull_app(scene.world, "news", whole=True)
    scene.fake("crm").person_edits("crm-1", first="Edited", phone="1")
    pull_app(scene.world, "crm", whole=True)
    assert sum(entity.value("email") == "p0@example.com" for entity in scene.entities()) == 2
    return scene


def _same(scene: Scene, app: str) -> int:
    return sum(row.fields["email"] == "p0@example.com" for row in scene.fake(app).rows.values())


@pytest.mark.parametrize("names", [("crm", "news"), ("crm", "news", "shop")])
def test_who_came_back_and_was_made_anew_is_one_person_in_the_end(names: tuple[str, ...]) -> None:
    scene = _returned_and_made_anew(names)
    scene.run()
    scene.run()
    assert [_same(scene, app) for app in names] == [1] * len(names)
    assert len(scene.entities()) == 8
    shown = [fake.shown(fake.find_one(email="p0@example.com")) for fake in scene.fakes.values()]
    assert [row["phone"] for row in shown] == ["1"] * len(names)
    assert len({row["first"] for row in shown}) == 1
    assert {work.kind for work in scene.parked()} == set()
