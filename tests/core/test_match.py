"""Which entity a record without a link belongs to."""

from __future__ import annotations

import pytest

from syncd.core.match import Ambiguous, Found, New, Taken, keys, match, within
from syncd.core.record import EntityId, Value
from tests.core.ground import a_sync

ANN, BEN = EntityId("ann"), EntityId("ben")
EMAIL, NAME = ("email", "a"), ("first+last", "ann\x1flee")
SYNC = a_sync(match=(("email",), ("first", "last")))


def test_keys_come_in_the_order_of_the_rules_and_ignore_case() -> None:
    assert keys(SYNC, {"last": "Lee", "first": "ANN", "email": "A"}) == (EMAIL, NAME)
    assert keys(SYNC, {"email": "STRASSE@x"}) == keys(SYNC, {"email": "straße@x"})


@pytest.mark.parametrize("blank", [None, "", ()])
def test_a_blank_part_makes_no_key(blank: Value) -> None:
    assert keys(SYNC, {"email": blank, "first": "ann"}) == ()
    assert keys(SYNC, {"email": "a", "first": "ann", "last": blank}) == (EMAIL,)


def test_keys_of_other_kinds_of_value_are_texts() -> None:
    assert keys(a_sync(match=(("number",), ("tags",), ("yes",))), {"number": 0, "tags": ("A", "b"), "yes": False}) == (
        ("number", "0"),
        ("tags", "A\x1fb"),
        ("yes", "false"),
    )


def test_parts_are_not_run_together() -> None:
    assert keys(SYNC, {"first": "ann", "last": "lee"}) != keys(SYNC, {"first": "annl", "last": "ee"})


def test_a_key_that_nobody_holds_is_new() -> None:
    assert match([EMAIL], {}, frozenset()) == New()
    assert match([EMAIL], {EMAIL: []}, frozenset()) == New()
    assert match([], {EMAIL: [ANN]}, frozenset()) == New()


def test_one_holder_is_found() -> None:
    assert match([EMAIL], {EMAIL: [ANN, ANN]}, frozenset()) == Found(ANN, "email")


def test_the_first_key_that_anybody_holds_decides() -> None:
    assert match([EMAIL, NAME], {EMAIL: [ANN], NAME: [BEN]}, frozenset()) == Found(ANN, "email")
    assert match([EMAIL, NAME], {NAME: [BEN]}, frozenset()) == Found(BEN, "first+last")
    assert match([EMAIL, NAME], {EMAIL: [ANN], NAME: [BEN]}, frozenset({ANN})) == Taken(ANN, "email")


def test_several_holders_are_a_person_s_question() -> None:
    assert match([EMAIL], {EMAIL: [ANN, BEN]}, frozenset()) == Ambiguous((ANN, BEN), "email")


def test_a_holder_that_has_a_record_in_this_app_does_not_stand_in_the_way_of_another() -> None:
    assert match([EMAIL], {EMAIL: [ANN, BEN]}, frozenset({ANN})) == Found(BEN, "email")


def test_holders_that_all_have_a_record_in_this_app_make_it_a_duplicate() -> None:
    assert match([EMAIL], {EMAIL: [ANN, BEN]}, frozenset({ANN, BEN})) == Taken(ANN, "email")


def test_a_key_that_is_too_long_for_an_index_is_known_by_its_beginning_and_a_hash() -> None:
    assert within("x" * 500) == "x" * 500
    long, other = within("x" * 20_000), within("x" * 20_001)
    assert long.startswith("x" * 64 + "…")
    assert len(long) == len(other) < 500
    assert long != other
    made = a_sync(match=(("email",), ("email", "phone")))
    found = keys(made, {"email": "x" * 20_000, "phone": "1"})
    assert found[0] == ("email", long)
    assert len(found[1][1]) < 500
