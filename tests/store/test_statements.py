"""Statements are given their values in few shapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.store.statements import chunks


@given(st.lists(st.integers(), max_size=1700))
def test_parts_hold_all_items_in_order_and_nothing_else(items: list[int]) -> None:
    parts = list(chunks(items))
    assert all(len(part) <= 500 for part in parts)
    whole = [item for part in parts[:-1] for item in part] + list(parts[-1] if parts else ())
    assert whole[: len(items)] == items
    assert set(whole) == set(items)


@pytest.mark.parametrize(("count", "length"), [(1, 1), (2, 2), (3, 4), (5, 8), (200, 256), (300, 500), (500, 500)])
def test_a_part_is_filled_up_to_one_of_a_few_lengths(count: int, length: int) -> None:
    (part,) = chunks(range(count))
    assert len(part) == length
