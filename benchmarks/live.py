"""The daemon while it runs: how soon a webhook leads to a write, how many it takes in, what budget it uses."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.stage import ROOT, Stage, staged
from benchmarks.table import Row, median, row, spread

__all__ = ["intake", "latency", "rate_limit"]

_PEOPLE: Final = 1000
_PATIENCE: Final = 180.0
_BUDGET: Final = (190, 10.0)
_BURST: Final = (50_000, 60.0)
"""People whom the burst with a kill in its middle tells of, one after the other, and the seconds that it lasts."""


def latency(folder: Path, rates: Sequence[float] = (1, 20, 100), seconds: float = 20) -> Iterator[Row]:
    """People type in one app at a steady pace, a webhook tells of each edit; until it stands in the other app."""
    for rate in rates:
        with _running(folder / f"latency{rate:g}", _PEOPLE) as (stage, door):
            stage.apps["crm"].act("busy", rate=rate, seconds=seconds, hooks=f"{door}/hooks/crm")
            time.sleep(seconds)
            typed, came, told = _awaited(stage, round(rate * seconds))
        # Edits of one record in quick succession are one write: what it carries is the last of them.
        waits = sorted(1000 * (came[mark] - typed[mark]) for mark in came)
        p50, p95, p99 = (waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.95, 0.99))
        more: dict[str, Any] = {
            "edits": len(typed),
            "arrived": len(came),
            "p99": round(p99),
            "max": round(waits[-1]),
            "told": told,
        }
        label = "" if rate == 20 else f"_{rate:g}"
        judged = rate == 20
        goal = "under 500 ms at 20 changes a second" if judged else ""
        yield row(f"webhook_latency_p50{label}", p50, "ms", goal, p50 < 500 if judged else None, **more)
        goal = "under 1500 ms at 20 changes a second" if judged else ""
        yield row(f"webhook_latency_p95{label}", p95, "ms", goal, p95 < 1500 if judged else None, **more)


def intake(folder: Path, repeat: int, seconds: float = 8) -> Iterator[Row]:
    """Eight callers as fast as they are answered; then a burst with a kill in the middle: what was accepted arrives."""
    rates: list[float] = []
    for number in range(repeat):
        with _running(folder / f"intake{number}", _PEOPLE) as (_, door):
            told = _called(f"{door}/hooks/crm", seconds, _PEOPLE)
            rates.append(len(told["accepted"]) / told["seconds"])
    value = median(rates)
    goal = "at least 1,000 durable calls a second, eight callers"
    yield row("webhook_intake_per_second", value, "calls/s", goal, value >= 1000, limit=1000.0, runs=spread(rates))
    calls, accepted, lost = _killed(folder / "killed")
    goal = "nothing accepted is lost"
    yield row("webhook_lost_by_kill", lost, "edits", goal, lost == 0, calls=calls, accepted=accepted)


def rate_limit(folder: Path, people: int = 3400) -> Iterator[Row]:
    """A first sync into an app that allows 190 calls in ten seconds, two records a call."""
    tables: Mapping[str, Mapping[str, str | int]] = {"news": {"connector": "ledger-limited", "batch": 2}}
    with staged(folder, {"crm": (0, people // 2), "news": (people, 0)}, tables=tables) as stage:
        calls, seconds = _BUDGET
        stage.apps["news"].act("limit", calls=calls, seconds=seconds)
        stage.syncd("apply", "--yes")
        seen = stage.apps["news"].act("seen")
    called: list[float] = seen["called"]
    # From a call to the one that is some whole budgets later: had all been used, that would take as many windows.
    windows = (len(called) - 1) // calls
    used = windows * seconds / (called[windows * calls] - called[0])
    refused = seen["refused"] / (len(called) + seen["refused"])
    yield row("rate_limit_used", 100 * used, "%", "at least 95 % of 190 calls in 10 s", used >= 0.95, windows=windows)
    yield row("rate_limit_refused", 100 * refused, "%", "under 1 % of the calls", refused < 0.01, calls=len(called))


@contextmanager
def _running(folder: Path, people: int) -> Iterator[tuple[Stage, str]]:
    """A daemon between two apps in step; its door. It polls so seldom that only webhooks lead anywhere."""
    with staged(folder, {"crm": (0, people), "news": (0, people)}, head=_daemon(_free())) as stage:
        stage.syncd("apply", "--yes")
        with _serving(stage) as (_, door):
            yield stage, door
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _serving(stage: Stage) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    process = stage.begun("-m", "syncd", "run", "--config", str(stage.config))
    door = "http://" + stage.config.read_text().partition('listen = "')[2].partition('"')[0]
    try:
        until = time.monotonic() + _PATIENCE
        while not _open(door):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the daemon does not serve:\n{(stage.folder / 'daemon.txt').read_text()[-2000:]}")
            time.sleep(0.1)
        yield process, door
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _killed(folder: Path) -> tuple[int, int, int]:
    """A burst about edits that only it tells of, with kill -9 in its middle.

    How many calls were accepted, about how many people, and of how many of these the edit is lost.
    """
    people, seconds = _BURST
    with staged(folder, {"crm": (0, people), "news": (0, people)}, head=_daemon(_free())) as stage:
        stage.syncd("apply", "--yes")
        stage.apps["crm"].act("edit", first=0, count=people, value="Told once")
        with _serving(stage) as (process, door):
            words = ("-m", "benchmarks.calling", f"{door}/hooks/crm", f"{seconds:g}", str(people))
            calling = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, cwd=ROOT)
            time.sleep(seconds / 2)
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            with _serving(stage):
                out, _ = calling.communicate(timeout=_PATIENCE)
                calls = json.loads(out)["accepted"]
                until = time.monotonic() + _PATIENCE
                while _waiting(stage) and time.monotonic() < until:
                    time.sleep(0.5)
        there = set(stage.apps["news"].act("titled", prefix="Told once")["titles"])
        accepted = set(calls)
        return len(calls), len(accepted), sum(1 for id in accepted if f"Told once {id}" not in there)


def _waiting(stage: Stage) -> bool:
    """Hints to be read, or deliveries to be made."""
    with closing(sqlite3.connect(stage.store, timeout=30)) as db:
        return any(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("hint", "delivery"))  # noqa: S608


def _called(hooks: str, seconds: float, ids: int) -> Mapping[str, Any]:
    words = ("-m", "benchmarks.calling", hooks, f"{seconds:g}", str(ids))
    told: Mapping[str, Any] = json.loads(
        subprocess.run([sys.executable, *words], capture_output=True, check=True, cwd=ROOT).stdout
    )
    return told


def _awaited(stage: Stage, edits: int) -> tuple[dict[str, float], dict[str, float], dict[str, int]]:
    """What was typed, and when it came, once nothing more is on its way."""
    typed, came, told = dict[str, float](), dict[str, float](), dict[str, int]()
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        time.sleep(1.0)
        here, there = stage.apps["crm"].act("seen"), stage.apps["news"].act("seen")
        typed |= here["typed"]
        came |= there["came"]
        told |= {how: told.get(how, 0) + count for how, count in here["told"].items()}
        if sum(told.values()) >= edits and not there["came"] and not _waiting(stage):
            break
    return typed, came, told


def _daemon(port: int) -> str:
    return (
        f'[daemon]\nlisten = "127.0.0.1:{port}"\npoll = "1d"\nsweep = "1d"\n\n'
        '[safety]\nmass_changes = 1000000\n\n[log]\nlevel = "warning"\n\n'
    )


def _open(door: str) -> bool:
    try:
        return httpx.get(f"{door}/healthz", timeout=5).status_code in (200, 503)
    except httpx.HTTPError:
        return False


def _free() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
