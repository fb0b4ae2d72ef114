"""A mapping that stands for a while, and what was owed before it, taken in under it, or decided meanwhile."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fieldmap import Sync
from syncd.core.record import Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import resolve_conflict
from syncd.engine.plan import mark_applied
from syncd.engine.push import push
from syncd.store.values import ParkedKind
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


def test_what_was_asked_of_a_field_or_a_sync_that_is_no_more_is_no_question_once_the_mapping_is_in_force() -> None:
    scene = linked()
    whole = scene.world.syncs["people"]
    scene.fake("crm").person_edits("crm-1", phone="1")
    scene.fake("news").person_edits("news-1", phone="2")
    scene.run()
    (asked,) = scene.parked()
    assert asked.field == "phone"
    with scene.store.begin() as tx:
        tx.parked.park(replace(asked, sync="folk", entity=None))
        tx.parked.park(replace(asked, kind=ParkedKind.GUARD, app="crm", field="mass change"))
    less = {name: rule for name, rule in whole.rules.items() if name != "phone"}
    scene.restart(sync=replace(whole, digest="less", rules=less))
    mark_applied(scene.world, by="op")
    assert [work.kind for work in scene.parked()] == [ParkedKind.GUARD]
    scene.run()
    assert [work.kind for work in scene.parked()] == [ParkedKind.GUARD]
