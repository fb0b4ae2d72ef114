"""The first that two apps show of the same person: a blank never wins, and whoever seeds is said before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.core.entity import PEOPLE, Held
from syncd.core.fieldmap import Policy, Seed
from syncd.core.merge import Verdict
from syncd.core.record import Value
from tests.core.ground import NOON, SKEW, a_rule, a_sync, first_hub, greater, hub, only, pulled

OPT_OUT = a_rule("out", type="consent", consent=True, address="email")


class TestFirstContact:
    def test_equal_values_agree(self) -> None:
        made = first_hub("1")
        result = pulled(made, phone="1")
        assert only(result) == (Verdict.AGREED, "1", "1", "agreed")
        assert not result.news
        assert made.owed("crm") == {}

    def test_a_blank_never_wins(self) -> None:
        made = first_hub("1")
        assert pulled(made, phone=None).verdicts == ()
        assert made.owed("crm") == {"phone": "1"}

    @pytest.mark.parametrize("policy", list(Policy))
    def test_a_value_fills_a_blank_whatever_the_rules(self, policy: Policy) -> None:
        made = first_hub(None, seed=Seed.PREFER, order=("news", "crm"), policy=policy)
        assert only(pulled(made, phone="1")) == (Verdict.TAKEN, None, "1", "first filled")
        assert made.entity.held["phone"] == Held("1", 5, "crm")

    def test_the_first_record_of_all_founds_the_entity(self) -> None:
        made = hub(a_sync())
        assert only(pulled(made, at=NOON, phone="1")) == (Verdict.TAKEN, None, "1", "first filled")
        assert made.entity.held["phone"] == Held("1", 1, "crm", NOON)

    def test_ask(self) -> None:
        made = first_hub("1")
        assert only(pulled(made, phone="2")) == (Verdict.ASKED, "1", "2", "first = ask")
        assert made.entity.value("phone") == "1"

    @pytest.mark.parametrize(("order", "verdict"), [(("crm", "news"), Verdict.SEEDED), (("news", "crm"), Verdict.LOST)])
    def test_prefer(self, order: tuple[str, ...], verdict: Verdict) -> None:
        result = pulled(first_hub("1", seed=Seed.PREFER, order=order), phone="2")
        assert only(result) == (verdict, "1", "2", f"first = prefer {order[0]}")
        assert result.entity.value("phone") == ("2" if verdict is Verdict.SEEDED else "1")
        assert result.changed == (("phone",) if verdict is Verdict.SEEDED else ())

    @pytest.mark.parametrize(
        ("later", "verdict"), [(timedelta(minutes=1), Verdict.SEEDED), (-timedelta(minutes=1), Verdict.LOST)]
    )
    def test_newest(self, later: timedelta, verdict: Verdict) -> None:
        result = pulled(first_hub("1", seed=Seed.NEWEST), at=NOON + later, phone="2")
        assert only(result) == (verdict, "1", "2", "first = newest")

    @pytest.mark.parametrize("at", [NOON + 2 * SKEW, NOON - 2 * SKEW, None])
    def test_newest_by_clocks_that_cannot_tell_is_prefer(self, at: Any) -> None:
        result = pulled(first_hub("1", seed=Seed.NEWEST, order=("crm",)), at=at, phone="2")
        assert only(result) == (Verdict.SEEDED, "1", "2", "first = prefer crm")

    @pytest.mark.parametrize("apps", [("crm", "shop"), ("shop", "crm")])
    def test_newest_is_the_same_whichever_app_is_asked_first(self, apps: tuple[str, str]) -> None:
        said = {"crm": (NOON + timedelta(hours=2), "1"), "shop": (NOON + timedelta(hours=1), "2")}
        made = first_hub("1", seed=Seed.NEWEST)
        for app in apps:
            pulled(made, app, said[app][0], phone=said[app][1])
        assert made.entity.value("phone") == "1"

    def test_an_agreeing_record_of_an_older_time_or_none_lends_nothing(self) -> None:
        for at in (NOON - timedelta(hours=1), None):
            made = first_hub("1", seed=Seed.NEWEST)
            pulled(made, at=at, phone="1")
            assert made.entity.held["phone"] == Held("1", 4, "news", NOON)

    def test_without_an_order_the_value_that_stands_wins(self) -> None:
        result = pulled(first_hub("1", seed=Seed.PREFER), phone="2")
        assert only(result) == (Verdict.LOST, "1", "2", "first = prefer ?")

    def test_a_second_record_of_the_app_that_gave_the_value_is_its_newer_word(self) -> None:
        result = pulled(first_hub("1", author="crm"), phone="2")
        assert only(result) == (Verdict.SEEDED, "1", "2", "a newer record of crm")

    def test_what_a_person_decided_stands(self) -> None:
        result = pulled(first_hub("1", author=PEOPLE, seed=Seed.PREFER, order=("crm",)), phone="2")
        assert only(result)[0] is Verdict.LOST

    @pytest.mark.parametrize(
        ("policy", "result"), [(Policy.MAX, "2"), (Policy.MIN, "1"), (Policy.UNION, ("1", "2")), (Policy.OR, True)]
    )
    def test_values_that_can_be_joined_are_joined(self, policy: Policy, result: Value) -> None:
        mine: dict[Policy, Value] = {Policy.UNION: ("1",), Policy.OR: True}
        theirs: Any = {Policy.UNION: ["2"], Policy.OR: False}.get(policy, "2")
        made = first_hub(mine.get(policy, "1"), policy=policy, more=greater)
        pulled(made, phone=theirs)
        assert made.entity.value("phone") == result
