"""What an app has yet to be told: the entity's values against what was last settled with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.entity import Entity, Held, Link, base
from syncd.core.fieldmap import Computed, Way
from syncd.core.lens import Misfit
from syncd.core.record import ABSENT, EntityId, Fields, Value
from syncd.testing.simulator.lens import Plain
from tests.core.ground import a_rule, a_sync, hub, linked


def test_an_app_that_shows_what_is_agreed_is_owed_nothing() -> None:
    assert hub(a_sync(), {"phone": "1"}).owed("crm") == {}


def test_another_value_is_owed_a_blank_too() -> None:
    made = hub(a_sync(a_rule("phone"), a_rule("email")), {"phone": "1", "email": "a"})
    made.entity = made.entity.holding("phone", Held("2")).holding("email", Held(None))
    assert made.owed("crm") == {"phone": "2", "email": None}


def test_a_field_that_the_app_never_showed_is_owed_unless_blank() -> None:
    made = hub(a_sync(a_rule("phone"), a_rule("email")))
    made.entity = made.entity.holding("phone", Held("1")).holding("email", Held(None))
    assert made.owed("crm") == {"phone": "1"}


def test_a_field_that_nobody_ever_agreed_on_is_not_owed() -> None:
    made = hub(a_sync())
    made.links["crm"] = linked(seen={"phone": "1"})
    assert made.owed("crm") == {}


def test_what_was_settled_counts_for_more_than_what_the_app_keeps() -> None:
    made = hub(a_sync(), {"phone": "0123456789"})
    made.links["crm"] = linked(seen={"phone": "01234"}, sent={"phone": "0123456789"})
    assert made.owed("crm") == {}
    made.entity = made.entity.holding("phone", Held("01234"))
    assert made.owed("crm") == {"phone": "01234"}


def test_a_parked_field_waits() -> None:
    made = hub(a_sync(), {"phone": "1"})
    made.entity = made.entity.holding("phone", Held("2"))
    assert made.owed("crm", frozenset({"phone"})) == {}


def test_a_field_that_is_only_read_is_never_owed() -> None:
    made = hub(a_sync(a_rule(ways={"crm": Way.READ, "news": Way.BOTH, "shop": Way.WRITE})), {"phone": "1"})
    made.entity = made.entity.holding("phone", Held("2"))
    assert [made.owed("crm"), made.owed("news"), made.owed("shop")] == [{}, {"phone": "2"}, {"phone": "2"}]


def test_a_field_of_other_apps_is_not_owed() -> None:
    made = hub(a_sync(a_rule(apps=("crm", "news"))), {"phone": "1"})
    made.entity = made.entity.holding("phone", Held("2"))
    assert made.owed("shop") == {}


def test_what_cannot_be_read_is_not_overwritten() -> None:
    options = {"crm": Plain("phone", frozenset({"1"}))}
    made = hub(a_sync(a_rule(apps=("crm",), lenses=options), apps=("crm",)))
    made.entity = made.entity.holding("phone", Held("1"))
    made.links["crm"] = linked(seen={"phone": "9"})
    assert made.owed("crm") == {}


def test_a_computed_value_is_owed_when_it_is_another_and_makes_sense() -> None:
    def compute(fields: Fields) -> Value | Misfit:
        email = fields.get("email")
        return Misfit("no domain") if email == "odd" else str(email).partition("@")[2] or None

    domain = a_rule("domain", apps=("crm",), ways={"crm": Way.WRITE}, computed=Computed(("email",), compute))
    made = hub(a_sync(a_rule("email"), domain), {"email": "ann@example.com"})
    assert made.owed("crm") == {"domain": "example.com"}
    assert made.owed("news") == {}
    made.links["crm"] = linked(seen={"email": "ann@example.com", "domain": "example.com"})
    assert made.owed("crm") == {}
    made.entity = made.entity.holding("email", Held("odd"))
    assert made.owed("crm") == {"email": "odd"}


@pytest.mark.parametrize(
    ("agreed", "shown", "owed"),
    [
        (True, None, True),
        (True, False, True),
        (False, True, False),
        (None, True, None),
        (False, None, "nothing"),
        (None, False, "nothing"),
        (True, True, "nothing"),
    ],
)
def test_an_opt_out_is_owed_and_its_absence_is_pressed_on_nobody(agreed: Value, shown: Value, owed: Value) -> None:
    made = hub(a_sync(a_rule("out", consent=True)))
    made.entity = made.entity.holding("out", Held(agreed))
    made.links["crm"] = linked(seen={"out": shown})
    assert made.owed("crm") == ({} if owed == "nothing" else {"out": owed})


def test_an_opt_out_is_owed_to_an_app_that_never_showed_one() -> None:
    made = hub(a_sync(a_rule("out", consent=True)))
    made.entity = made.entity.holding("out", Held(True))
    assert made.owed("crm") == {"out": True}


def test_the_base_is_what_the_link_has_seen() -> None:
    rule = a_rule()
    assert base(rule, linked(seen={"phone": "1"}), {}) == "1"
    assert base(rule, linked(seen={"phone": ""}), {}) is None
    assert base(rule, linked(seen={"email": "a"}), {}) is ABSENT


def test_an_entity_tells_its_values_and_is_never_changed_in_place() -> None:
    ann = Entity(EntityId("ann"), "people", {"phone": Held("1")})
    other = ann.holding("email", Held("a"))
    assert (ann.fields, other.fields) == ({"phone": "1"}, {"phone": "1", "email": "a"})
    assert (other.value("email"), other.value("unknown")) == ("a", None)
    assert isinstance(linked(), Link)
    assert replace(other, held=ann.held) == ann
