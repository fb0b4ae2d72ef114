"""A story that breaks a promise is made as short as it can be, kept as a file, and told again from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncd.testing.__main__ import main
from syncd.testing.simulator import Simulation, Tape, again, shrunk, simulate, written
from syncd.testing.simulator.command import shorter
from syncd.testing.simulator.many import Broken, keep
from syncd.testing.simulator.oracle import questions
from syncd.testing.simulator.shrink import least
from syncd.testing.simulator.tape import kind, load

pytestmark = pytest.mark.unmeasured

SEED = 10
"""Of a long story in which syncd writes tags and is killed."""


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An oracle that forbids what is allowed: three writes of tags where the process was killed."""

    def asked(story: Simulation) -> list[str]:
        tags = [w for app in story.apps.values() for w in app.journal if w.author == "api" and w.field == "tags"]
        return [*questions(story), *(["S1: too many tags"] if len(tags) > 2 and story.kills else [])]

    monkeypatch.setattr("syncd.testing.simulator.run.questions", asked)


@pytest.mark.usefixtures("planted")
def test_a_story_is_made_much_shorter_and_still_breaks_the_same_promise(tmp_path: Path) -> None:
    tape = shrunk(Tape(seed=SEED), seconds=60)
    assert tape.violations == ("S1: too many tags",)
    assert tape.steps is not None
    assert 0 < len(tape.steps) <= 8
    assert "kill" not in tape.without, "without a death there is no violation"
    assert len(tape.without) > 3
    keep(tape, tmp_path)
    assert load(tmp_path / f"tape-{SEED}.json") == tape
    assert again(tape) == tape


@pytest.mark.usefixtures("planted")
def test_a_tape_is_told_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(again(Tape(seed=SEED)), tmp_path)
    file = tmp_path / f"tape-{SEED}.json"
    assert main(["replay", str(file)]) == 0
    assert capsys.readouterr().out == "S1: too many tags\nthe same story as on the tape\n"
    assert main(["replay", str(file), "--story"]) == 0
    assert capsys.readouterr().out.startswith(f"seed {SEED}, profile swarm, store memory\nsteps: ")


@pytest.mark.usefixtures("planted")
def test_the_first_failures_of_a_run_are_made_shorter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(again(Tape(seed=SEED)), tmp_path)
    broken = Broken(SEED, ("S1: too many tags",), "story", str(tmp_path / f"tape-{SEED}.json"))
    assert (shorter(broken, tmp_path).steps or 99) <= 8
    assert capsys.readouterr().err == ""


def test_what_has_been_mended_is_told_as_another_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tape.json"
    file.write_text(json.dumps({"seed": SEED, "violations": ["S1: lost"], "trace": "0"}))
    assert main(["replay", str(file)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "every promise was held to",
        "another story than on the tape: no promise is broken any more",
    ]


@pytest.mark.parametrize("text", ["", "{}", '{"seed": 1, "store": "paper"}', None])
def test_what_is_no_tape_is_refused(text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tape.json"
    if text is not None:
        file.write_text(text)
    assert main(["replay", str(file)]) == 2
    assert "is no tape that can be told" in capsys.readouterr().err


def test_a_story_without_a_failure_is_left_as_it_is() -> None:
    whole = shrunk(Tape(seed=7))
    assert (whole.violations, whole.steps, whole.trace) == ((), None, simulate(7).trace)


@pytest.mark.usefixtures("planted")
def test_the_hunt_for_a_shorter_story_ends_when_it_is_told_to() -> None:
    some, none = shrunk(Tape(seed=SEED), tries=12), shrunk(Tape(seed=SEED), seconds=0)
    length = Simulation(SEED).length
    assert len(some.steps or ()) < length == len(none.steps or ())


@pytest.mark.parametrize(("wanted", "lasting"), [((3, 17), [3, 17]), ((0,), [0]), ((), []), ((4, 5, 19), [4, 5, 19])])
def test_only_what_is_needed_is_left(wanted: tuple[int, ...], lasting: list[int]) -> None:
    assert list(least(range(20), lambda part: set(wanted) <= set(part))) == lasting


@pytest.mark.parametrize(
    ("violations", "promise"),
    [
        (("S4: crm has two", "L1: never silent"), "S4"),
        (("S7, a blank never wins (record crm/people/crm-1): the engine said so itself",), "S7"),
        (("KeyError: 'S4: an entity'",), "KeyError"),
        ((), ""),
    ],
)
def test_what_must_stay_is_the_promise_that_was_broken_first(violations: tuple[str, ...], promise: str) -> None:
    assert kind(violations) == promise


def test_a_story_is_written_for_a_reader() -> None:
    lines = written(Tape(seed=SEED)).splitlines()
    length = Simulation(SEED).length
    for start in (
        f"steps: {length} of {length}",
        "faults: ",
        "app crm: ",
        "mapping: seed ",
        "  tags: policy ",
        "limits: ",
    ):
        assert [line for line in lines if line.startswith(start)], start
    for mark in ("    > crm is sent ", "    . 1 linked ", "    ! ", " killed: ", "settling: 0 written"):
        assert [line for line in lines if mark in line], mark
    assert lines[-1] == "every promise was held to"
    told = Simulation(SEED)
    told.run()
    place = iter(lines)
    assert all(any(line.strip() == said for line in place) for said in told.tape), "each line of the tape, in order"
