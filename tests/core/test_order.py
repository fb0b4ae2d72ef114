"""Edits made at once: who is asked first makes no difference, and what waits or makes no sense is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from syncd.core.compose import composed
from syncd.core.entity import Held
from syncd.core.fieldmap import Blank, Policy
from syncd.testing.simulator.lens import Plain
from tests.core.ground import Word, a_rule, a_sync, hub
from tests.core.test_laws import SETS, Race, races


def race(policy: Policy, agreed: Any, edits: dict[str, Any], *orders: list[str], **rule: Any) -> list[Any]:
    return Race(a_rule(policy=policy, **rule), agreed, edits, orders).outcomes()  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", [Policy.PREFER, Policy.FILLED])
def test_prefer_when_two_apps_made_the_same_edit(policy: Policy) -> None:
    edits = {"crm": "1", "news": "2", "shop": "1"}
    assert race(policy, None, edits, ["crm", "news", "shop"], ["shop", "crm", "news"]) == ["1", "1"]


@pytest.mark.parametrize("blank", [Blank.HOLD, Blank.IGNORE])
@pytest.mark.parametrize(("policy", "agreed", "other"), [(Policy.PREFER, "1", "2"), (Policy.UNION, ("a",), ("a", "b"))])
def test_a_blank_that_is_not_to_propagate_in_a_conflict(blank: Blank, policy: Policy, agreed: Any, other: Any) -> None:
    edits = {"crm": None, "shop": other}
    assert race(policy, agreed, edits, ["crm", "shop"], ["shop", "crm"], blank=blank) == [other, other]


def test_or_of_false_and_blank() -> None:
    one, other = race(Policy.OR, True, {"crm": None, "news": False}, ["crm", "news"], ["news", "crm"])
    assert one is other


EVERY = (
    races(Policy.PREFER, None, *"123")
    | races(Policy.FILLED, None, *"123")
    | races(Policy.UNION, *SETS)
    | races(Policy.OR, None, False, True)
    | races(Policy.MAX, None, *"123")
    | races(Policy.MIN, None, *"123")
)


@given(EVERY)
def test_the_outcome_of_edits_at_once_does_not_depend_on_who_is_pulled_first(one: Race) -> None:
    first, second = one.outcomes()
    assert first == second


def test_a_misfit_is_not_overwritten_by_an_edit_elsewhere() -> None:
    options = {"crm": Plain("stage", frozenset({"a", "b"})), "news": Plain("stage")}
    made = hub(a_sync(a_rule("stage", apps=("crm", "news"), lenses=options), apps=("crm", "news")), {"stage": "a"})
    made.edit("crm", stage="typo")
    made.pull("crm")
    assert made.owed("crm") == {}
    made.edit("news", stage="b")
    made.pull("news")
    assert made.owed("crm") == {}


def test_a_parked_field_is_not_written_through_its_shared_raw_field() -> None:
    lenses = {name: {"crm": Word("name", first=name == "first")} for name in ("first", "rest")}
    sync = a_sync(*(a_rule(name, apps=("crm",), lenses=own) for name, own in lenses.items()), apps=("crm",))
    made = hub(sync)
    made.entity = made.entity.holding("first", Held("Bea")).holding("rest", Held("Lee"))
    made.edit("crm", name="Ann Poe")
    wanted = made.owed("crm", parked=frozenset({"rest"}))
    assert wanted == {"first": "Bea"}
    assert composed(made.entity, sync, "crm", made.apps["crm"], wanted, frozenset({"rest"})).patch == {
        "name": "Bea Poe"
    }
