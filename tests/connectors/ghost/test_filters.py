"""Filters: what we say is what Ghost understands, whatever the value; and the twin reads as Ghost does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syncd_connectors.ghost import nql
from syncd_connectors.ghost.twin_filter import UnreadableFilterError, keys, parse

ANN: Mapping[str, Any] = {
    "id": "b",
    "email": "Ann@example.com",
    "name": None,
    "updated_at": "2026-01-02 03:04:05",
    "label": ["vip", "gold"],
}


@given(st.text(min_size=1))
def test_any_value_survives_being_quoted(value: str) -> None:
    assume(nql.sayable(value))
    assert parse(f"name:{nql.text(value)}")({"name": value})
    assert parse(nql.among("name", ["other", value]))({"name": value})
    assert not parse(nql.among("name", ["other"]))({"name": f"{value}!"})


@given(st.emails())
def test_an_address_equals_itself_in_any_case(email: str) -> None:
    test = parse(nql.equals_folding("email", ["somebody@else.example", email]))
    assert test({"email": email.upper()})
    assert not test({"email": f"x{email}"})


def test_a_moment_is_written_in_the_form_of_the_database() -> None:
    assert nql.moment(datetime(2026, 1, 2, 3, 4, 5, 900_000, tzinfo=UTC)) == "'2026-01-02 03:04:05'"


@pytest.mark.parametrize(
    ("filter", "holds"),
    [
        ("", True),
        ("id:b", True),
        ("id:'b'", True),
        ("id:-b", False),
        ("id:[a,b]", True),
        ("id:-[a,b]", False),
        ("name:null", True),
        ("name:-null", False),
        ("name:>'a'", False),
        ("email:'ann@example.com'", False),
        ("email:~'ANN@'", True),
        ("email:~^'ann'+email:~$'.COM'", True),
        ("updated_at:>='2026-01-02 03:04:05'", True),
        ("updated_at:>'2026-01-02 03:04:05'", False),
        ("updated_at:<='2026-01-02 03:04:05'", True),
        ("updated_at:<'2026-01-02T00:00:00.000Z'", True),  # text, not time
        ("label:gold", True),
        ("label:-gold", False),
        ("id:x,id:b+name:null", True),
        ("(id:x,id:b)+id:x", False),
        ("id:x+name:null,id:b", True),
    ],
)
def test_the_twin_reads_filters_as_ghost_does(filter: str, holds: bool) -> None:
    assert parse(filter)(ANN) is holds


@pytest.mark.parametrize("filter", ["(((", "id", "id:", "id:''", "email:'a\"", "id:b)", "id:[a", "id:b+", ":b", "'b'"])
def test_what_is_no_filter_is_refused(filter: str) -> None:
    with pytest.raises(UnreadableFilterError):
        parse(filter)


def test_the_columns_of_a_filter_are_known() -> None:
    assert keys("type:a+(data.created_at:>'x:y',data.member_id:b)") == {"type", "data.created_at", "data.member_id"}


@pytest.mark.parametrize("value", ["\\", "a\\", "a\\'b", 'a\\"b'])
def test_a_backslash_before_a_quote_or_at_the_end_cannot_be_said(value: str) -> None:
    assert not nql.sayable(value)


def test_a_backslash_elsewhere_is_a_backslash() -> None:
    assert nql.sayable("a\\b")
    assert parse(f"name:{nql.text('a' + chr(92) + 'b')}")({"name": "a\\b"})


def test_a_string_that_a_backslash_keeps_open_is_refused() -> None:
    with pytest.raises(UnreadableFilterError):
        parse(r"(email:~^'\'+email:~$'\')")
