"""Looks at a process are counted for the part in which it was."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.flames import drawn
from benchmarks.profile import part_of, shares

SVG = "{http://www.w3.org/2000/svg}"


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


def test_a_frame_of_the_graph_is_as_wide_as_its_share_and_stands_above_who_called_it() -> None:
    graph = drawn("a run", ["main (syncd/m.py);take (syncd/t.py) 3", "main (syncd/m.py);<lambda> (syncd/t.py) 1"])
    frames = {
        title.text: rect.attrib
        for group in ET.fromstring(graph).iter(f"{SVG}g")  # noqa: S314 - it was drawn here
        for title, rect in [(group.find(f"{SVG}title"), group.find(f"{SVG}rect"))]
        if title is not None and rect is not None
    }
    take, other = frames["take (syncd/t.py): 75.0%"], frames["<lambda> (syncd/t.py): 25.0%"]
    assert (float(take["width"]), float(other["width"])) == pytest.approx((900, 300), abs=1)
    assert int(take["y"]) < int(frames["main (syncd/m.py): 100.0%"]["y"])
