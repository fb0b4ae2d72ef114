"""The demo: what its last screen says."""

from __future__ import annotations

from dataclasses import fields

import pytest

from syncd.console import demo
from syncd.console.cli import main
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


def test_a_span_that_is_none_is_told_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--for", "soon"]) == 3
    said = capsys.readouterr().err
    assert '--for is "soon"' in said
    assert "20s" in said


def test_a_demo_that_is_interrupted_says_that_nothing_is_left_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_connector: str, _setup: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("syncd.console.stage.staged", interrupted)
    assert main(["demo"]) == 130
    told = capsys.readouterr()
    assert "the demo was stopped; nothing is left of it" in told.out + told.err
