"""Dotted names and nested objects are two ways of writing the same record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.sdk import flatten, in_chunks, nest

NAMES = st.text("abcXYZ_09", min_size=1, max_size=3)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
NESTED = st.dictionaries(
    NAMES, st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3)), max_size=4
)


@given(NESTED)
def test_nesting_undoes_flattening(nested: dict[str, object]) -> None:
    assert nest(flatten(nested)) == nested


def test_names_are_dotted_and_lists_stay() -> None:
    nested = {"email_address": "ada@example.com", "merge_fields": {"FNAME": "Ada", "TAGS": [{"id": 1}]}}
    assert flatten(nested) == {
        "email_address": "ada@example.com",
        "merge_fields.FNAME": "Ada",
        "merge_fields.TAGS": [{"id": 1}],
    }


def test_an_object_that_is_one_value_stays_whole() -> None:
    nested = {"merge_fields": {"ADDRESS": {"city": "Oslo"}, "FNAME": "Ada"}}
    flat = flatten(nested, whole={"merge_fields.ADDRESS"})
    assert flat == {"merge_fields.ADDRESS": {"city": "Oslo"}, "merge_fields.FNAME": "Ada"}
    assert nest(flat) == nested


def test_an_empty_object_holds_no_field() -> None:
    assert flatten({"merge_fields": {}, "a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    "clash", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}, {"a": {"c": 1}, "a.b": 2}, {"a.b": 1, "a.b.c.d": 2}]
)
def test_a_name_cannot_be_a_value_and_an_object(clash: dict[str, object]) -> None:
    before = repr(clash)
    with pytest.raises(ValueError, match=r"a"):
        nest(clash)
    assert repr(clash) == before


@given(st.lists(st.integers()), st.integers(1, 7))
def test_chunks_hold_everything_once_in_order_and_none_is_too_long(items: list[int], size: int) -> None:
    chunks = list(in_chunks(items, size))
    assert [item for chunk in chunks for item in chunk] == items
    assert all(1 <= len(chunk) <= size for chunk in chunks)
