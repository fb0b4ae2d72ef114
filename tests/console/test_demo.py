"""The demo: what its last screen says."""

from __future__ import annotations

from dataclasses import fields

import pytest

from syncd.console import demo
from syncd.testing.verdict import Summary

_FOUND = Summary(
    edits=7, mirrored=6, conflicts=1, lost=0, duplicates=0, resubscribed=0, echoes=0, converged=True,
    calls_per_change=1.5,
)  # fmt: skip


def test_every_figure_at_the_end_is_told_with_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    demo._close(_FOUND)
    out = capsys.readouterr().out
    assert set(demo._MEANING) == {field.name for field in fields(Summary)}
    for meaning in demo._MEANING.values():
        assert meaning in out
