"""What old entries say is erased after a while; what is still agreed, and why, stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.engine import retention
from syncd.engine.retention import expire
from syncd.store.values import Event
from tests.engine.turns import later, linked
from tests.engine.world import Scene

MONTH = timedelta(days=30)


def lived() -> Scene:
    """Edits of long ago, one of which still stands, and an opt-out."""
    scene = linked(2)
    news = scene.fake("news")
    for word in ("one", "two", "three"):
        news.person_edits(news.find_one(email="p0@example.com"), first=word)
        scene.run()
    news.person_edits(news.find_one(email="p1@example.com"), out=True)
    scene.run()
    scene.wait(days=40)
    return scene


def said(scene: Scene) -> str:
    return str([(entry.fields, entry.note) for entry in scene.log()])


def test_what_is_old_is_erased_and_the_chain_still_fits() -> None:
    scene = lived()
    assert "'one'" in said(scene)
    assert expire(scene.world, MONTH) > 0
    assert expire(scene.world, MONTH) == 0
    assert "'one'" not in said(scene)
    assert scene.store.verify() == ""
    assert [entry.event for entry in scene.log()].count(Event.MERGED) == 4, "that something happened stays"


def test_the_entry_that_set_a_value_which_still_stands_keeps_it() -> None:
    scene = lived()
    expire(scene.world, MONTH)
    for entity in scene.entities():
        for name, held in entity.held.items():
            (entry,) = [entry for entry in scene.log() if entry.seq == held.seq]
            assert name in entry.fields or entry.event is Event.OPTED_OUT
    assert "'two'" in said(scene), "what it took the place of is told beside it"
    for word in ("four", "five"):
        scene.fake("crm").person_edits(scene.fake("crm").find_one(email="p0@example.com"), first=word)
        scene.run()
    scene.wait(days=40)
    expire(scene.world, MONTH)
    assert "'three'" not in said(scene)


def test_opt_outs_links_and_what_is_agreed_stay_and_nothing_is_written() -> None:
    scene = lived()
    before = [sorted(entity.fields.items(), key=str) for entity in scene.entities()]
    expire(scene.world, MONTH)
    writes = sum(len(scene.fake(app).writes) for app in ("crm", "news"))
    later(scene)
    assert [sorted(entity.fields.items(), key=str) for entity in scene.entities()] == before
    assert sum(len(scene.fake(app).writes) for app in ("crm", "news")) == writes
    with scene.store.read() as tx:
        assert tx.optouts.count() == 1


def test_what_is_young_stays() -> None:
    scene = lived()
    assert expire(scene.world, timedelta(days=41)) == 0
    assert "'one'" in said(scene)


def test_an_app_s_own_words_are_erased_with_the_values_they_may_quote() -> None:
    scene = linked(1)
    scene.fake("news").refuses = lambda _: "the value Secret is too long"
    scene.fake("crm").person_edits("crm-1", first="Secret")
    scene.run()
    scene.wait(days=40)
    expire(scene.world, MONTH)
    (refused,) = [entry for entry in scene.log() if entry.event is Event.REFUSED]
    assert (refused.fields, refused.note) == ({}, "")
    assert scene.store.verify() == ""


def test_it_goes_on_in_small_parts_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = lived()
    monkeypatch.setattr(retention, "_PART", 2)
    for _ in range(20):
        expire(scene.world, MONTH)
    assert "'one'" not in said(scene)
    assert scene.store.verify() == ""
