"""Looks at a process are counted for the part in which it was."""

from __future__ import annotations

import pytest

from benchmarks.profile import part_of, shares


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        ("main (syncd/__main__.py);take (syncd/engine/take.py);merge (syncd/core/merge.py)", "syncd.core"),
        ("take (syncd/engine/take.py);replace (dataclasses.py)", "syncd.engine"),
        ("flush (syncd/store/log.py);execute (sqlalchemy/engine/base.py)", "SQLAlchemy"),
        ("main (syncd/__main__.py);_find_and_load (<frozen importlib._bootstrap>)", "reading modules"),
        ("__call__ (cyclopts/core.py)", "other libraries"),
    ],
)
def test_a_look_counts_for_the_innermost_part_that_is_known(stack: str, part: str) -> None:
    assert part in part_of(stack)


def test_shares_are_of_all_looks_and_the_largest_comes_first() -> None:
    told = shares(["a (syncd/core/a.py) 1", "a (syncd/core/a.py);b (httpx/b.py) 2", "c (h11/c.py) 1"])
    assert list(told.items()) == [("HTTP", 0.75), ("merge, match, who is owed what (`syncd.core`)", 0.25)]
