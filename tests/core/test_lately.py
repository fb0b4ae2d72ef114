"""What is remembered for moments is bounded, and nothing of it is left once all is let go of."""

from __future__ import annotations

import gc

import pytest

from syncd.core import lately
from syncd.core.lately import Lately, clear


def test_one_more_than_it_holds_makes_it_forget_the_others() -> None:
    known = Lately[int, str](2)
    assert [known.keep(n, str(n)) for n in range(3)] == ["0", "1", "2"]
    assert known == {2: "2"}


def test_all_of_them_are_let_go_of_at_once() -> None:
    one, other = Lately[int, int](5), Lately[str, str](5)
    one.keep(1, 1)
    other.keep("a", "a")
    clear()
    assert (one, other) == ({}, {})


def test_one_that_nobody_uses_any_more_is_not_held() -> None:
    gc.collect()
    before = len(lately._all)
    known = Lately[int, int](5)
    assert len(lately._all) == before + 1
    del known
    gc.collect()
    assert len(lately._all) == before


def test_one_that_goes_just_now_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Lately[int, int](5)
    known.keep(1, 1)
    monkeypatch.setattr(lately, "_all", [lambda: None, lambda: known])
    clear()
    assert known == {}
