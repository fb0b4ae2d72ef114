"""Too much at once stops before it spreads: a person is told what and why, and one answer goes on or puts it aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from syncd.core.fieldmap import Deletion
from syncd.core.guard import Limits
from syncd.core.record import Record, Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.masses import let_through, put_aside
from syncd.engine.plan import apply, make_plan
from syncd.engine.remedies import pause, paused, resume
from syncd.engine.world import Safety
from syncd.errors import Halted
from syncd.store.log import Log
from syncd.store.values import Event, Parked, ParkedKind
from tests.engine.world import Scene, people

TIGHT = Limits(changes=20, blanks=10, creates=20, shrink=10, deletes=100, delete_share=1.0)


def _office(count: int = 40, *, deletes: Deletion = Deletion.HOLD, limits: Limits = TIGHT) -> Scene:
    scene = Scene(sync=people(("crm", "news"), deletes=deletes), safety=Safety(limits=limits))
    for n in range(1, count + 1):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", phone="1")
    scene.run()
    scene.wait(hours=2)
    scene.run()
    return scene


def _question(scene: Scene) -> Parked:
    (work,) = [work for work in scene.parked() if work.kind is ParkedKind.GUARD]
    return work


def _firsts(scene: Scene, app: str) -> Sequence[str]:
    return sorted(str(row.fields["first"]) for row in scene.fake(app).rows.values())


def _renamed(scene: Scene, count: int = 40) -> None:
    for n in range(1, count + 1):
        scene.fake("crm").person_edits(f"crm-{n}", first="X")
    scene.run()


def test_what_was_expected_is_not_even_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(sync=people(("crm", "news")), safety=Safety(limits=TIGHT))
    for n in range(40):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    apply(scene.world, make_plan(scene.world), by="op")
    scene.wait(minutes=1)
    scene.fake("crm").person_edits("crm-2", first="New")
    apply(scene.world, make_plan(scene.world), by="op")
    scene.wait(minutes=1)
    counted: list[int] = []
    count = Log.count

    def noted(log: Log, **asked: Any) -> int:
        counted.append(count(log, **asked))
        return counted[-1]

    monkeypatch.setattr(Log, "count", noted)
    scene.fake("crm").person_edits("crm-1", first="New")
    pull_app(scene.world, "crm", whole=True)
    assert counted
    assert max(counted) <= 2


def test_a_clock_that_is_set_back_makes_no_guard_blind() -> None:
    scene = _office()
    apply(scene.world, make_plan(scene.world), by="op")
    scene.clock.turn(-7200)
    _renamed(scene)
    assert _question(scene).reason.startswith("mass change: 40 of 40 linked records changed")


def test_a_mass_change_asks_one_question_that_says_how_many_of_how_many_and_whom_for_example() -> None:
    scene = _office()
    _renamed(scene)
    work = _question(scene)
    assert (work.app, work.sync, work.field) == ("crm", "people", "mass change")
    assert (work.detail["count"], work.detail["linked"], work.detail["share"]) == (40, 40, 1.0)
    assert len(work.detail["samples"]) == 5
    assert work.detail["samples"][0]["fields"] == ["first"]
    assert f"syncd approve {work.id}" in paused(scene.world, "crm")
    assert "X" not in _firsts(scene, "news")


def test_a_mass_change_that_is_approved_goes_on_and_counts_no_more() -> None:
    scene = _office()
    _renamed(scene)
    let_through(scene.world, _question(scene).id, by="op")
    scene.run()
    assert set(_firsts(scene, "news")) == {"X"}
    scene.fake("crm").person_edits("crm-1", first="Y")
    scene.run()
    assert "Y" in _firsts(scene, "news")
    assert [entry.by for entry in scene.log() if entry.event is Event.DECIDED] == ["op"]


def test_an_approval_holds_for_what_was_seen_and_not_for_the_next_mass_change() -> None:
    scene = _office()
    _renamed(scene)
    let_through(scene.world, _question(scene).id, by="op")
    scene.run()
    for n in range(1, 41):
        scene.fake("crm").person_edits(f"crm-{n}", first="Z")
    scene.run()
    assert _question(scene).field == "mass change"
    assert "Z" not in _firsts(scene, "news")


def test_a_mass_change_that_is_refused_gives_the_app_back_what_was_agreed_and_is_in_the_log() -> None:
    scene = _office()
    _renamed(scene)
    put_aside(scene.world, _question(scene).id, by="op")
    scene.run()
    assert _firsts(scene, "crm") == _firsts(scene, "news") == sorted(f"P{n}" for n in range(1, 41))
    lost = [entry for entry in scene.log() if entry.fields.get("first", {}).get("verdict") == "lost"]
    assert {entry.fields["first"]["new"] for entry in lost} == {"X"}
    assert paused(scene.world, "crm") == ""


def test_what_had_spread_before_the_guard_tripped_is_taken_back_too_but_not_what_was_edited_since() -> None:
    scene = _office()
    _renamed(scene, count=15)
    assert _firsts(scene, "news").count("X") == 15
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p1@example.com"), first="Mine")
    scene.run()
    _renamed(scene, count=40)
    put_aside(scene.world, _question(scene).id, by="op")
    scene.run()
    assert sorted({*_firsts(scene, "news")} - {f"P{n}" for n in range(1, 41)}) == ["Mine"]
    assert _firsts(scene, "crm") == _firsts(scene, "news")


def test_an_edit_after_a_refused_mass_change_counts_as_ever() -> None:
    scene = _office()
    _renamed(scene)
    put_aside(scene.world, _question(scene).id, by="op")
    scene.run()
    scene.fake("crm").person_edits("crm-1", first="Ada")
    scene.run()
    assert "Ada" in _firsts(scene, "news")


def test_mass_blanking_puts_only_the_blanks_aside() -> None:
    scene = _office()
    scene.fake("crm").person_edits("crm-40", first="Ada")
    for n in range(1, 20):
        scene.fake("crm").person_edits(f"crm-{n}", first="")
    scene.run()
    work = _question(scene)
    assert (work.field, work.detail["count"]) == ("mass blanking", 19)
    put_aside(scene.world, work.id, by="op")
    scene.run()
    assert "" not in _firsts(scene, "crm")
    assert "Ada" in _firsts(scene, "news")


def test_mass_create_stops_and_goes_on_when_approved() -> None:
    scene = _office(30)
    for n in range(100, 140):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    work = _question(scene)
    assert (work.field, work.detail["count"]) == ("mass create", 40)
    assert len(scene.fake("news").rows) == 30
    let_through(scene.world, work.id, by="op")
    scene.run()
    assert len(scene.fake("news").rows) == 70


def test_refused_new_records_are_left_alone_until_somebody_edits_one() -> None:
    scene = _office(30)
    for n in range(100, 140):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=n == 139)
    scene.run()
    put_aside(scene.world, _question(scene).id, by="op")
    for _ in range(3):
        scene.run()
        scene.wait(hours=2)
    assert (len(scene.fake("crm").rows), len(scene.fake("news").rows)) == (70, 30)
    with scene.store.read() as tx:
        assert tx.optouts.of("email", ["p139@example.com"]) or tx.optouts.count() == 1
    scene.fake("crm").person_edits(scene.fake("crm").find_one(email="p100@example.com"), first="Real")
    scene.run()
    assert scene.fake("news").find_one(email="p100@example.com")
    assert len(scene.fake("news").rows) == 31


def test_new_records_that_had_been_taken_in_before_are_let_go_of_where_no_other_app_has_them() -> None:
    scene = _office(10)
    scene.fake("news").fault = "outage"
    for n in range(100, 115):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    scene.run()
    for n in range(115, 140):
        scene.fake("crm").person_creates(email=f"p{n}@example.com")
    scene.run()
    assert put_aside(scene.world, _question(scene).id, by="op") == 15
    scene.fake("news").fault = ""
    scene.run()
    assert (len(scene.fake("news").rows), len(scene.entities())) == (10, 10)


def test_a_truncated_listing_that_is_refused_makes_the_missing_again() -> None:
    scene = _office(30)
    for n in range(1, 21):
        scene.fake("crm").person_deletes(f"crm-{n}")
    scene.run()
    work = _question(scene)
    assert (work.field, work.detail["count"]) == ("shrunk", 20)
    put_aside(scene.world, work.id, by="op")
    scene.run()
    scene.wait(minutes=11)
    for _ in range(3):
        scene.run()
    assert len(scene.fake("crm").rows) == len(scene.fake("news").rows) == 30
    assert scene.parked() == []


def test_a_first_sync_is_no_mass_create_and_no_mass_change() -> None:
    scene = Scene(safety=Safety(limits=TIGHT))
    for n in range(60):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
        scene.fake("news").person_creates(email=f"p{n + 30}@example.com", first=f"Q{n}")
    scene.run()
    scene.run()
    assert scene.parked() == []
    assert len(scene.fake("news").rows) == len(scene.fake("crm").rows) == 90


def test_what_was_planned_and_applied_trips_nothing_neither_then_nor_afterwards() -> None:
    scene = _office()
    for n in range(1, 41):
        scene.fake("crm").person_edits(f"crm-{n}", first="X")
    apply(scene.world, make_plan(scene.world), by="op")
    assert set(_firsts(scene, "news")) == {"X"}
    scene.fake("crm").person_edits("crm-1", first="Y")
    scene.run()
    assert scene.parked() == []


def test_an_object_of_an_app_has_bounds_of_its_own() -> None:
    scene = _office()
    scene.safety = Safety(limits=TIGHT, own_limits={(app, "people"): Limits() for app in ("crm", "news")})
    _renamed(scene)
    assert scene.parked() == []
    assert set(_firsts(scene, "news")) == {"X"}


def test_resuming_the_app_answers_its_guard() -> None:
    scene = _office()
    _renamed(scene)
    work = _question(scene)
    resume(scene.world, "crm", by="op")
    scene.run()
    assert scene.parked() == []
    with pytest.raises(Halted, match="answered already"):
        put_aside(scene.world, work.id, by="op")


def test_an_opt_out_in_an_app_that_a_guard_has_stopped_reaches_the_others_at_once() -> None:
    scene = _office()
    _renamed(scene)
    scene.fake("crm").person_edits("crm-7", out=True)
    scene.run()
    news = scene.fake("news").find_one(email="p7@example.com")
    assert scene.fake("news").shown(news)["out"] is True
    assert scene.fake("news").shown(news)["first"] == "P7"
    assert paused(scene.world, "crm")
    let_through(scene.world, _question(scene).id, by="op")
    scene.run()
    assert scene.fake("news").shown(news)["first"] == "X"


def test_an_app_that_a_guard_has_stopped_is_told_of_opt_outs_and_of_nothing_else() -> None:
    scene = _office()
    _renamed(scene)
    news = scene.fake("news").find_one(email="p7@example.com")
    scene.fake("news").person_edits(news, out=True, phone="2")
    scene.run()
    crm = scene.fake("crm").find_one(email="p7@example.com")
    assert (scene.fake("crm").shown(crm)["out"], scene.fake("crm").shown(crm)["phone"]) == (True, "1")
    put_aside(scene.world, _question(scene).id, by="op")
    scene.run()
    assert (scene.fake("crm").shown(crm)["first"], scene.fake("crm").shown(crm)["phone"]) == ("P7", "2")


def test_an_opt_out_of_a_record_that_nobody_knows_is_heard_while_a_guard_has_stopped_its_app() -> None:
    scene = _office()
    _renamed(scene)
    scene.fake("crm").person_creates(email="new@example.com", out=True)
    scene.run()
    with scene.store.read() as tx:
        assert tx.optouts.count() == 1


def test_rows_that_are_no_facts_are_read_for_opt_outs_while_a_guard_has_stopped_their_app() -> None:
    scene = _office()
    listing = scene.fake("crm").changes
    scene.fake("crm").changes = lambda *asked: (  # type: ignore[method-assign]
        replace(page, rows=tuple(Record(row.ref, {}) for row in page.rows), facts=False) for page in listing(*asked)
    )
    _renamed(scene)
    scene.fake("crm").person_edits("crm-7", out=True)
    scene.run()
    news = scene.fake("news").find_one(email="p7@example.com")
    assert scene.fake("news").shown(news)["out"] is True


def test_an_app_that_a_person_has_paused_is_told_nothing_not_even_opt_outs() -> None:
    scene = _office()
    pause(scene.world, "crm", "on holiday")
    scene.fake("news").person_edits(scene.fake("news").find_one(email="p7@example.com"), out=True)
    scene.run()
    assert not scene.fake("crm").shown("crm-7")["out"]


def test_a_listing_of_what_has_changed_ends_an_answer_as_one_of_everything_does() -> None:
    scene = _office()
    for n in range(1, 41):
        scene.fake("crm").person_edits(f"crm-{n}", first="X")
    scene.run(whole=False)
    put_aside(scene.world, _question(scene).id, by="op")
    scene.run(whole=False)
    assert "X" not in _firsts(scene, "crm")
    scene.fake("crm").person_edits("crm-1", first="Ada")
    scene.run(whole=False)
    assert "Ada" in _firsts(scene, "news")


def test_what_an_app_shows_by_webhooks_alone_trips_a_guard_and_is_put_aside_as_well() -> None:
    scene = _office()
    for n in range(1, 41):
        scene.fake("crm").person_edits(f"crm-{n}", first="X")
    with scene.store.begin() as tx:
        tx.hints.add([Ref("crm", "people", f"crm-{n}") for n in range(1, 41)], tx.now)
    tend(scene.world, "crm")
    put_aside(scene.world, _question(scene).id, by="op")
    tend(scene.world, "crm")
    tend(scene.world, "news")
    assert "X" not in {*_firsts(scene, "news"), *_firsts(scene, "crm")}


def test_an_opt_out_holds_for_the_address_that_stands_again_once_a_mass_change_was_put_aside() -> None:
    scene = _office()
    crm = scene.fake("crm")
    crm.person_edits("crm-1", email="q1@example.com")
    scene.run()
    crm.person_edits("crm-1", out=True)
    scene.run()
    _renamed(scene)
    put_aside(scene.world, _question(scene).id, by="op")
    scene.run()
    with scene.store.read() as tx:
        known = tx.optouts.of("consent:email", ["p1@example.com", "q1@example.com"])
    assert crm.rows["crm-1"].fields["email"] == "p1@example.com"
    assert set(known) == {"p1@example.com", "q1@example.com"}


def test_an_opt_out_that_is_seen_while_a_stopped_app_is_told_of_others_counts_for_the_address_beside_it() -> None:
    scene = _office()
    crm, news = scene.fake("crm"), scene.fake("news")
    id = news.find_one(email="p1@example.com")
    for each in list(news.rows):
        news.person_edits(each, first="X")
    news.person_edits(id, email="eve@example.com", out=True)
    scene.run()
    assert paused(scene.world, "news")
    crm.person_edits("crm-1", out=True)
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    with scene.store.read() as tx:
        known = tx.optouts.of("consent:email", ["eve@example.com", "p1@example.com"])
    assert sorted(known) == ["eve@example.com", "p1@example.com"]
