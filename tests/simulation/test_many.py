"""Many seeds at once: what the command counts, shows, keeps and exits with."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest

from syncd.testing.__main__ import main
from syncd.testing.simulator.many import told
from syncd.testing.simulator.run import Outcome

pytestmark = pytest.mark.unmeasured


def story(seed: int, *, violations: tuple[str, ...] = (), trace: str = "same") -> Outcome:
    return Outcome(seed, violations, steps=1, edits=1, writes=1, kills=0, gaps=0, trace=trace)


def all_is_well(seed: int) -> Outcome:
    return story(seed)


def odd_seeds_double(folder: Path, seed: int) -> Outcome:
    (folder / f"story-{seed}.txt").write_text("0 pull crm\n1 tend crm\nS4: twice\n")
    return story(seed, violations=("S4: twice",) if seed % 2 else ())


def the_engine_breaks(seed: int) -> Outcome:
    raise KeyError("an entity")


def no_two_alike(seed: int) -> Outcome:
    return story(seed, trace=str(os.getpid()))


def test_where_every_promise_holds_it_says_how_many_and_how_fast(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seeds", "0..250", "--jobs", "2"], all_is_well) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("251 schedules in ")
    assert shown.out.endswith(" a second, 3 of them told twice: no violation\n")
    assert shown.err == ""


def test_real_stories_are_told_in_other_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seeds", "5..9", "--jobs", "1", "--stories", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert [summary[name] for name in ("schedules", "retold", "violations", "first")] == [5, 1, 0, []]
    assert summary["per_second"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_broken_promise_is_shown_with_the_end_of_its_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "--seeds", "2..3", "--jobs", "1", "--stories", str(tmp_path)]
    assert main(words, partial(odd_seeds_double, tmp_path)) == 1
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "seed 3",
        "    0 pull crm",
        "    1 tend crm",
        "  S4: twice",
        f"  the whole story: {tmp_path / 'story-3.txt'}",
        "  again: python -m syncd.testing simulate --seeds 3..3",
        "",
    ]


def test_broken_promises_are_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "--seeds", "1..30", "--jobs", "1", "--stories", str(tmp_path), "--json"]
    assert main(words, partial(odd_seeds_double, tmp_path)) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["schedules"], summary["violations"]) == (30, 15)
    assert [one["seed"] for one in summary["first"]] == list(range(1, 20, 2))
    assert summary["first"][0] == {"seed": 1, "violations": ["S4: twice"], "story": str(tmp_path / "story-1.txt")}


def test_an_engine_that_breaks_is_a_violation_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seeds", "7", "--jobs", "1", "--stories", str(tmp_path)], the_engine_breaks) == 1
    assert "KeyError: 'an entity'" in capsys.readouterr().out


def test_a_seed_that_tells_two_stories_is_a_violation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seeds", "7", "--jobs", "1", "--stories", str(tmp_path)], no_two_alike) == 1
    assert "told a second time, it was another story" in capsys.readouterr().out


def test_a_story_that_breaks_off_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("an entity")

    monkeypatch.setattr("syncd.testing.simulator.run.once", broken)
    with pytest.raises(KeyError):
        told(7, "memory", tmp_path)
    assert len((tmp_path / "story-7.txt").read_text().splitlines()) > 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "9..2"], "write 2..9"),
        (["--seeds", "few"], "like 0..999"),
        (["--seeds", "1..x"], "like 0..999"),
        (["--seeds", "1..2", "--jobs", "0"], "write 1 or more"),
        (["--seeds", "1..2", "--store", "paper"], "'memory', 'sqlite'"),
    ],
)
def test_what_makes_no_sense_is_told_with_what_is_expected(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", *words])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
