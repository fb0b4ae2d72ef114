"""The admin changes the mapping: another key, another name for a field."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fieldmap import Policy, Seed, Sync
from syncd.engine.plan import apply, make_plan
from syncd.store.values import ParkedKind
from tests.engine.world import Scene, people

_APPS = ("crm", "news")


def _in_force(scene: Scene, sync: Sync) -> None:
    """The mapping is another from now on, planned and applied."""
    scene.restart(sync=sync)
    apply(scene.world, make_plan(scene.world), by="op")
    for _ in range(3):
        scene.run()


def _called(name: str, digest: str, **more: object) -> Sync:
    """The field `phone` of the apps is called so."""
    sync = people(_APPS, digest=digest, **more)
    called = replace(sync.rules["phone"], name=name, policy=Policy.PREFER)
    return replace(sync, rules={key: own for key, own in sync.rules.items() if key != "phone"} | {name: called})


def _both(scene: Scene, crm: str, news: str) -> None:
    """Ada is in both apps, and then each shows another phone."""
    scene.fake("crm").person_creates(email="ada@example.com", phone=crm)
    scene.fake("news").person_creates(email="ada@example.com", phone=news)


def test_whoever_is_known_is_found_by_the_new_key_of_a_mapping_and_not_doubled() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", phone="1")
    scene.run()
    _in_force(scene, people(_APPS, match=(("phone",),), digest="by phone"))
    scene.fake("news").person_creates(email="ada.two@example.com", phone="1")
    for _ in range(3):
        scene.run()
    assert len(scene.fake("crm").rows) == 1
    assert [work.kind for work in scene.parked()] == [ParkedKind.DUPLICATE]


def test_a_field_that_is_called_otherwise_is_met_anew_in_every_app() -> None:
    scene = Scene(sync=_called("phone", "1"))
    _both(scene, "1", "1")
    scene.run()
    _in_force(scene, _called("tel", "2"))
    (ada,) = scene.entities()
    assert ada.value("tel") == "1"


def test_a_field_that_is_called_otherwise_is_asked_about_where_the_apps_differ_and_first_says_so() -> None:
    scene = Scene(sync=people(_APPS))  # phone = manual
    _both(scene, "1", "1")
    scene.run()
    scene.fake("crm").person_edits("crm-1", phone="2")
    scene.fake("news").person_edits("news-1", phone="3")
    scene.run()
    _in_force(scene, _called("tel", "2", seed=Seed.ASK))
    assert [(work.kind, work.field) for work in scene.parked()] == [(ParkedKind.CONFLICT, "tel")]
    assert (scene.fake("crm").shown("crm-1")["phone"], scene.fake("news").shown("news-1")["phone"]) == ("2", "3")


def test_a_field_that_gets_its_old_name_back_does_not_bring_back_what_was_agreed_under_it() -> None:
    scene = Scene(sync=_called("phone", "1"))
    _both(scene, "1", "1")
    scene.run()
    _in_force(scene, _called("tel", "2"))
    scene.fake("crm").person_edits("crm-1", phone="9")
    for _ in range(2):
        scene.run()
    assert scene.fake("news").shown("news-1")["phone"] == "9"
    _in_force(scene, _called("phone", "3"))
    assert [scene.fake(app).shown(f"{app}-1")["phone"] for app in _APPS] == ["9", "9"]


def test_a_field_that_was_left_out_for_a_while_goes_on_where_it_stopped() -> None:
    scene = Scene(sync=_called("phone", "1"))
    _both(scene, "1", "1")
    scene.run()
    without = replace(people(_APPS, digest="2"), rules={k: r for k, r in people(_APPS).rules.items() if k != "phone"})
    _in_force(scene, without)
    scene.fake("news").person_edits("news-1", phone="3")
    scene.run()
    _in_force(scene, _called("phone", "3"))
    assert [scene.fake(app).shown(f"{app}-1")["phone"] for app in _APPS] == ["3", "3"]
