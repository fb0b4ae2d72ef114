"""One bad record, one refused value, one contested field never stops the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.entity import PEOPLE
from syncd.core.record import Update
from syncd.engine.decide import resolve_conflict, retry
from syncd.engine.remedies import paused, resume
from syncd.errors import ConfigError, Halted
from syncd.store.values import Event, ParkedKind
from syncd.testing.simulator.lens import Plain
from tests.engine.world import Scene, people, rule

STAGES = frozenset({"lead", "customer"})


def _with_options() -> Scene:
    apps = ("crm", "news")
    lenses = {"crm": Plain("stage"), "news": Plain("stage", STAGES)}
    return Scene(sync=people(apps, rule("stage", apps, lenses=lenses)))


def test_a_value_that_does_not_fit_parks_that_field_and_the_others_go() -> None:
    scene = _with_options()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", stage="evangelist")
    scene.run()
    assert scene.fake("news").shown("news-1")["first"] == "Ada"
    (item,) = scene.parked()
    assert (item.kind, item.field, item.app) == (ParkedKind.QUARANTINE, "stage", "news")
    assert "not an option" in item.reason


def test_it_goes_by_itself_once_the_value_fits() -> None:
    scene = _with_options()
    scene.fake("crm").person_creates(email="ada@example.com", stage="evangelist")
    scene.run()
    scene.fake("crm").person_edits("crm-1", stage="customer")
    scene.run()
    assert scene.fake("news").shown("news-1")["stage"] == "customer"


def test_a_value_that_makes_no_sense_is_told_once_and_not_overwritten() -> None:
    scene = _with_options()
    scene.fake("crm").person_creates(email="ada@example.com", stage="lead")
    scene.run()
    scene.fake("news").person_edits("news-1", stage="???")
    for _ in range(3):
        scene.run()
    (item,) = scene.parked()
    assert (item.kind, item.detail["theirs"]) == (ParkedKind.QUARANTINE, "???")
    assert sum("stage" in entry.fields for entry in scene.log() if entry.event is Event.MERGED) == 1
    assert scene.fake("news").shown("news-1")["stage"] == "???"
    scene.fake("news").person_edits("news-1", stage="customer")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["stage"] == "customer"
    assert scene.parked() == []


def test_a_refused_record_is_parked_with_the_apps_own_words_and_the_rest_of_the_batch_goes() -> None:
    scene = Scene()
    for n in range(5):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    scene.fake("news").refuses = lambda w: "looks fake" if isinstance(w, Update) and "Bad" in w.patch.values() else ""
    for n in range(1, 6):
        scene.fake("crm").person_edits(f"crm-{n}", first="Bad" if n == 3 else f"Good{n}")
    scene.run()
    assert sorted(str(row.fields["first"]) for row in scene.fake("news").rows.values()) == [
        "Good1", "Good2", "Good4", "Good5", "P2",
    ]  # fmt: skip
    (item,) = scene.parked()
    assert item.reason == "looks fake"
    before = len(scene.fake("news").writes)
    scene.run()
    assert len(scene.fake("news").writes) == before
    scene.fake("news").refuses = lambda _: ""
    retry(scene.world, item.id, by="op")
    scene.run()
    assert scene.fake("news").find_one(first="Bad")


def test_a_person_settles_a_conflict_everywhere() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", phone="1")
    scene.run()
    scene.fake("crm").person_edits("crm-1", phone="2")
    scene.fake("news").person_edits("news-1", phone="3")
    scene.run()
    (item,) = scene.parked()
    resolve_conflict(scene.world, item.id, "3", by="op")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == scene.fake("news").shown("news-1")["phone"] == "3"
    assert scene.parked() == []
    (entity,) = scene.entities()
    assert entity.held["phone"].author == PEOPLE
    with pytest.raises(Halted, match="answered already: 3 by op"):
        resolve_conflict(scene.world, item.id, "2", by="other")


def test_a_confirmed_opt_in_is_recorded_and_goes_out() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", out=True)
    scene.run()
    scene.fake("crm").person_edits("crm-1", out=False)
    scene.run()
    (item,) = scene.parked()
    resolve_conflict(scene.world, item.id, value=False, by="op")
    scene.run()
    assert scene.fake("news").shown("news-1")["out"] is False
    assert [entry.by for entry in scene.log() if entry.event is Event.OPTED_IN] == ["op"]
    scene.fake("news").person_edits("news-1", out=True)
    scene.run()
    assert scene.fake("crm").shown("crm-1")["out"] is True


def test_a_number_that_nobody_parked_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no open"):
        resolve_conflict(Scene().world, 99, "x", by="op")


def test_a_revoked_token_pauses_that_app_alone_and_resume_goes_on() -> None:
    scene = Scene(names=("crm", "news", "shop"))
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    scene.fake("shop").fault = "revoked"
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    assert scene.run().failing == ("shop",)
    assert scene.fake("news").shown("news-1")["first"] == "Augusta"
    assert "does not know this token" in paused(scene.world, "shop")
    scene.fake("shop").fault = ""
    assert scene.fake("shop").shown("shop-1")["first"] == "Ada"
    assert resume(scene.world, "shop", by="op")
    scene.run()
    assert scene.fake("shop").shown("shop-1")["first"] == "Augusta"


def test_a_mass_change_pauses_the_app_before_it_spreads_whole_and_one_answer_goes_on() -> None:
    scene = Scene()
    scene.safety = replace(scene.safety, limits=replace(scene.safety.limits, changes=20))
    for n in range(60):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    for n in range(1, 61):
        scene.fake("crm").person_edits(f"crm-{n}", first="ALL THE SAME")
    scene.run()
    assert "linked records changed within an hour" in paused(scene.world, "crm")
    assert not any(row.fields["first"] == "ALL THE SAME" for row in scene.fake("news").rows.values())
    resume(scene.world, "crm", by="op")
    scene.run()
    assert all(row.fields["first"] == "ALL THE SAME" for row in scene.fake("news").rows.values())


def test_a_value_that_still_makes_no_sense_after_a_retry_is_asked_again_and_never_overwritten() -> None:
    scene = _with_options()
    scene.fake("crm").person_creates(email="ada@example.com", stage="lead")
    scene.run()
    scene.fake("news").person_edits("news-1", stage="???")
    scene.run()
    (item,) = scene.parked()
    retry(scene.world, item.id, by="op")
    scene.run()
    (again,) = scene.parked()
    assert (again.field, again.id == item.id) == ("stage", False)
    scene.fake("crm").person_edits("crm-1", stage="customer")
    scene.run()
    assert scene.fake("news").shown("news-1")["stage"] == "???"


def test_values_without_a_partner_stay_where_they_are_if_the_mapping_says_so() -> None:
    apps = ("crm", "news")
    lenses = {"crm": Plain("stage"), "news": Plain("stage", STAGES)}
    scene = Scene(sync=people(apps, rule("stage", apps, lenses=lenses, partial=True)))
    scene.fake("crm").person_creates(email="ada@example.com", stage="evangelist")
    scene.fake("crm").person_creates(email="bob@example.com", stage="lead")
    scene.run()
    scene.fake("news").person_edits(scene.fake("news").find_one(email="bob@example.com"), stage="odd")
    for _ in range(3):
        report = scene.run()
    assert (report.tally.written, report.owed, scene.parked()) == (0, 0, [])
    scene.fake("crm").person_edits("crm-1", stage="customer")
    scene.run()
    assert scene.fake("news").shown(scene.fake("news").find_one(email="ada@example.com"))["stage"] == "customer"


def test_the_guard_counts_records_that_people_changed_not_edits_and_not_our_own_creates() -> None:
    scene = Scene()
    scene.safety = replace(scene.safety, limits=replace(scene.safety.limits, changes=20, blanks=20))
    for n in range(30):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    for turn in range(8):
        for n in range(1, 6):
            scene.fake("crm").person_edits(f"crm-{n}", first=f"Turn {turn}")
        scene.run(whole=False)
    assert paused(scene.world, "crm") == paused(scene.world, "news") == ""


def test_what_an_app_fills_in_by_itself_when_a_record_is_made_is_no_mass_change() -> None:
    scene = Scene()
    scene.safety = replace(scene.safety, limits=replace(scene.safety.limits, changes=20, blanks=20))
    for n in range(60):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.fake("news").fills = {"phone": "0"}
    scene.run()
    scene.run()
    assert paused(scene.world, "news") == ""
    assert all(row.fields["phone"] == "0" for row in scene.fake("crm").rows.values())


def test_what_an_app_has_refused_is_not_sent_again_because_another_app_took_something() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    crm.person_creates(email="ada@example.com", first="Ada", out=False)
    scene.run()
    crm.refuses = lambda _: "we do not like this one"
    news.person_edits("news-1", phone="1")
    scene.run()
    sent = len(crm.writes)
    crm.person_edits("crm-1", first="Augusta")
    scene.run()
    assert news.shown("news-1")["first"] == "Augusta"
    assert len(crm.writes) == sent + 1
