"""One soak from the first process to the last figure."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from syncd.core.fieldmap import Sync
from syncd.engine.cycle import once
from syncd.testing.soak.figures import Figures, growth
from syncd.testing.soak.lag import Lags, share
from syncd.testing.soak.people import People
from syncd.testing.soak.sample import Sample, sampled
from syncd.testing.soak.stage import Daemon, Stage, script, staged
from syncd.testing.twin import Faults
from syncd.testing.verdict import agreed, by_address, losses, marks, overwritten_at_once, summary

__all__ = ["Wanted", "soak"]

_LOOK: Final = 5.0
"""Seconds between two samples."""
_MEET: Final = 20.0
"""Seconds after which people know who has come and gone."""
_QUIET: Final = 1 / 6
"""The share of the time in which people rest at the end."""
_PATIENCE: Final = 300.0
"""Seconds within which the apps must agree once people have stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. `seconds`: in all, after the first sync. `pace`: times that of a busy office."""

    seconds: float
    pace: float
    seed: int
    folder: Path


@dataclass
class _Soak:
    wanted: Wanted
    stage: Stage
    sync: Sync
    daemon: Daemon
    tell: Callable[[Sample], None]
    samples: list[Sample] = field(default_factory=list)
    calm: list[tuple[float, float]] = field(default_factory=list)
    """From when until when nothing was wrong with the apps, in seconds since the epoch."""
    phase: str = "busy"
    weather: str = "calm"

    def __post_init__(self) -> None:
        self.people = People(self.stage.actors, random.Random(self.wanted.seed))
        self.lags = Lags(self.stage.actors)
        self.began = time.monotonic()
        self.started = time.time()
        self.start = marks(self.stage.actors)

    def busy(self, seconds: float) -> None:
        """People act, the weather changes, samples are taken; then all is calm."""
        until, rate = time.monotonic() + seconds, script()["acts"] * self.wanted.pace / 60
        skies = self._skies()
        next_act = next_look = next_meeting = changes = 0.0
        while (now := time.monotonic()) < until:
            if now >= changes:
                changes = now + next(skies)
            if now >= next_meeting:
                self.people.meet(by_address(self.stage.actors, self.sync))
                next_meeting = now + _MEET
            if now >= next_look:
                self.look()
                next_look = now + _LOOK
            if now >= next_act:
                self.people.act()
                next_act = max(next_act, now - 1) + self.people.chance.expovariate(rate)
            time.sleep(max(0.0, min(next_act, next_look, changes, until) - time.monotonic()))
        self._change({"name": "calm"})

    def settle(self) -> float | None:
        """Wait until nothing is owed and the apps agree; how long that took, None if it did not happen."""
        self.phase, since = "settling", time.monotonic()
        while time.monotonic() - since < _PATIENCE:
            self.look()
            latest = self.samples[-1]
            idle = not (latest.owed or latest.hints or latest.unknown)
            if idle and agreed(self.stage.actors, self.sync):
                return time.monotonic() - since
            time.sleep(_LOOK)
        return None

    def quiet(self, seconds: float) -> int:
        """Nobody does anything; how many writes syncd made all the same."""
        self.phase, until = "quiet", time.monotonic() + seconds
        self.look()
        before = self.samples[-1].writes
        while time.monotonic() < until:
            time.sleep(_LOOK)
            self.look()
        return self.samples[-1].writes - before

    def look(self) -> None:
        """Take a sample and keep it."""
        for actor in self.stage.actors:
            actor.twin.listen()
        lags = self.lags.follow()
        if self.daemon.process.poll() is not None:
            raise RuntimeError(f"the daemon ended with {self.daemon.process.returncode}: see daemon.log")
        sample = sampled(
            self.daemon.process.pid,
            self.daemon.url,
            self.stage.store,
            at=time.monotonic() - self.began,
            phase=self.phase,
            weather=self.weather,
            lag=round(max(lags), 3) if lags else None,
        )
        self.samples.append(sample)
        with (self.wanted.folder / "samples.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(sample)) + "\n")
        self.tell(sample)

    def _skies(self) -> Iterator[float]:
        """Change the weather; how long it lasts."""
        for sky in itertools.cycle(script()["weather"]):
            self._change(sky)
            yield float(sky["for"])

    def _change(self, sky: Mapping[str, Any]) -> None:
        now = time.time()
        if self.calm and self.weather == "calm":
            self.calm[-1] = (self.calm[-1][0], now)
        self.weather = sky["name"]
        if self.weather == "calm":
            self.calm.append((now, float("inf")))
        faults = Faults.profile(sky.get("profile", "none"))
        struck = Faults(outage=True) if sky.get("outage") else faults
        for actor in self.stage.actors:
            actor.twin.misbehave(struck if sky.get("app", actor.name) == actor.name else Faults())


def soak(wanted: Wanted, tell: Callable[[Sample], None]) -> Figures:
    """Run it; `tell` is called with each sample. RuntimeError if a process does not start, or the daemon dies."""
    with staged(wanted.folder, wanted.seed, wanted.pace) as stage:
        sync = stage.first_sync()
        for actor in stage.actors:
            actor.twin.listen()
        with stage.daemon() as daemon:
            one = _Soak(wanted, stage, sync, daemon, tell)
            rest = wanted.seconds * _QUIET
            one.busy(wanted.seconds - rest)
            settled = one.settle()
            writes_when_quiet = one.quiet(max(_LOOK, rest - (settled or 0.0)))
            code = daemon.stop()
        return _figures(one, settled, writes_when_quiet, code)


def _figures(one: _Soak, settled: float | None, writes_when_quiet: int, code: int) -> Figures:
    actors, samples, done = one.stage.actors, one.samples, one.people.done
    for actor in actors:
        actor.twin.listen()
    end = marks(actors)
    with one.stage.again() as assembly:
        echoes = sum(once(assembly.world, whole=True).tally.written for _ in range(2))
        told = summary(assembly.world, one.sync, actors, one.people.left, one.start, end, one.started, echoes)
        lost = losses(assembly.world, actors, one.start, one.started)
    gap = [value for app, value in lost for actor in actors if actor.name == app and overwritten_at_once(actor, value)]
    rss, open_ = growth(samples, lambda s: s.rss), growth(samples, lambda s: s.descriptors)
    every = [lag for _, lag in one.lags.found]
    calm = [lag for at, lag in one.lags.found if any(since <= at < until for since, until in one.calm)]
    return Figures(
        seconds=round(samples[-1].at, 1),
        pace=one.wanted.pace,
        seed=one.wanted.seed,
        **{name: done[name] for name in ("acts", "edits", "left", "arrived", "removed")},
        mirrored=told.mirrored,
        conflicts=told.conflicts,
        calls_per_change=told.calls_per_change,
        writes=samples[-1].writes,
        rss_warm=rss.warm,
        rss_end=rss.end,
        rss_most=rss.most,
        rss_growth_percent=rss.percent,
        descriptors_warm=open_.warm,
        descriptors_end=open_.end,
        descriptors_most=open_.most,
        threads_end=growth(samples, lambda s: s.threads).end,
        cpu_percent=round(samples[-1].cpu / max(1.0, samples[-1].at) * 100, 1),
        wal_most=_most(samples, lambda s: s.wal),
        store_end=samples[-1].store,
        owed_most=_most(samples, lambda s: s.owed),
        hints_most=_most(samples, lambda s: s.hints),
        unknown_most=_most(samples, lambda s: s.unknown),
        lag_p50=share(every, 0.5),
        lag_p95=share(every, 0.95),
        lag_max=share(every, 1.0),
        calm_lag_p50=share(calm, 0.5),
        calm_lag_p95=share(calm, 0.95),
        calm_lag_max=share(calm, 1.0),
        converged=settled is not None and told.converged,
        settled_after=round(settled or 0.0, 1),
        writes_when_quiet=writes_when_quiet,
        echoes=echoes,
        lost=len(lost) - len(gap),
        in_the_gap=len(gap),
        duplicates=told.duplicates,
        resubscribed=told.resubscribed,
        exit_code=code,
    )


def _most(samples: Sequence[Sample], of: Callable[[Sample], int]) -> int:
    return max(of(sample) for sample in samples)
