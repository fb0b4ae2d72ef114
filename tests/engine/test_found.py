"""Rare turns of the story that were once told wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.entity import Entity
from syncd.core.fieldmap import Deletion, Sync, Way
from syncd.core.record import EntityId, Exists, Gone, Merged, Record, Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import approve, resolve_conflict
from syncd.engine.fuse import fuse
from syncd.engine.remedies import paused, resume
from syncd.errors import ConfigError, Halted
from syncd.sdk.contract import Deletes
from syncd.store.values import Delivery, Event
from syncd.testing.fake import Fault, capable
from syncd.testing.simulator.lens import Plain
from tests.engine.world import Scene, people, rule

APPS = ("crm", "news")


def _linked(count: int = 1, sync: Sync | None = None, names: tuple[str, ...] = APPS) -> Scene:
    scene = Scene(names=names, sync=sync)
    for n in range(count):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=False)
    scene.run()
    return scene


def _later(scene: Scene, rounds: int = 3) -> None:
    for _ in range(rounds):
        scene.run()
        scene.wait(minutes=11)


def _ruled(field: str, **more: object) -> Sync:
    sync = people(APPS)
    return replace(sync, rules={**sync.rules, field: replace(sync.rules[field], **more)})  # type: ignore[arg-type]


def test_a_record_missed_once_and_shown_again_unchanged_is_synced_on() -> None:
    scene = _linked(8)
    row = scene.fake("crm").rows.pop("crm-1")
    scene.run()
    scene.fake("crm").rows["crm-1"] = row
    scene.run()
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p0@example.com"), first="New")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["first"] == "New"


def test_a_deleted_record_restored_unchanged_is_back_once_and_synced_on() -> None:
    scene = _linked(8)
    row = scene.fake("crm").rows.pop("crm-1")
    _later(scene, 2)
    scene.fake("crm").rows["crm-1"] = row
    _later(scene, 2)
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p0@example.com"), first="New")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["first"] == "New"
    assert [entry.event for entry in scene.log()].count(Event.RETURNED) == 1


def test_an_opt_in_at_a_consent_source_is_believed_and_spread() -> None:
    scene = _linked(sync=_ruled("out", consent_sources=frozenset({"news"})))
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    scene.fake("news").person_edits("news-1", out=False)
    _later(scene, 2)
    assert [scene.fake(app).shown(f"{app}-1")["out"] for app in APPS] == [False, False]
    assert [entry.app for entry in scene.log() if entry.event is Event.OPTED_IN] == ["news"]


def test_the_new_address_of_somebody_opted_out_is_opted_out_for_good() -> None:
    scene = _linked(8)
    scene.fake("crm").person_edits("crm-1", out=True)
    scene.run()
    scene.fake("crm").person_edits("crm-1", email="new@example.com")
    scene.run()
    scene.fake("crm").person_deletes("crm-1")
    scene.fake("news").person_deletes(scene.fake("news").find_one(email="new@example.com"))
    _later(scene)
    scene.fake("crm").person_creates(email="new@example.com", out=False)
    scene.run()
    assert scene.fake("news").shown(scene.fake("news").find_one(email="new@example.com"))["out"] is True


@pytest.mark.parametrize("batch", [1, 100])
def test_what_a_removed_sync_has_left_behind_keeps_nobody_waiting(batch: int) -> None:
    scene = _linked()
    capable(scene.fake("news"), write_batch=batch)
    with scene.store.begin() as tx:
        for n in range(600):
            tx.entities.put(Entity(EntityId(f"old{n}"), "old"), ())
            tx.deliveries.owe(Delivery("old", "news", EntityId(f"old{n}"), tx.now - 1000))
    scene.fake("crm").person_edits("crm-1", first="New")
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "New"


@pytest.mark.parametrize("field", ["first", "phone"])
def test_a_write_in_doubt_is_settled_though_its_field_was_taken_out_of_the_mapping(field: str) -> None:
    scene = _linked()
    scene.fake("news").fault = "after"
    scene.fake("crm").person_edits("crm-1", first="New", phone="3")
    scene.run()
    scene.fake("news").fault = ""
    sync = people(APPS)
    scene.restart(sync=replace(sync, rules={name: rule for name, rule in sync.rules.items() if name != field}))
    scene.wait(minutes=10)
    assert scene.run().doubtful == 0
    assert scene.run().tally.written == 0


def test_a_write_in_doubt_of_an_app_taken_out_of_the_sync_stops_nobody() -> None:
    scene = _linked(names=("crm", "news", "shop"))
    scene.fake("shop").fault = "after"
    scene.fake("crm").person_edits("crm-1", first="New")
    scene.run()
    scene.fake("shop").fault = ""
    scene.restart(sync=people(APPS))
    scene.wait(minutes=10)
    scene.fake("crm").person_edits("crm-1", first="Newer")
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Newer"


def test_a_write_in_doubt_of_a_sync_that_is_gone_does_not_hide_the_record_from_others() -> None:
    scene = _linked()
    scene.fake("news").fault = "after"
    scene.fake("crm").person_edits("crm-1", first="New")
    scene.run()
    scene.fake("news").fault = ""
    with scene.store.begin() as tx:
        tx.intents.put([replace(intent, sync="old") for intent in tx.intents.open()])
    scene.wait(minutes=10)
    scene.fake("news").person_edits("news-1", phone="7")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == "7"


def test_a_held_delete_is_answered_though_an_app_was_taken_out_of_the_configuration() -> None:
    scene = _linked(8, names=("crm", "news", "shop"))
    scene.fake("crm").person_deletes("crm-1")
    _later(scene, 2)
    (hold,) = scene.parked()
    del scene.fakes["shop"]
    scene.restart(sync=people(APPS))
    assert approve(scene.world, hold.id, by="op")
    scene.run()
    assert len(scene.fake("news").rows) == 7


def test_a_question_about_what_the_configuration_no_longer_has_is_an_error_in_words() -> None:
    scene = _linked()
    scene.fake("crm").person_edits("crm-1", phone="1")
    scene.fake("news").person_edits("news-1", phone="2")
    scene.run()
    (item,) = scene.parked()
    sync = people(APPS)
    scene.restart(sync=replace(sync, rules={name: rule for name, rule in sync.rules.items() if name != "phone"}))
    with pytest.raises(ConfigError, match="no field phone any more"):
        resolve_conflict(scene.world, item.id, "2", by="op")
    scene.restart(sync=replace(sync, name="persons"))
    with pytest.raises(ConfigError, match="no sync people any more"):
        resolve_conflict(scene.world, item.id, "2", by="op")


def test_deletes_in_doubt_count_for_the_cap() -> None:
    scene = _linked(60, sync=replace(people(APPS), deletes=Deletion.PROPAGATE))
    capable(scene.fake("crm"), deletes=Deletes.TOLD)
    scene.fake("news").fault = "before"
    for n in range(1, 11):
        scene.fake("crm").person_deletes(f"crm-{n}")
        scene.run()
    scene.fake("news").fault = ""
    for _ in range(3):
        scene.wait(minutes=3)
        scene.run()
    assert len(scene.fake("news").rows) == 57  # 5 % of 60


def test_what_a_person_has_let_through_does_not_trip_the_brake_an_hour_later() -> None:
    scene = _linked(60)
    scene.safety = replace(scene.safety, limits=replace(scene.safety.limits, changes=20))
    for n in range(1, 61):
        scene.fake("crm").person_edits(f"crm-{n}", first="Everybody")
    scene.run()
    assert paused(scene.world, "crm")
    resume(scene.world, "crm", by="op")
    scene.wait(minutes=10)
    scene.run()
    scene.wait(minutes=51)
    scene.run()
    assert not paused(scene.world, "crm")


def test_what_was_refused_is_no_question_any_more_once_the_app_takes_it() -> None:
    scene = _linked()
    scene.fake("news").refuses = lambda _: "no"
    scene.fake("crm").person_edits("crm-1", first="Bad")
    scene.run()
    scene.fake("news").refuses = lambda _: ""
    scene.fake("crm").person_edits("crm-1", first="Good")
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Good"
    assert scene.parked() == []


def test_the_delete_of_a_record_that_had_left_its_filter_touches_nobody_else() -> None:
    inside = {"news": lambda fields: fields.get("first") != "Out"}
    scene = _linked(30, sync=replace(people(APPS), deletes=Deletion.PROPAGATE, filters=inside))
    scene.fake("crm").person_edits("crm-1", first="Out")
    scene.run()
    scene.fake("news").person_deletes(scene.fake("news").find_one(email="p0@example.com"))
    _later(scene)
    assert "crm-1" in scene.fake("crm").rows
    assert scene.parked() == []
    assert len(scene.fake("news").rows) == 29


def test_a_record_that_the_app_says_exists_but_does_not_name_is_looked_for() -> None:
    scene = Scene()
    news = scene.fake("news")
    capable(news, unique=("email",))
    apply = news._apply
    news._apply = lambda write: Exists(o.key) if isinstance(o := apply(write), Exists) else o  # type: ignore[method-assign]
    scene.restart()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    pull_app(scene.world, "crm")
    news.person_creates(email="ada@example.com")
    for _ in range(3):
        tend(scene.world, "news")
        scene.wait(minutes=1)
    assert scene.parked() == []
    assert news.shown("news-1")["first"] == "Ada"


def test_deleted_canaries_silence_nobody() -> None:
    scene = _linked(12)
    crm, news = scene.fake("crm"), scene.fake("news")
    addresses = [str(news.shown(id)["email"]) for id in sorted(news.rows)]
    for id in sorted(news.rows)[:4]:
        news.person_deletes(id)
    crm.person_edits(crm.find_one(email=addresses[3]), first="Nobody")
    crm.person_edits(crm.find_one(email=addresses[-1]), first="New")
    for _ in range(3):
        scene.run(whole=False)
        scene.wait(minutes=1)
    assert news.find_one(first="New")


def test_a_field_taken_out_of_the_mapping_makes_no_news_of_every_row() -> None:
    scene = Scene(sync=people(APPS, rule("stage", APPS)))
    scene.fake("crm").person_creates(email="ada@example.com", stage="lead")
    scene.run()
    scene.restart(sync=people(APPS))
    scene.run()
    crm = scene.fake("crm")
    listing = crm.changes
    crm.changes = lambda *asked: (replace(page, facts=False) for page in listing(*asked))  # type: ignore[method-assign]
    calls = crm.calls
    scene.run()
    assert crm.calls == calls + 1  # the listing, and no read


def test_a_create_in_doubt_is_known_by_what_was_sent_though_the_address_has_changed_since() -> None:
    scene = Scene()
    scene.fake("news").fault = "after"
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    scene.fake("news").fault = ""
    scene.fake("crm").person_edits("crm-1", email="countess@example.com")
    _later(scene)
    assert [row.fields["email"] for row in scene.fake("news").rows.values()] == ["countess@example.com"]
    assert len(scene.fake("crm").rows) == 1


def _two_people(**more: Any) -> Scene:
    scene = Scene(
        ("crm", "news", "shop"), replace(people(("crm", "news", "shop")), creates=frozenset({"shop"}), **more)
    )
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("news").person_creates(email="countess@example.com", first="Countess")
    return scene


def _fused(scene: Scene) -> bool:
    with scene.store.begin() as tx:
        ada, countess = sorted(tx.entities.all("people"), key=lambda entity: str(entity.value("email")))
        return fuse(scene.world, tx, scene.world.syncs["people"], ada, countess, "they are one")


def test_what_a_create_in_doubt_has_made_goes_with_the_entity_when_two_are_fused() -> None:
    scene = _two_people(filters={"shop": lambda fields: fields.get("first") != "Ada"})
    scene.fake("shop").fault = "after"
    scene.run()
    scene.fake("shop").fault = ""
    assert _fused(scene)
    _later(scene)
    assert len(scene.entities()) == 1
    assert len(scene.fake("shop").rows) == 1


@pytest.mark.parametrize("fault", ["after", ""])
def test_two_are_not_fused_while_a_record_is_being_made_where_both_would_live(fault: Fault) -> None:
    scene = _two_people()
    scene.fake("shop").fault = fault
    outcome: list[bool] = []
    scene.fake("shop").during_write = lambda _: None if outcome else outcome.append(_fused(scene))
    scene.run()
    scene.fake("shop").fault = ""
    _later(scene)
    assert outcome == [False]
    assert len(scene.entities()) == len(scene.fake("shop").rows) == 2


def test_who_is_fused_while_its_record_is_being_made_keeps_that_record() -> None:
    scene = _two_people(filters={"shop": lambda fields: fields.get("first") != "Ada"})
    scene.fake("shop").during_write = lambda _: _fuse_once(scene)
    scene.run()
    _later(scene)
    assert len(scene.entities()) == 1
    assert len(scene.fake("shop").rows) == 1


def test_a_record_written_while_a_delete_is_being_answered_is_not_taken_for_an_edit() -> None:
    scene = _linked(8, names=("crm", "news", "shop"))
    scene.fake("shop").person_deletes(scene.fake("shop").find_one(email="p0@example.com"))
    _later(scene, 2)
    (hold,) = scene.parked()
    news = scene.fake("news")
    id, read = news.find_one(email="p0@example.com"), news.read

    def overtaken(refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """The answer is on its way when the daemon, another process, delivers."""
        found, news.read = read(refs), read  # type: ignore[method-assign]
        with scene.store.begin() as tx:
            link = tx.links.get("people", Ref("news", "people", id))
            assert link is not None
            tx.links.put("people", replace(link, seen={**link.seen, "first": "Delivered"}))
        return found

    news.read = overtaken  # type: ignore[method-assign]
    with pytest.raises(Halted, match="just now"):
        approve(scene.world, hold.id, by="op")
    assert [item.id for item in scene.parked()] == [hold.id]


def _fuse_once(scene: Scene) -> None:
    """Fuse the two, the first time."""
    if len(scene.entities()) == 2:
        assert _fused(scene)


def test_what_a_person_typed_into_a_field_that_is_only_written_is_in_the_log() -> None:
    scene = _linked(sync=_ruled("first", ways={"crm": Way.BOTH, "news": Way.WRITE}))
    scene.fake("news").person_edits("news-1", first="Typed by hand")
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "P0"
    lost = [entry.fields["first"] for entry in scene.log() if entry.event is Event.MERGED]
    assert [(what["new"], what["verdict"]) for what in lost] == [("Typed by hand", "lost")]


def test_a_value_that_made_no_sense_is_no_question_any_more_once_it_is_cleared() -> None:
    lenses = {"crm": Plain("stage", frozenset({"lead"})), "news": Plain("stage")}
    scene = Scene(sync=people(APPS, rule("stage", APPS, lenses=lenses)))
    scene.fake("crm").person_creates(email="ada@example.com", stage="???")
    scene.run()
    assert len(scene.parked()) == 1
    scene.fake("crm").person_edits("crm-1", stage="")
    scene.run()
    assert scene.parked() == []


def test_an_opt_out_reaches_a_record_that_left_its_filter() -> None:
    scene = _linked(3, sync=replace(people(APPS), filters={"news": lambda fields: fields.get("first") != "Out"}))
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_edits("crm-1", first="Out")
    scene.run()
    crm.person_edits("crm-1", out=True, phone="not for news")
    for _ in range(3):
        report = scene.run()
    shown = news.shown(news.find_one(email="p0@example.com"))
    assert (shown["out"], shown["phone"]) == (True, None)
    assert report.tally.written == 0


def test_who_is_restored_after_a_spread_delete_is_restored_everywhere() -> None:
    scene = _linked(30, sync=replace(people(APPS), deletes=Deletion.PROPAGATE))
    row = scene.fake("crm").rows["crm-1"]
    scene.fake("crm").person_deletes("crm-1")
    _later(scene)
    assert len(scene.fake("news").rows) == 29
    scene.fake("crm").rows["crm-1"] = row
    _later(scene)
    assert len(scene.fake("news").rows) == 30


def test_a_conflict_that_people_settle_themselves_closes() -> None:
    scene = _linked()
    scene.fake("crm").person_edits("crm-1", phone="2")
    scene.fake("news").person_edits("news-1", phone="3")
    scene.run()
    scene.fake("crm").person_edits("crm-1", phone="3")
    scene.run()
    scene.run()
    assert scene.parked() == []
