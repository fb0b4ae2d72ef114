"""A mapping that stands for a while, and what was owed before it, taken in under it, or decided meanwhile."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fieldmap import Sync
from syncd.core.record import Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import resolve_conflict
from syncd.engine.push import push
from tests.engine.turns import later, linked


def test_what_is_owed_by_the_mapping_survives_a_mapping_that_stood_for_a_while() -> None:
    scene = linked()
    scene.fake("news").person_edits("news-1", phone="5")
    pull_app(scene.world, "news")
    whole = scene.world.syncs["people"]
    less: Sync = replace(whole, digest="less", rules={n: rule for n, rule in whole.rules.items() if n != "phone"})
    scene.restart(sync=less)
    push(scene.world, "crm")
    scene.restart(sync=whole)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == "5"


def test_what_a_webhook_told_while_another_mapping_stood_for_a_while_is_owed_by_the_one_that_returns() -> None:
    scene = linked()
    whole = scene.world.syncs["people"]
    phone = replace(whole.rules["phone"], lenses={"news": whole.rules["phone"].lenses["news"]})
    scene.restart(sync=replace(whole, digest="less", rules={**whole.rules, "phone": phone}))
    scene.fake("news").person_edits("news-1", phone="5")
    with scene.store.begin() as tx:
        tx.hints.add([Ref("news", "people", "news-1")], tx.now)
    tend(scene.world, "news")
    scene.restart(sync=whole)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == "5"


def test_what_is_decided_by_a_mapping_that_stands_for_a_while_is_owed_by_the_one_that_returns() -> None:
    scene = linked()
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", phone="4")
    news.person_edits("news-1", phone="5")
    scene.run()
    (asked,) = scene.parked()
    whole = scene.world.syncs["people"]
    phone = whole.rules["phone"]
    less = replace(phone, lenses={"crm": phone.lenses["crm"]})
    scene.restart(sync=replace(whole, digest="less", rules={**whole.rules, "phone": less}))
    resolve_conflict(scene.world, asked.id, "4", by="op")
    scene.restart(sync=whole)
    later(scene)
    assert news.shown("news-1")["phone"] == "4"
