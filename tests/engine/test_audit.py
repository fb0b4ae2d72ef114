"""A full comparison tells what is not as agreed, and why; it writes nothing, and brings back what it is told to."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.fieldmap import FieldRule, Way
from syncd.core.lens import Misfit, View
from syncd.core.record import Fields, Raws, Record, Update
from syncd.engine.audit import audit
from syncd.engine.findings import Audit, Cause
from syncd.engine.mending import figures, keep, mend, trend
from syncd.engine.remedies import pause
from syncd.store.values import Delivery, Event
from syncd.testing.simulator.lens import Plain
from tests.engine.world import Scene, people, rule

APPS = ("crm", "news")
STAGES = frozenset({"lead", "customer"})


def _office(*extra: FieldRule, count: int = 3, **more: object) -> Scene:
    scene = Scene(sync=people(APPS, *extra, **more))
    for n in range(1, count + 1):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", phone="1")
    scene.run()
    scene.run()
    return scene


def _audit(scene: Scene, *, values: bool = False) -> Audit:
    scene.world = scene._world(scene.store)
    return audit(scene.world, ["people"], values=values)


def _causes(found: Audit) -> dict[tuple[str, str], Cause]:
    return {(one.record or one.app, one.field): one.cause for one in found.differences}


def _at(scene: Scene, app: str, n: int = 1) -> str:
    return scene.fake(app).find_one(email=f"p{n}@example.com")


def _drifted(scene: Scene, n: int = 1) -> str:
    """What no delivery tells of: the newsletter is behind, and nobody knows."""
    scene.fake("crm").person_edits(_at(scene, "crm", n), first="New")
    scene.fake("news").fault = "outage"
    scene.run()
    scene.fake("news").fault = ""
    with scene.store.begin() as tx:
        for delivery in tx.deliveries.due("news", tx.now + 9999, 100):
            tx.deliveries.settle(delivery)
    return f"news/people/{_at(scene, 'news', n)}"


def test_where_everything_is_as_agreed_nothing_differs_and_nothing_is_written() -> None:
    scene = _office()
    writes, entries = len(scene.fake("news").writes), len(scene.log())
    found = _audit(scene)
    assert (found.differences, found.duplicates, found.invalid, found.unseen) == ((), (), (), {})
    assert found.records == {"people": {"crm": 3, "news": 3}}
    assert (len(scene.fake("news").writes), len(scene.log())) == (writes, entries)


def test_an_edit_that_was_not_taken_in_yet_is_told_as_one_and_stays_one() -> None:
    scene = _office()
    id = _at(scene, "news")
    scene.fake("news").person_edits(id, first="Ada")
    found = _audit(scene)
    assert _causes(found) == {(f"news/people/{id}", "first"): Cause.EDITED}
    scene.run()
    assert scene.fake("crm").shown(_at(scene, "crm"))["first"] == "Ada"


def test_values_are_told_only_to_those_who_ask() -> None:
    scene = _office()
    scene.fake("news").person_edits(_at(scene, "news"), first="Ada")
    (shy,) = _audit(scene).differences
    (open_,) = _audit(scene, values=True).differences
    assert (shy.agreed, shy.shown) == (None, None)
    assert (open_.agreed, open_.shown) == ("P1", "Ada")


def test_what_an_app_is_owed_is_on_its_way() -> None:
    scene = _office()
    scene.fake("crm").person_edits(_at(scene, "crm"), first="New")
    scene.fake("news").fault = "outage"
    scene.run()
    scene.fake("news").fault = ""
    assert _causes(_audit(scene)) == {(f"news/people/{_at(scene, 'news')}", "first"): Cause.OWED}


def test_what_nobody_is_going_to_deliver_is_unexplained_and_is_brought_back_by_a_repair() -> None:
    scene = _office()
    record = _drifted(scene)
    found = _audit(scene)
    assert _causes(found) == {(record, "first"): Cause.DRIFT}
    assert mend(scene.world, found, 10, by="op") == 1
    scene.run(whole=False)
    assert _audit(scene).differences == ()
    assert [entry.by for entry in scene.log() if entry.note == "looked at again by an audit"] == ["op"]


def test_a_repair_brings_back_no_more_than_it_may() -> None:
    scene = _office()
    for n in (1, 2, 3):
        _drifted(scene, n)
    assert mend(scene.world, _audit(scene), 2, by="op") == 2
    scene.run(whole=False)
    assert [one.cause for one in _audit(scene).differences] == [Cause.DRIFT]


def test_a_contested_field_waits_for_a_person() -> None:
    scene = _office()
    scene.fake("crm").person_edits(_at(scene, "crm"), phone="2")
    scene.fake("news").person_edits(_at(scene, "news"), phone="3")
    scene.run()
    assert set(_causes(_audit(scene)).values()) == {Cause.PARKED}


def test_a_refused_write_is_told_as_refused() -> None:
    scene = _office()
    scene.fake("news").refuses = lambda w: "no" if isinstance(w, Update) else ""
    scene.fake("crm").person_edits(_at(scene, "crm"), first="New")
    scene.run()
    assert set(_causes(_audit(scene)).values()) == {Cause.REFUSED}


def test_what_an_app_makes_of_a_value_is_its_own_form() -> None:
    scene = _office()
    scene.fake("news").keeps = {"first": lambda raw: str(raw)[:2] if raw else raw}
    scene.fake("crm").person_edits(_at(scene, "crm"), first="Augusta")
    scene.run()
    assert set(_causes(_audit(scene)).values()) == {Cause.COERCED}


def test_a_write_in_doubt_is_told_as_one() -> None:
    scene = _office()
    scene.fake("crm").person_edits(_at(scene, "crm"), first="New")
    scene.fake("news").fault = "before"
    scene.run()
    scene.fake("news").fault = ""
    assert set(_causes(_audit(scene)).values()) == {Cause.DOUBT}


def test_a_record_that_has_left_its_filter_differs_for_that_reason() -> None:
    scene = _office(filters={"news": lambda fields: fields.get("phone") != "0"})
    scene.fake("crm").person_edits(_at(scene, "crm"), phone="0")
    scene.run()
    scene.fake("crm").person_edits(_at(scene, "crm"), first="New")
    scene.run()
    assert set(_causes(_audit(scene)).values()) == {Cause.FILTER}


def test_a_value_that_makes_no_sense_and_an_option_without_a_partner_are_told_apart() -> None:
    lenses = {"crm": Plain("stage"), "news": Plain("stage", STAGES)}
    scene = _office(replace(rule("stage", APPS, lenses=lenses), type="choice"))
    scene.fake("news").person_edits(_at(scene, "news"), stage="odd")
    found = _audit(scene)
    assert set(_causes(found).values()) == {Cause.OPTION}
    assert [(one.app, one.field, one.records) for one in found.options] == [("news", "stage", 1)]
    text = _office(rule("stage", APPS, lenses=lenses))
    text.fake("news").person_edits(_at(text, "news"), stage="odd")
    assert set(_causes(_audit(text)).values()) == {Cause.MISFIT}


def test_a_record_that_no_listing_shows_is_missing_and_one_that_was_never_made_is_not_there_yet() -> None:
    scene = _office()
    scene.fake("crm").person_deletes("crm-1")
    scene.fake("news").fault = "outage"
    scene.fake("crm").person_creates(email="new@example.com")
    scene.run(whole=False)
    scene.fake("news").fault = ""
    assert _causes(_audit(scene)) == {("crm/people/crm-1", ""): Cause.MISSING, ("news", ""): Cause.ABSENT}


def test_whom_a_delete_or_a_question_keeps_from_being_made_waits_for_a_person() -> None:
    scene = _office()
    scene.fake("crm").person_deletes("crm-1")
    scene.run()
    scene.wait(minutes=11)
    scene.run()
    assert _causes(_audit(scene)) == {("crm", ""): Cause.PARKED}


def test_a_record_that_an_app_refuses_to_make_is_told_as_refused() -> None:
    scene = _office()
    scene.fake("news").refuses = lambda _: "no"
    scene.fake("crm").person_creates(email="new@example.com")
    scene.run()
    assert _causes(_audit(scene)) == {("news", ""): Cause.REFUSED}


def test_a_create_in_doubt_is_told_as_one() -> None:
    scene = _office()
    scene.fake("news").fault = "before"
    scene.fake("crm").person_creates(email="new@example.com")
    scene.run()
    scene.fake("news").fault = ""
    assert _causes(_audit(scene)) == {("news", ""): Cause.DOUBT}


def test_two_records_with_one_key_are_found_and_so_is_how_much_is_filled() -> None:
    scene = _office()
    scene.fake("crm").capabilities = replace(scene.fake("crm").capabilities, unique=())
    scene.fake("crm").person_creates(email="p1@example.com")
    found = _audit(scene, values=True)
    (twins,) = found.duplicates
    assert (twins.app, twins.field, twins.value, len(twins.records)) == ("crm", "email", "p1@example.com", 2)
    filled = {(one.app, one.field): (one.filled, one.records) for one in found.coverage}
    assert filled["crm", "email"] == (4, 4)
    assert filled["crm", "first"] == (3, 4)
    assert found.unlinked == {"people": {"crm": 1, "news": 0}}


class _Addresses(Plain):
    """A lens for which only what has an @ is an address."""

    def get(self, raws: Raws, entity: Fields) -> View:
        value = super().get(raws, entity)
        return Misfit("is no address", value) if isinstance(value, str) and "@" not in value else value


def test_what_is_no_address_is_found_with_its_record() -> None:
    mail = replace(rule("mail", APPS, lenses={app: _Addresses("stage") for app in APPS}), type="email")
    scene = _office(mail)
    scene.fake("crm").person_edits("crm-1", stage="nobody")
    (wrong,) = _audit(scene, values=True).invalid
    assert (wrong.app, wrong.record, wrong.field, wrong.type, wrong.value) == (
        "crm", "crm/people/crm-1", "mail", "email", "nobody",
    )  # fmt: skip


def test_a_field_that_an_app_is_never_told_differs_in_nothing_once_it_was_taken_in() -> None:
    stage = rule("stage", APPS, ways={"crm": Way.BOTH, "news": Way.READ})
    scene = _office(stage)
    scene.fake("crm").person_edits("crm-1", stage="lead")
    scene.run()
    assert _audit(scene).differences == ()


def test_records_outside_a_filter_are_none_of_ours() -> None:
    scene = _office(filters={"crm": lambda fields: fields.get("first") != "Out"})
    scene.fake("crm").person_creates(email="out@example.com", first="Out")
    assert _audit(scene).records["people"]["crm"] == 3


def test_an_app_that_is_paused_or_down_is_left_out_and_the_others_are_looked_at() -> None:
    scene = _office()
    pause(scene.world, "crm", "we move")
    assert _audit(scene).unseen == {"crm": "it is paused: we move"}
    scene.fake("news").fault = "outage"
    found = _audit(scene)
    assert set(found.unseen) == {"crm", "news"}
    assert found.differences == ()


def test_rows_that_are_no_facts_are_read() -> None:
    scene = _office()
    scene.fake("crm").person_edits("crm-1", first="Ada")
    listing = scene.fake("crm").changes
    scene.fake("crm").changes = lambda *asked: (  # type: ignore[method-assign]
        replace(page, rows=tuple(Record(row.ref, {}) for row in page.rows), facts=False) for page in listing(*asked)
    )
    assert _causes(_audit(scene)) == {("crm/people/crm-1", "first"): Cause.EDITED}


def test_the_figures_of_each_audit_are_kept_for_the_trend() -> None:
    scene = _office()
    keep(scene.world, _audit(scene))
    _drifted(scene)
    scene.wait(days=7)
    keep(scene.world, _audit(scene))
    with scene.store.read() as tx:
        first, second = trend(tx)
    assert (first.differences, second.differences, second.unexplained) == (0, 1, 1)
    assert second.causes == {"unexplained": 1}
    assert second.at - first.at > 6 * 86400
    assert 0.0 < first.filled <= 1.0


def test_an_audit_of_nothing_has_figures_too() -> None:
    assert figures(_audit(Scene())).filled == 0.0


def test_somebody_whom_an_app_lacks_though_nobody_owes_it_is_unexplained_and_is_made_by_a_repair() -> None:
    scene = _office()
    scene.fake("news").fault = "outage"
    scene.fake("crm").person_creates(email="new@example.com")
    scene.run()
    scene.fake("news").fault = ""
    with scene.store.begin() as tx:
        for delivery in tx.deliveries.due("news", tx.now + 9999, 100):
            tx.deliveries.settle(Delivery("people", "news", delivery.entity))
    found = _audit(scene)
    assert _causes(found) == {("news", ""): Cause.DRIFT}
    assert mend(scene.world, found, 1, by="op") == 1
    scene.run(whole=False)
    assert scene.fake("news").find_one(email="new@example.com")
    assert any(entry.event is Event.DECIDED and entry.ref is None for entry in scene.log())


def test_how_many_records_were_looked_at_is_told_on_the_way() -> None:
    scene = _office()
    seen: list[int] = []
    audit(scene.world, ["people"], progress=lambda tally: seen.append(tally.read))
    assert seen[-1] == 6


def test_a_listing_that_is_cut_tells_nothing_of_who_is_missing() -> None:
    scene = _office()
    listing = scene.fake("crm").changes
    scene.fake("crm").changes = lambda *asked: (replace(page, complete=False) for page in listing(*asked))  # type: ignore[method-assign]
    found = _audit(scene)
    assert found.unseen == {"crm": "its listing does not come to an end"}
    assert found.differences == ()
