"""Many seeds at once: what the command counts, shows, keeps and exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from syncd.testing.__main__ import main
from syncd.testing.simulator import Tape, simulate
from syncd.testing.simulator.coverage import CELLS, IMPOSSIBLE, INTENTS, LINKS, ROWS, SHOWN
from syncd.testing.simulator.many import Summary, told
from syncd.testing.simulator.report import coverage, lines
from syncd.testing.simulator.run import Outcome
from syncd.testing.simulator.tape import load

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


def planted(name: str, defects: list[str]) -> ModuleType:
    """A module of mutants with one, which says when it is planted."""

    @contextmanager
    def planted(mutant: str) -> Iterator[None]:
        defects.append(mutant)
        yield
        defects.append(f"{mutant} no more")

    module = ModuleType("syncd.testing.simulator.mutants")
    vars(module).update(MUTANTS={name: SimpleNamespace(name=name, about="writes without looking")}, planted=planted)
    return module


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
    files = {"story": str(tmp_path / "story-1.txt"), "tape": str(tmp_path / "tape-1.json")}
    assert summary["first"][0] == {"seed": 1, "violations": ["S4: twice"], "steps": None, **files}


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
        told(7, Tape(seed=0), tmp_path)
    lines = (tmp_path / "story-7.txt").read_text().splitlines()
    assert len(lines) > 20
    assert lines[-1] == "KeyError: 'an entity'"
    assert load(tmp_path / "tape-7.json").violations == ("KeyError: 'an entity'",)


def test_a_story_that_never_ends_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.testing.simulator.fates.MOST", 100)
    ended = simulate(7)
    assert ended.violations == ("L1: it never comes to an end",)
    assert ended.points == 101


def test_what_the_stories_came_by_adds_up() -> None:
    one, other = simulate(20), simulate(30)
    both = Summary().plus(one).plus(other)
    assert both.measured == 2
    assert both.points == one.points + other.points > 0
    assert both.seen == {name: one.seen.get(name, 0) + other.seen.get(name, 0) for name in {**one.seen, **other.seen}}
    told = coverage(both.seen, both.measured)
    assert sorted([*told["cells"], *told["empty"]]) == sorted(CELLS)
    assert told["impossible"] == []
    assert set(told["never"]) == {row for row in ROWS if not told["sometimes"][row]}
    assert told["cells"]["live / no write / same"] == both.seen["live / no write / same"] > 20
    assert set(told["capabilities"]) > {"unique yes", "webhooks no"}
    assert sum(count for name, count in told["capabilities"].items() if name.startswith("unique")) in (4, 5, 6)


def test_a_reader_sees_what_was_met_and_what_was_not() -> None:
    seen = {"live / no write / same": 1200, "live / no write / gone": 3, "no link / no write / same": 1}
    seen |= {"sent: create": 7, "fault: late": 1, "app: unique no": 2, "app: unique yes": 3000}
    page = list(lines(Summary(schedules=2500, seconds=5.0, measured=2500, seen=seen)))
    assert page[:4] == [
        "link / write x what the app showed, in 2,500 schedules:",
        "                     same  edited  emptied  veiled  gone  tombstone  merged",
        "no link / no write      1       -        -       -     .          .       .",
        "live / no write     1,200       .        .       .     3          .       .",
    ]
    assert page[4].startswith("75 of 78 cells that can be met are empty: no link / no write / gone; ")
    assert page[5].startswith(f"rules: 1 of {len(ROWS)} were applied; never: agreed: agreed; taken: edited; ")
    assert page[6:9] == ["  the rarest: sent: create (7)", page[7], "  the rarest: late (1)"]
    assert page[7].startswith("faults: 1 of 25 were on; never: refused_before; ")
    assert page[11] == "less than once in 1,000 schedules: 1 rules and capabilities: app: unique no"
    assert page[-1] == "2,500 schedules in 5.0 s, 500.0 a second, 0 of them told twice: no violation"


def test_a_cell_that_cannot_be_and_was_met_is_told() -> None:
    seen = {"live / no write / same": 3, "gone / inflight / same": 1}
    page = list(lines(Summary(schedules=10, seconds=2.0, measured=10, seen=seen)))
    assert "met, though it cannot be: gone / inflight / same" in page
    assert coverage(seen, 10)["impossible"] == ["gone / inflight / same"]


def test_every_reason_why_a_cell_is_left_out_leaves_one_out() -> None:
    assert len(CELLS) == 78
    every = {(link, intent, shown) for link in LINKS for intent in INTENTS for shown in SHOWN}
    left = {cell for cell in every if " / ".join(cell) not in CELLS}
    for rule, why in IMPOSSIBLE.items():
        assert any(all(own in (one, "*") for own, one in zip(rule, cell, strict=True)) for cell in left), why


def test_a_mutant_is_planted_while_its_story_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defects: list[str] = []
    monkeypatch.setitem(sys.modules, "syncd.testing.simulator.mutants", planted("blind write", defects))
    told(7, Tape(seed=0, mutant="blind write"), tmp_path)
    assert defects == ["blind write", "blind write no more"]


def test_an_unknown_mutant_is_told_with_those_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "syncd.testing.simulator.mutants", planted("blind write", []))
    with pytest.raises(SystemExit):
        main(["simulate", "--seeds", "1", "--mutant", "kind write"])
    assert "'kind write' is no mutant: there are blind write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "9..2"], "write 2..9"),
        (["--seeds", "few"], "like 0..999"),
        (["--seeds", "1..x"], "like 0..999"),
        (["--seeds", "1..2", "--jobs", "0"], "write 1 or more"),
        (["--seeds", "1..2", "--store", "paper"], "'memory', 'sqlite'"),
        (["--seeds", "1..2", "--profile", "storm"], "'swarm', 'calm', 'wire'"),
        (["--seeds", "1..2", "--shrink", "all"], "write 0 or more"),
    ],
)
def test_what_makes_no_sense_is_told_with_what_is_expected(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", *words])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells of children in /proc alone")
def test_the_processes_that_tell_end_with_the_one_that_counts_however_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "syncd.testing", "simulate", "--seeds", "0..99999", "--jobs", "2"]
    counting = subprocess.Popen(
        [*command, "--stories", str(tmp_path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        telling = _until(lambda: [pid for pid in _children(counting.pid) if b"spawn_main" in _line(pid)], least=3)
    finally:
        counting.kill()
        counting.wait()
    assert _until(lambda: ["ended"] if not any(_line(pid) for pid in telling) else [], least=1)


def _until(ask: Callable[[], list[Any]], *, least: int) -> list[Any]:
    """What is there as soon as there is so much of it."""
    deadline = time.monotonic() + 30
    while len(found := ask()) < least:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _line(pid: int) -> bytes:
    """The command line of a process; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
