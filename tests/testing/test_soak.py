"""The soak: what it measures, what it calls broken, and that it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd.testing.__main__ import main
from syncd.testing.soak.far import Actor, FarTwin
from syncd.testing.soak.figures import Figures, broken, growth
from syncd.testing.soak.lag import Lags, share
from syncd.testing.soak.sample import Sample, sampled
from syncd.testing.soak.stage import staged
from syncd.testing.twin import Author, JournalEntry

_MIB = 1 << 20
_GOOD = Figures(
    seconds=60, pace=10, seed=1, acts=9, edits=9, left=1, arrived=1, removed=1, mirrored=9, conflicts=1,
    calls_per_change=2.0, writes=9, rss_warm=100, rss_end=104, rss_most=105, rss_growth_percent=4.0,
    descriptors_warm=20, descriptors_end=21, descriptors_most=25, threads_end=9, cpu_percent=5.0, wal_most=4 * _MIB,
    store_end=_MIB, owed_most=3, hints_most=3, unknown_most=1, lag_p50=0.1, lag_p95=0.3, lag_max=4.0,
    calm_lag_p50=0.1, calm_lag_p95=0.2, calm_lag_max=0.4, converged=True, settled_after=1.0, writes_when_quiet=0,
    echoes=0, lost=0, in_the_gap=1, duplicates=0, resubscribed=0, exit_code=0,
)  # fmt: skip
_LOOK = Sample(
    at=0, phase="busy", weather="calm", rss=0, descriptors=9, threads=9, cpu=0, wal=0, store=0, owed=0, hints=0,
    unknown=0, parked=0, writes=0,
)  # fmt: skip


def test_a_good_soak_breaks_no_bound() -> None:
    assert list(broken(_GOOD)) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"rss_growth_percent": 5.0}, "memory grew by 5.0 %"),
        ({"descriptors_end": 40}, "40 descriptors at the end"),
        ({"wal_most": 64 * _MIB}, "write-ahead log came to 64 MiB"),
        ({"converged": False}, "did not come to agree"),
        ({"writes_when_quiet": 1}, "1 writes after all was quiet"),
        ({"echoes": 2}, "2 writes in two whole comparisons"),
        ({"lost": 1}, "1 values lost"),
        ({"duplicates": 1}, "1 duplicates"),
        ({"resubscribed": 1}, "1 people written to again"),
        ({"exit_code": 1}, "exit code 1"),
    ],
)
def test_each_bound_that_is_broken_is_told(bad: dict[str, Any], said: str) -> None:
    (told,) = broken(replace(_GOOD, **bad))
    assert said in told


def test_the_stage_of_a_soak_has_a_configuration_that_syncd_takes(tmp_path: Path) -> None:
    with staged(tmp_path, seed=1, pace=10) as stage, stage.again() as assembly:
        assert set(assembly.world.apps) == {"crm", "news"}


def test_growth_is_what_came_after_the_first_sixth_and_no_single_look_decides() -> None:
    busy = [replace(_LOOK, rss=rss) for rss in (10, 50, *[100] * 9, 900, *[110] * 12)]
    found = growth([*busy, replace(_LOOK, rss=500, phase="quiet")], lambda sample: sample.rss)
    assert (found.warm, found.end, found.most, found.percent) == (100, 110, 900, 10.0)


def test_a_lag_is_from_the_typing_to_the_writing_in_the_other_app_and_once_for_each_edit() -> None:
    crm, news = _actor("crm", "firstname"), _actor("news", "FNAME")
    crm.twin.journal.entries.append(_entry(1.0, "person", "firstname", "Before"))
    lags = Lags([crm, news])
    crm.twin.journal.entries += [
        _entry(10.0, "person", "firstname", "Ann"),
        _entry(11.0, "person", "note", "no field of these"),
        _entry(12.0, "person", "firstname", "typed over"),
    ]
    assert lags.follow() == []
    news.twin.journal.entries += [
        _entry(13.0, "api", "FNAME", "Ann"),
        _entry(14.0, "api", "FNAME", "Ann"),
        _entry(15.0, "api", "FNAME", "Before"),
    ]
    assert lags.follow() == [3.0]
    assert lags.found == [(10.0, 3.0)]


def test_a_share_of_nothing_is_nothing() -> None:
    assert (share([], 0.95), share([3.0, 1.0, 2.0], 0.5), share([1.0, 2.0], 1.0)) == (0.0, 2.0, 2.0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_look_at_a_process_tells_what_it_takes_even_when_its_door_is_shut(tmp_path: Path) -> None:
    store = tmp_path / "syncd.db"
    store.write_bytes(b"1234")
    look = sampled(os.getpid(), "http://127.0.0.1:9", store, at=1.0, phase="busy", weather="calm", lag=None)
    assert look.rss > _MIB
    assert look.descriptors > 2
    assert look.threads >= 1
    assert (look.store, look.wal, look.owed) == (4, 0, -1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--for", "soon"), "write a duration"),
        (("--for", "5s"), "too short"),
        (("--pace", "0"), "is no pace"),
        (("--pace", "fast"), "is no pace"),
    ],
)
def test_what_cannot_be_asked_for_is_told(words: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["soak", *words])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_soak_that_is_ended_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "syncd.testing", "soak", "--for", "5m", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as soak:
        assert soak.stdout is not None
        while "busy" not in soak.stdout.readline():
            assert soak.poll() is None
        started = _started(soak.pid)
        soak.terminate()
        assert soak.wait(timeout=60) == 130
    assert len(started) == 3, "two apps and a daemon"
    assert not any(Path(f"/proc/{process}").exists() for process in started)


def _started(by: int) -> Sequence[int]:
    children = Path(f"/proc/{by}/task").glob("*/children")
    return [int(process) for told in children for process in told.read_text().split()]


def _actor(name: str, field: str) -> Actor:
    return Actor(name, "people", "email", {"first_name": field}, FarTwin("http://127.0.0.1:9", {}))


def _entry(at: float, author: Author, field: str, value: str) -> JournalEntry:
    return JournalEntry(at, author, "people", "1", field, value)
