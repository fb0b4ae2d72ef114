"""The table of the three-way merge, row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from syncd.core.entity import PEOPLE, Held
from syncd.core.fieldmap import Blank, Policy, Seed, Way
from syncd.core.merge import Merge, Verdict, merge
from syncd.core.record import Value
from syncd.testing.simulator.lens import Plain
from tests.core.ground import (
    APPS,
    NOON,
    SKEW,
    Day,
    Hub,
    a_rule,
    a_sync,
    fact,
    first_hub,
    greater,
    hub,
    only,
    pulled,
    settled_hub,
)

OPT_OUT = a_rule("out", type="consent", consent=True, address="email")


class TestWhatIsNoNews:
    def test_a_field_that_the_app_did_not_show_is_no_observation(self) -> None:
        made = settled_hub("1")
        made.apps["crm"].clear()
        before = made.entity, made.links["crm"]
        result = made.pull("crm")
        assert (result.verdicts, result.changed, result.news) == ((), (), False)
        assert (made.entity, made.links["crm"]) == before

    def test_a_field_that_shows_what_it_last_showed_is_no_observation(self) -> None:
        assert settled_hub("1").pull("crm").verdicts == ()

    def test_another_spelling_of_the_same_value_is_seen_and_nothing_more(self) -> None:
        made = settled_hub(None)
        result = pulled(made, phone="")
        assert result.verdicts == ()
        assert made.links["crm"].seen == {"phone": ""}

    def test_a_field_that_is_only_written_is_never_taken_and_what_is_overwritten_is_told(self) -> None:
        made = settled_hub("1", ways={"crm": Way.WRITE, "news": Way.BOTH, "shop": Way.BOTH})
        (told,) = pulled(made, phone="2").verdicts
        assert (told.verdict, told.old, told.new) == (Verdict.LOST, "1", "2")
        assert made.entity.value("phone") == "1"
        assert made.owed("crm") == {"phone": "1"}

    @pytest.mark.parametrize("shown", ["1", None])
    def test_a_field_that_is_only_written_says_nothing_where_nothing_is_lost(self, shown: str | None) -> None:
        made = settled_hub("1", ways={"crm": Way.WRITE, "news": Way.BOTH, "shop": Way.BOTH})
        made.entity = made.entity.holding("phone", Held("2", 2, "news"))
        pulled(made, phone="2")
        made.entity = made.entity.holding("phone", Held("1", 3, "news"))
        assert pulled(made, phone=shown).verdicts == ()
        assert made.links["crm"].seen == {"phone": shown}
        assert made.entity.value("phone") == "1"

    def test_a_blank_that_nobody_knows_otherwise_is_no_news(self) -> None:
        assert pulled(hub(a_sync()), phone=None).verdicts == ()

    def test_the_link_takes_the_version_and_keeps_when_the_record_was_made(self) -> None:
        made = settled_hub("1")
        for at, created in ((NOON, NOON), (NOON + SKEW, None)):
            shown = fact(at=at, created=created, phone="1")
            made.links["crm"] = merge(made.entity, made.links["crm"], shown, made.sync, skew=SKEW).link
            assert made.links["crm"].version.at == at
            assert made.links["crm"].created == NOON

    def test_a_lens_may_do_with_a_part_of_its_window(self) -> None:
        made = hub(a_sync(a_rule("met", lenses=dict.fromkeys(APPS, Day()))))
        assert only(pulled(made, date="2026-03-01"))[0] is Verdict.TAKEN
        assert made.links["crm"].seen == {"date": "2026-03-01"}

    def test_what_an_app_cannot_carry_stays_in_the_entity(self) -> None:
        made = hub(a_sync(a_rule("met", lenses={"crm": Plain("met"), "news": Day()}), apps=("crm", "news")))
        pulled(made, met="2026-03-01T12:00")
        assert made.push("news") == {"day": "2026-03-01"}
        assert made.links["news"].sent == {}
        assert made.pull("news").verdicts == ()
        assert only(pulled(made, "news", day="2026-03-02"))[:3] == (Verdict.TAKEN, "2026-03-01T12:00", "2026-03-02")


class TestWhatMakesNoSense:
    OPTIONS: ClassVar = {"crm": Plain("phone", frozenset({"1", "2"})), "news": Plain("phone"), "shop": Plain("phone")}

    def test_a_misfit_is_told_and_the_other_fields_go_on(self) -> None:
        made = hub(a_sync(a_rule(lenses=self.OPTIONS), a_rule("email")), {"phone": "1", "email": "a"})
        result = pulled(made, phone="9", email="b")
        assert [(v.field, v.verdict, v.old, v.new) for v in result.verdicts] == [
            ("phone", Verdict.MISFIT, "1", "9"),
            ("email", Verdict.TAKEN, "a", "b"),
        ]
        assert made.told() == {"phone": "1", "email": "b"}

    def test_an_option_that_may_be_without_a_partner_is_told_to_nobody_and_stays_where_it_is(self) -> None:
        made = settled_hub("1", lenses=self.OPTIONS, partial=True)
        result = pulled(made, phone="9")
        assert (result.verdicts, result.news) == ((), False)
        assert made.told() == {"phone": "1"}
        assert made.owed("crm") == {}
        assert only(pulled(made, phone="2")) == (Verdict.TAKEN, "1", "2", "edited")

    def test_a_misfit_is_told_once(self) -> None:
        made = settled_hub("1", lenses=self.OPTIONS)
        assert only(pulled(made, phone="9")) == (Verdict.MISFIT, "1", "9", "not an option")
        assert made.pull("crm").verdicts == ()
        assert not made.pull("crm").news

    def test_a_value_after_a_misfit_is_an_edit_of_what_was_settled_before_it(self) -> None:
        made = settled_hub("1", lenses=self.OPTIONS)
        pulled(made, phone="9")
        assert only(pulled(made, phone="8"))[0] is Verdict.MISFIT
        assert only(pulled(made, phone="2")) == (Verdict.TAKEN, "1", "2", "edited")

    def test_a_misfit_on_first_contact_leaves_the_next_value_a_first_contact(self) -> None:
        made = first_hub("1", lenses=self.OPTIONS)
        pulled(made, phone="9")
        assert only(pulled(made, phone="2"))[0] is Verdict.ASKED

    def test_a_blank_after_a_misfit_makes_sense_again_and_wins_nothing(self) -> None:
        made = first_hub("1", lenses=self.OPTIONS)
        pulled(made, phone="9")
        result = pulled(made, phone=None)
        assert only(result) == (Verdict.AGREED, "1", None, "it makes sense again")
        assert not result.news
        assert made.owed("crm") == {"phone": "1"}


class TestAnEditOfWhatIsAgreed:
    def test_is_taken(self) -> None:
        made = settled_hub("1")
        result = pulled(made, at=NOON, phone="2")
        assert only(result) == (Verdict.TAKEN, "1", "2", "edited")
        assert (result.changed, result.news) == (("phone",), True)
        assert made.entity.held["phone"] == Held("2", 2, "crm", NOON)
        assert [made.owed("crm"), made.owed("news")] == [{}, {"phone": "2"}]

    def test_is_taken_where_the_app_keeps_another_form_of_what_it_was_sent(self) -> None:
        made = settled_hub("Ann-Marie")
        made.edit("crm", phone="Ann-Mar")
        made.links["crm"] = made.links["crm"].__class__(
            made.entity.id, made.links["crm"].ref, {"phone": "Ann-Mar"}, {"phone": "Ann-Marie"}
        )
        assert made.pull("crm").verdicts == ()
        assert made.owed("crm") == {}
        assert only(pulled(made, phone="Anna")) == (Verdict.TAKEN, "Ann-Marie", "Anna", "edited")
        assert made.links["crm"].sent == {}

    @pytest.mark.parametrize(
        ("blank", "verdict", "stands"),
        [(Blank.PROPAGATE, Verdict.TAKEN, None), (Blank.HOLD, Verdict.HELD, "1"), (Blank.IGNORE, Verdict.LOST, "1")],
    )
    def test_an_emptied_field_goes_by_the_rule_for_blanks(self, blank: Blank, verdict: Verdict, stands: Value) -> None:
        made = settled_hub("1", blank=blank)
        result = pulled(made, phone=None)
        assert only(result) == (verdict, "1", None, "edited" if stands is None else f"blank = {blank}")
        assert made.entity.value("phone") == stands
        assert result.news

    @pytest.mark.parametrize("policy", list(Policy))
    def test_no_policy_touches_it(self, policy: Policy) -> None:
        made = settled_hub("5", policy=policy, more=greater)
        assert only(pulled(made, phone="4"))[0] is Verdict.TAKEN

    def test_the_same_edit_in_two_apps_is_agreement(self) -> None:
        made = settled_hub("1")
        pulled(made, phone="2")
        result = pulled(made, "news", phone="2")
        assert only(result) == (Verdict.AGREED, "2", "2", "agreed")
        assert made.owed("news") == {}


class TestAConflict:
    """`crm` and `news` both held `was`; `crm` was pulled first."""

    def clash(self, was: Value, crm: Any, news: Any, *, at: tuple[Any, Any] = (None, None), **rule: Any) -> Merge:
        made = settled_hub(was, **rule)
        pulled(made, at=at[0], phone=crm)
        return pulled(made, "news", at[1], phone=news)

    @pytest.mark.parametrize(("order", "verdict"), [(("news", "crm"), Verdict.TAKEN), (("crm", "news"), Verdict.LOST)])
    def test_prefer(self, order: tuple[str, ...], verdict: Verdict) -> None:
        result = self.clash("1", "2", "3", order=order)
        assert only(result) == (verdict, "2", "3", f"conflict = prefer {order[0]}")
        assert result.entity.value("phone") == ("3" if verdict is Verdict.TAKEN else "2")

    def test_an_app_that_is_not_in_the_order_comes_last(self) -> None:
        assert only(self.clash("1", "2", "3", order=("crm",)))[0] is Verdict.LOST

    def test_without_any_order_the_later_word_stands(self) -> None:
        assert only(self.clash("1", "2", "3", order=())) == (Verdict.TAKEN, "2", "3", "conflict = prefer ?")

    def test_a_person_s_decision_outranks_every_app(self) -> None:
        made = settled_hub("1")
        made.entity = made.entity.holding("phone", Held("2", 2, PEOPLE))
        assert only(pulled(made, phone="3"))[0] is Verdict.LOST

    def test_an_emptied_field_against_a_value_goes_by_the_order(self) -> None:
        assert self.clash("1", "2", None, order=("news", "crm")).entity.value("phone") is None
        assert self.clash("1", "2", None).entity.value("phone") == "2"

    def test_manual(self) -> None:
        result = self.clash("1", "2", "3", policy=Policy.MANUAL)
        assert only(result) == (Verdict.ASKED, "2", "3", "conflict = manual")
        assert result.entity.value("phone") == "2"

    @pytest.mark.parametrize(("crm", "news"), [("2", None), (None, "2")])
    def test_filled(self, crm: Value, news: Value) -> None:
        result = self.clash("1", crm, news, policy=Policy.FILLED, order=("news",) if news is None else ("crm",))
        assert result.entity.value("phone") == "2"
        assert only(result)[3] == "conflict = filled"

    def test_filled_with_two_values_is_prefer(self) -> None:
        assert only(self.clash("1", "2", "3", policy=Policy.FILLED))[3] == "conflict = prefer crm"

    @pytest.mark.parametrize(
        ("later", "verdict"), [(timedelta(seconds=11), Verdict.TAKEN), (-timedelta(seconds=11), Verdict.LOST)]
    )
    def test_newest(self, later: timedelta, verdict: Verdict) -> None:
        result = self.clash("1", "2", "3", at=(NOON, NOON + later), policy=Policy.NEWEST)
        assert only(result) == (verdict, "2", "3", "conflict = newest")

    @pytest.mark.parametrize("at", [(NOON, NOON + 2 * SKEW), (NOON, NOON), (None, NOON), (NOON, None)])
    def test_newest_by_clocks_that_cannot_tell_is_prefer(self, at: tuple[Any, Any]) -> None:
        assert only(self.clash("1", "2", "3", at=at, policy=Policy.NEWEST))[3] == "conflict = prefer crm"

    @pytest.mark.parametrize(
        ("crm", "news", "joined"),
        [
            (["a", "b", "x"], ["a", "b", "y"], ("a", "b", "x", "y")),
            (["a"], ["a", "b", "y"], ("a", "y")),
            (["a"], ["b"], None),
            (None, ["a", "b", "y"], ("y",)),
            (["a", "b", "y"], None, ("y",)),
        ],
    )
    def test_union_takes_what_either_added_and_leaves_what_either_removed(
        self, crm: Any, news: Any, joined: Value
    ) -> None:
        result = self.clash(("a", "b"), crm, news, policy=Policy.UNION)
        assert result.entity.value("phone") == joined

    def test_a_union_that_changes_nothing_is_no_new_version(self) -> None:
        result = self.clash(("a",), ["a", "b", "c"], ["a", "b"], policy=Policy.UNION)
        assert only(result) == (Verdict.LOST, ("a", "b", "c"), ("a", "b"), "conflict = union")
        assert result.entity.held["phone"].ver == 2

    @pytest.mark.parametrize(
        ("was", "crm", "news", "joined"),
        [(None, True, False, True), (None, False, True, True), (False, None, True, True), (False, True, None, True)],
    )
    def test_or(self, was: Value, crm: Value, news: Value, joined: Value) -> None:
        assert self.clash(was, crm, news, policy=Policy.OR).entity.value("phone") is joined

    @pytest.mark.parametrize(
        ("policy", "crm", "news", "stands"),
        [
            (Policy.MAX, "2", "3", "3"),
            (Policy.MAX, "3", "2", "3"),
            (Policy.MIN, "2", "3", "2"),
            (Policy.MIN, "3", "2", "2"),
            (Policy.MAX, "2", None, "2"),
            (Policy.MIN, None, "2", "2"),
        ],
    )
    def test_max_and_min(self, policy: Policy, crm: Value, news: Value, stands: Value) -> None:
        result = self.clash("1", crm, news, policy=policy, more=greater)
        assert result.entity.value("phone") == stands
        assert only(result)[3] == f"conflict = {policy}"


class TestAnOptOut:
    def agreed(self, value: Value, **rule: Any) -> Hub:
        return hub(a_sync(a_rule("out", consent=True, **rule)), {"out": value})

    @pytest.mark.parametrize("was", [None, False])
    def test_always_wins(self, was: Value) -> None:
        made = self.agreed(was)
        assert only(pulled(made, out=True)) == (Verdict.TAKEN, was, True, "an opt-out always wins")
        assert made.owed("news") == {"out": True}

    def test_wins_against_the_seed_rule(self) -> None:
        made = hub(a_sync(OPT_OUT, seed=Seed.PREFER, seed_order=("news", "crm")))
        pulled(made, "news", out=False)
        assert only(pulled(made, out=True))[0] is Verdict.TAKEN

    def test_an_opt_in_of_an_app_that_knew_of_it_waits_for_a_person(self) -> None:
        made = self.agreed(True)
        assert only(pulled(made, out=False)) == (Verdict.HELD, True, False, "an opt-in against an opt-out")
        assert made.entity.value("out") is True

    def test_an_opt_in_is_believed_from_a_consent_source_that_knew_of_it(self) -> None:
        made = self.agreed(True, consent_sources=frozenset({"crm"}))
        assert only(pulled(made, out=False)) == (Verdict.TAKEN, True, False, "crm is a consent source")
        assert made.owed("news") == {"out": False}

    @pytest.mark.parametrize("shown", [None, False])
    def test_an_app_that_did_not_know_of_it_says_nothing_new(self, shown: Value) -> None:
        made = hub(a_sync(a_rule("out", consent=True, consent_sources=frozenset({"crm"}))))
        made.entity = made.entity.holding("out", Held(True, 1, "news"))
        assert only(pulled(made, out=shown)) == (Verdict.LOST, True, shown, "an opt-out always wins")
        assert made.owed("crm") == {"out": True}

    def test_emptying_it_is_no_opt_in(self) -> None:
        made = self.agreed(True, consent_sources=frozenset({"crm"}))
        assert only(pulled(made, out=None)) == (Verdict.LOST, True, None, "an opt-out always wins")
        assert made.owed("crm") == {"out": True}

    def test_saying_that_nobody_opted_out_is_taken_and_pressed_on_nobody(self) -> None:
        made = self.agreed(None)
        assert only(pulled(made, out=False)) == (Verdict.TAKEN, None, False, "first filled")
        assert made.owed("news") == {}
        assert pulled(made, out=None).verdicts == ()
        assert made.entity.value("out") is False

    def test_taking_back_what_was_never_an_opt_out_is_an_edit(self) -> None:
        made = self.agreed("no")
        assert only(pulled(made, out=False)) == (Verdict.TAKEN, "no", False, "edited")
