"""`python -m syncd.testing crash`: what it takes, what it says, and how it ends."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from syncd.testing.__main__ import main
from syncd.testing.crash.command import add_to, crash
from tests.crash.rehearsal import Rehearsed

pytestmark = [pytest.mark.timeout(600), pytest.mark.unmeasured]  # many processes, one after the other


def run(rehearsed: Rehearsed, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers())
    return crash(parser.parse_args(["crash", *words]), lambda: nullcontext(rehearsed.theatre))


def test_the_figures_are_told_as_json(rehearsed: Rehearsed, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(rehearsed, "--points", "1..1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["points"] == len(rehearsed.places)
    assert (told["kills"], told["violations"], told["found"]) == (1, 0, [])
    assert 0 < told["longest"] < told["seconds"]


def test_points_that_are_not_there_are_refused_with_those_there_are(
    rehearsed: Rehearsed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(rehearsed, "--points", "300..9999") == 3
    assert capsys.readouterr().err == f"there are the points 1..{len(rehearsed.places)}, not all of 300..9999\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "one of the arguments --every --points --random is required"),
        (["--points", "all"], "'all' is no range of points: write the first and the last, like 1..20"),
        (["--points", "5..1"], "'5..1' has no point: they are counted from 1, the smaller number first"),
        (["--points", "0..1"], "'0..1' has no point"),
        (["--random", "0"], "'0' is no number: write 1 or more"),
        (["--every", "--random", "3"], "not allowed with argument"),
    ],
)
def test_what_cannot_be_done_is_refused(words: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["crash", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
