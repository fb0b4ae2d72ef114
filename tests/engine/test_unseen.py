"""Fields that an app does not show just now: nothing follows from that, and nothing is written over them."""

from __future__ import annotations

from tests.engine.world import Scene


def _linked() -> Scene:
    scene = Scene()
    scene.fake("crm").person_creates(email="p0@example.com", first="P0", phone="0", out=False)
    scene.run()
    return scene


def test_what_the_app_does_not_show_just_before_a_write_is_not_written_over() -> None:
    scene = _linked()
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", first="Mine")
    crm.hidden = frozenset({"first"})
    news.person_edits("news-1", first="Theirs", phone="1")
    scene.run()
    assert crm.shown("crm-1") == {**crm.shown("crm-1"), "first": "Mine", "phone": "1"}
    crm.hidden = frozenset()
    scene.wait(minutes=11)
    scene.run()
    assert crm.shown("crm-1")["first"] == news.shown("news-1")["first"]
    assert "Mine" in [entry.fields["first"]["new"] for entry in scene.log() if "first" in entry.fields]


def test_what_the_app_has_not_shown_yet_is_not_written_over_either() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_creates(email="p0@example.com", first="Theirs", phone="1")
    id = news.person_creates(email="p0@example.com", first="Mine")
    news.hidden = frozenset({"first"})
    scene.run()
    assert news.shown(id) == {**news.shown(id), "first": "Mine", "phone": "1"}
    news.hidden = frozenset()
    scene.wait(minutes=11)
    scene.run()
    assert news.shown(id)["first"] == "Theirs"
    assert "Mine" in [entry.fields["first"]["new"] for entry in scene.log() if "first" in entry.fields]
