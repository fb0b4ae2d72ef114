"""Promises that stay checked while syncd runs: each test breaks the part that keeps one, and sees the app pause."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import text

from syncd.core import merge as merging
from syncd.core.fieldmap import Deletion
from syncd.core.match import match
from syncd.core.record import Record, Ref, Write
from syncd.engine import calls, draft, outcome, push, remedies, sight, take
from syncd.engine.cycle import once, pull_app, tend
from syncd.engine.debts import claims
from syncd.engine.promises import PROMISES
from syncd.engine.remedies import pause, paused
from syncd.engine.world import Tally, Uncounted
from syncd.store.values import Delivery, Event
from tests.engine.world import Scene, people


@dataclass
class Tripped(Uncounted):
    """Who counts the promises."""

    names: list[tuple[str, str]] = field(default_factory=list)

    def broken(self, app: str, promise: str) -> None:
        self.names.append((app, promise))


def _linked(**fields: object) -> Scene:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", **fields)
    scene.run()
    return scene


def _owing(scene: Scene, **fields: object) -> None:
    """The CRM has an edit that the newsletter tool is owed."""
    scene.clock.sleep(1)
    scene.fake("crm").person_edits("crm-1", **fields)
    pull_app(scene.world, "crm")


def _trips(scene: Scene, promise: str, *about: str, app: str = "news") -> None:
    """The next stage at the app pauses it, tells which promise and whom it was about, and writes nothing."""
    written, counts = len(scene.fake(app).writes), Tripped()
    world = replace(scene.world, counts=counts)
    pull_app(world, app)
    tend(world, app)
    assert counts.names == [(app, promise)]
    reason = paused(world, app)
    for word in (app, promise, PROMISES[promise], f"syncd resume {app}", *about):
        assert word in reason
    told, pausing = [entry for entry in scene.log() if entry.event in (Event.BROKEN, Event.PAUSED)]
    assert (told.event, told.app, pausing.cause) == (Event.BROKEN, app, told.seq)
    assert told.note.startswith(promise)
    tend(world, app)
    assert len(scene.fake(app).writes) == written


# --- S1: what is overwritten was taken in before


def test_an_edit_that_was_not_taken_in_is_not_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, first="Theirs")
    scene.fake("news").person_edits("news-1", first="Mine")
    monkeypatch.setattr(sight, "take", lambda *_: Tally())
    monkeypatch.setattr(take, "fold", lambda *_: 0)
    _trips(scene, "S1", "news/people/news-1", "first")
    assert scene.fake("news").shown("news-1")["first"] == "Mine"


# --- S4: nobody gets a second record


def test_nobody_who_has_a_record_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def made_anew(world: Any, tx: Any, sync: Any, app: Any, delivery: Any, entity: Any, *_: Any) -> Any:
        return draft._creation(world, tx, sync, app, delivery, entity)

    scene = _linked()
    _owing(scene, phone="1")
    monkeypatch.setattr(draft, "_change", made_anew)
    monkeypatch.setattr(draft, "_namesake", lambda *_: None)
    _trips(scene, "S4", "news/people/news-1 is theirs")


def test_nobody_is_made_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com")
    pull_app(scene.world, "crm")
    twice = push.payable
    monkeypatch.setattr(push, "payable", lambda *args, **more: [*twice(*args, **more)] * 2)
    _trips(scene, "S4", "another create is open")


def test_nobody_who_has_a_record_is_tied_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    scene.clock.sleep(1)
    scene.fake("news").person_creates(email="ada@example.com", first="Another")
    monkeypatch.setattr(take, "match", lambda own, holders, _: match(own, holders, frozenset()))
    _trips(scene, "S4", "news/people/news-2", "news/people/news-1 is theirs")


# --- S5: nobody who opted out is said to have opted in


def test_nobody_who_opted_out_is_told_to_be_mailable(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked(out=True)
    _owing(scene, phone="1")
    monkeypatch.setattr(draft, "claims", lambda *_: {"out": False})
    _trips(scene, "S5", "field out")
    assert scene.fake("news").shown("news-1")["out"] is True


def test_an_address_in_the_register_counts_though_the_entity_has_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked(out=True)
    _owing(scene, phone="1")
    (entity,) = scene.entities()
    with scene.store.begin() as tx:
        held = {**entity.held, "out": entity.held["out"]._replace(value=False)}
        tx.entities.put(replace(entity, held=held), [("email", "ada@example.com")])
    monkeypatch.setattr(draft, "heed", lambda tx, sync, entity: entity)
    _trips(scene, "S5", "field out")


def test_nobody_who_opted_out_is_made_without_saying_so(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", out=True)
    pull_app(scene.world, "crm")
    monkeypatch.setattr(draft, "first_fields", lambda *_: {"email": "ada@example.com"})
    _trips(scene, "S5", "field out")
    assert scene.fake("news").rows == {}


# --- S6: nothing is deleted on a hunch, nor above the cap


def test_nobody_is_deleted_whom_no_person_deleted() -> None:
    scene = _linked()
    (entity,) = scene.entities()
    with scene.store.begin() as tx:
        tx.entities.put(replace(entity, deleted=True), ())
        tx.deliveries.owe(Delivery("people", "news", entity.id, tx.now))
    _trips(scene, "S6", "news/people/news-1", "nobody deleted it")


def test_more_deletes_than_the_cap_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(sync=replace(people(("crm", "news")), deletes=Deletion.PROPAGATE))
    for n in range(20):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    scene.run()
    monkeypatch.setattr("syncd.engine.deletes._held_back", lambda *_: "")
    for n in range(1, 5):
        scene.fake("crm").person_deletes(f"crm-{n}")
    for _ in range(2):
        pull_app(scene.world, "crm", whole=True)
        scene.wait(minutes=11)
    pull_app(scene.world, "crm", whole=True)
    _trips(scene, "S6", "4 of 20 records would be deleted within an hour")
    assert len(scene.fake("news").rows) == 20


# --- S7: a blank never wins on first contact


def test_a_blank_that_takes_the_place_of_a_value_on_first_contact_is_not_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def last_writer_wins(_rule: Any, _entity: Any, _app: Any, now: Any, *_: Any) -> Any:
        return merging._Ruling(merging.Verdict.TAKEN, now, "newest")

    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("news").person_creates(email="ada@example.com")
    pull_app(scene.world, "crm")
    monkeypatch.setattr(merging, "_rule", last_writer_wins)
    _trips(scene, "S7", "news/people/news-1", "field first")
    assert scene.entities()[0].value("first") == "Ada"


def test_a_blank_that_nobody_agreed_on_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, phone="1")
    monkeypatch.setattr(draft, "claims", lambda *_: {"first": None})
    _trips(scene, "S7", "field first")


# --- S8: no echo


def test_a_write_that_is_sent_again_and_again_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    scene.fake("news").keeps = {"first": lambda value: value.upper()}
    monkeypatch.setattr(outcome, "settled", lambda *_: ({}, {}))
    _owing(scene, first="Augusta")
    for _ in range(3):
        tend(scene.world, "news")
    assert len(scene.fake("news").writes) == 1 + 3
    _trips(scene, "S8", "news/people/news-1", "first")


# --- S9: an intent before every write, and nothing else settles it


def test_no_write_leaves_without_an_intent_in_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, first="Augusta")
    monkeypatch.setattr("syncd.store.work.Intents.put", lambda *_: None)
    _trips(scene, "S9", "no intent in the store")
    assert scene.fake("news").shown("news-1")["first"] == "Ada"


def test_no_fact_is_merged_from_a_record_whose_last_write_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, first="Augusta")
    scene.fake("news").fault = "late"
    tend(scene.world, "news")
    scene.fake("news").fault = ""
    scene.fake("news").person_edits("news-1", phone="2")
    monkeypatch.setattr(take, "in_force", lambda *_: False)
    _trips(scene, "S9", "news/people/news-1", "while a write to the record is open")
    assert scene.entities()[0].value("phone") is None


def test_no_outcome_settles_what_has_no_intent(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, first="Augusta")
    write = calls.write

    def forgetful(world: Any, app: str, writes: list[Write]) -> Any:
        outcomes = write(world, app, writes)
        with world.store.begin() as tx:
            tx.intents.drop([one.key for one in writes])
        return outcomes

    monkeypatch.setattr(calls, "write", forgetful)
    counts = Tripped()
    tend(replace(scene.world, counts=counts), "news")
    assert counts.names == [("news", "S9")]
    (entity,) = scene.entities()
    assert {link.ref.app: link.seen["first"] for link in scene.links(entity.id)} == {"crm": "Augusta", "news": "Ada"}


# --- S10: the log goes on where it ended


@pytest.mark.parametrize(
    "hand", ["UPDATE change SET note = 'x' WHERE seq = :end", "DELETE FROM change WHERE seq = :end"]
)
def test_nothing_goes_on_upon_a_log_whose_end_was_altered(hand: str) -> None:
    scene = _linked()
    _owing(scene, first="Augusta")
    end = len(scene.log())
    with scene.store.begin() as tx:
        tx.db.execute(text(hand), {"end": end})
    _trips(scene, "S10", f"entry {end} does not fit")
    assert scene.fake("news").shown("news-1")["first"] == "Ada"


# --- S11: paused is paused, and blind is blind


def test_an_app_that_is_paused_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, first="Augusta")
    pause(scene.world, "news", "we audit")
    scene.wait(hours=2)
    monkeypatch.setattr(remedies, "paused", lambda *_: "")
    counts = Tripped()
    tend(replace(scene.world, counts=counts), "news")
    assert counts.names == [("news", "S11")]
    assert scene.fake("news").shown("news-1")["first"] == "Ada"


def test_a_pause_that_comes_while_a_stage_is_under_way_is_heeded_and_is_no_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = _linked()
    _owing(scene, first="Augusta")
    look = sight.look

    def paused_meanwhile(*args: Any) -> Any:
        pause(scene.world, "news", "we audit")
        return look(*args)

    monkeypatch.setattr(push, "look", paused_meanwhile)
    counts = Tripped()
    tend(replace(scene.world, counts=counts), "news")
    assert counts.names == []
    assert scene.fake("news").shown("news-1")["first"] == "Ada"


def test_a_record_that_was_not_read_just_before_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, first="Augusta")
    another = Record(Ref("news", "people", "news-2"), {})
    monkeypatch.setattr(
        push, "look", lambda *_: sight.Sight({Ref("news", "people", "news-1"): another}, {}, {}, {}, frozenset())
    )
    monkeypatch.setattr(draft, "_unseen", lambda *_: False)
    _trips(scene, "S11", "news/people/news-1", "not read before")


# --- and where nothing is broken


def test_an_app_goes_on_once_the_part_is_mended_and_a_person_resumes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _linked()
    _owing(scene, phone="1")
    with monkeypatch.context() as broken:
        broken.setattr(draft, "claims", lambda *_: {"first": None})
        once(scene.world)
    assert "S7" in paused(scene.world, "news")
    remedies.resume(scene.world, "news", by="op")
    once(scene.world)
    assert scene.fake("news").shown("news-1")["phone"] == "1"


def test_the_other_apps_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(names=("crm", "news", "shop"))
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()

    def emptying_the_news(tx: Any, sync: Any, entity: Any, link: Any, parked: Any) -> Any:
        return {"first": None} if link.ref.app == "news" else claims(tx, sync, entity, link, parked)

    monkeypatch.setattr(draft, "claims", emptying_the_news)
    scene.clock.sleep(1)
    scene.fake("crm").person_edits("crm-1", phone="1")
    once(scene.world)
    assert "S7" in paused(scene.world, "news")
    assert paused(scene.world, "shop") == ""
    assert scene.fake("shop").shown("shop-1")["phone"] == "1"
