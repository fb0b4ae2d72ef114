"""What is longer than a value may be is known by its length and hash, and is never taken for a value."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.bounds import LONGEST, bounded, overlong
from syncd.core.record import Record, Ref

REF = Ref("crm", "people", "1")


def kept(raw: Any) -> Any:
    return bounded(Record(REF, {"note": raw, "email": "ada@example.com"})).fields["note"]


@pytest.mark.parametrize(
    "raw",
    [None, "", "x" * LONGEST, 7, 1.5, True, [], {"a": ["x" * 1000]}, ["x"] * 1000, {str(n): n for n in range(99)}],
)
def test_what_is_short_enough_is_kept_as_it_is(raw: Any) -> None:
    record = Record(REF, {"note": raw})
    assert bounded(record) is record
    assert overlong(raw) == ""


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        (-(10**30), "-1" + "0" * 30),
        ({"a": [1, {"b": 10**20}]}, {"a": [1, {"b": "1" + "0" * 20}]}),
    ],
)
def test_a_whole_number_that_no_store_holds_is_kept_by_its_digits(raw: Any, expected: Any) -> None:
    assert kept(raw) == expected


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        ("x" * (LONGEST + 1), "1048577 characters"),
        ({"a": {"b": ["x" * LONGEST]}}, "1048594 characters"),
        ([0] * (LONGEST + 1), "3145731 characters"),
        ({"x" * LONGEST: 1}, "1048583 characters"),
        ("\ud800" * (LONGEST + 1), "1048577 characters"),
    ],
    ids=["text", "in an object", "many", "in a name", "half a character"],
)
def test_of_what_is_too_long_its_length_and_hash_are_kept(raw: Any, size: str) -> None:
    assert overlong(kept(raw)) == size
    assert len(kept(raw)) < 120
    assert kept(raw) == kept(raw)


def test_a_character_that_no_database_takes_is_replaced() -> None:
    assert kept("a\x00b") == "a\ufffdb"
    assert kept("\\u0000") == "\\u0000"


def test_another_long_value_is_known_by_another_hash() -> None:
    assert kept("x" * (LONGEST + 1)) != kept("y" * (LONGEST + 1))
