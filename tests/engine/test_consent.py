"""An opt-out always wins, travels first, and is never taken back by a sync."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.engine.cycle import once
from syncd.store.values import ParkedKind
from syncd.testing.simulator.lens import Plain
from tests.engine.world import Scene, people, rule


def _linked(**fields: object) -> Scene:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", out=False, **fields)
    scene.run()
    return scene


def test_an_opt_out_reaches_the_other_app() -> None:
    scene = _linked()
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["out"] is True


def test_an_opt_out_beats_a_later_opt_in_of_another_app() -> None:
    scene = _linked()
    scene.fake("news").person_edits("news-1", out=True)
    scene.wait(minutes=30)
    scene.fake("crm").person_edits("crm-1", out=None)
    scene.fake("crm").person_edits("crm-1", out=False)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["out"] is True
    assert scene.fake("news").shown("news-1")["out"] is True


def test_an_opt_in_after_an_opt_out_waits_for_a_person_and_is_not_spread() -> None:
    scene = _linked()
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    scene.fake("crm").person_edits("crm-1", out=False)
    scene.run()
    assert scene.fake("news").shown("news-1")["out"] is True
    assert [item.kind for item in scene.parked()] == [ParkedKind.OPT_IN]


def test_an_opt_out_on_first_contact_wins_over_the_seed_rule() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", out=False)
    scene.fake("news").person_creates(email="ada@example.com", out=True)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["out"] is True


def test_an_opt_out_outlives_delete_and_re_creation() -> None:
    scene = _linked()
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    scene.fake("crm").person_deletes("crm-1")
    scene.fake("news").person_deletes("news-1")
    for _ in range(3):
        scene.fake("crm").rows or scene.fake("crm").person_creates(email="other@example.com")
        scene.fake("news").rows or scene.fake("news").person_creates(email="other@example.com")
        scene.run()
        scene.wait(minutes=11)
    scene.fake("crm").person_creates(email="Ada@example.com", out=False)
    scene.run()
    back = scene.fake("news").find_one(email="Ada@example.com")
    assert scene.fake("news").shown(back)["out"] is True


def test_an_opt_out_of_an_unlinked_duplicate_counts_for_the_address() -> None:
    scene = _linked()
    scene.fake("news").person_creates(email="ADA@example.com", out=True)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["out"] is True
    assert scene.fake("news").shown("news-1")["out"] is True


@pytest.mark.parametrize("fault", ["after", "before"])
def test_an_opt_out_gets_through_in_the_end_whatever_the_network_does(fault: str) -> None:
    scene = _linked()
    scene.fake("news").person_edits("news-1", out=True)
    scene.fake("crm").fault = fault  # type: ignore[assignment]
    scene.run()
    scene.fake("crm").fault = ""
    scene.wait(minutes=5)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["out"] is True


def test_an_opt_out_holds_for_the_address_in_every_sync_of_its_channel() -> None:
    scene = _linked()
    apps, names = ("crm", "news"), ("email", "left")
    fields = {name: rule(name, apps) for name in names}
    fields["left"] = replace(fields["left"], consent=True, address="email", lenses=dict.fromkeys(apps, Plain("out")))
    readers = replace(people(apps), name="readers", rules=fields)
    world = replace(scene.world, syncs={**scene.world.syncs, "readers": readers})
    once(world, whole=True)
    scene.fake("news").person_edits("news-1", out=True)
    once(world)
    with scene.store.read() as tx:
        (entity,) = tx.entities.all("readers")
    assert entity.value("left") is True
