"""Many seeds in many processes: what came of them, and the stories of those that went wrong."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, TypeAlias

from syncd.testing.simulator.run import Outcome
from syncd.testing.simulator.story import written
from syncd.testing.simulator.tape import Tape, again, save, tell

__all__ = ["Broken", "Summary", "Tell", "keep", "run", "told"]

Tell: TypeAlias = Callable[[int], Outcome]
"""Runs one seed."""

_EACH: Final = 100
"""One seed in so many is told twice."""
_AHEAD: Final = 8
"""So many seeds wait for each process."""
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Broken:
    """A seed whose story broke a promise, or the engine."""

    seed: int
    violations: tuple[str, ...]
    story: str
    """The file with every line of it."""
    tape: str
    """The file from which it is told again."""
    steps: int | None = None
    """How many steps it still has, where it was made shorter."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of the seeds so far. `seconds` are of the wall."""

    schedules: int = 0
    retold: int = 0
    """How many of them were told twice, in processes that order their sets differently, and compared."""
    violations: int = 0
    seconds: float = 0.0
    steps: int = 0
    edits: int = 0
    """What people did, in all the apps."""
    writes: int = 0
    kills: int = 0
    gaps: int = 0
    """Edits overwritten between our read and our write, in apps that take no condition."""
    points: int = 0
    """Calls and commits at which fate could strike."""
    measured: int = 0
    """Of so many schedules it was written down what they came by."""
    seen: Mapping[str, int] = field(default_factory=dict)
    """What those came by."""
    first: tuple[Broken, ...] = ()

    @property
    def per_second(self) -> float:
        """Schedules a second, all processes together."""
        return self.schedules / self.seconds if self.seconds else 0.0

    def plus(self, outcome: Outcome) -> Summary:
        """With the figures of one more story."""
        seen = self.seen
        if outcome.seen:
            seen = dict(seen)
            for name, count in outcome.seen.items():
                seen[name] = seen.get(name, 0) + count
        return replace(
            self,
            steps=self.steps + outcome.steps,
            edits=self.edits + outcome.edits,
            writes=self.writes + outcome.writes,
            kills=self.kills + outcome.kills,
            gaps=self.gaps + outcome.gaps,
            points=self.points + outcome.points,
            measured=self.measured + bool(outcome.seen),
            seen=seen,
        )


def told(seed: int, like: Tape, folder: Path) -> Outcome:
    """Run one seed in the manner of a tape; tape and story of one that goes wrong are written to `folder`."""
    whole = False
    try:
        outcome = tell(seed, like)
        whole = not outcome.violations
    finally:
        if not whole:
            keep(again(replace(like, seed=seed)), folder)
    return outcome


def keep(tape: Tape, folder: Path) -> None:
    """Write the tape, and the story that it tells."""
    folder.mkdir(parents=True, exist_ok=True)
    save(tape, _tape(folder, tape.seed))
    _story(folder, tape.seed).write_text(written(tape), encoding="utf-8")


def run(seeds: Sequence[int], tell: Tell, *, jobs: int, folder: Path) -> Iterator[Summary]:
    """Run the seeds in `jobs` processes; how it stands, after each.

    `tell` goes to other processes: a function of a module, or a partial of one. Those write stories to `folder`.
    """
    began, summary = time.monotonic(), Summary()
    spawn = multiprocessing.get_context("spawn")  # each with an order of sets of its own
    pool = partial(ProcessPoolExecutor, mp_context=spawn, initializer=_dependent)
    with ExitStack() as stack:
        tellers, again = stack.enter_context(pool(jobs)), stack.enter_context(pool(1))
        stack.callback(tellers.shutdown, wait=False, cancel_futures=True)
        stack.callback(again.shutdown, wait=False, cancel_futures=True)
        left, pending = iter(enumerate(seeds)), dict[Future[Outcome], tuple[int, Future[Outcome] | None]]()
        while True:
            for place, seed in itertools.islice(left, jobs * _AHEAD - len(pending)):
                second = again.submit(tell, seed) if place % _EACH == 0 else None
                pending[tellers.submit(tell, seed)] = (seed, second)
            if not pending:
                return
            for done in wait(pending, return_when=FIRST_COMPLETED).done:
                seed, second = pending.pop(done)
                wrong = _wrong(done, second)
                summary = replace(
                    summary if done.exception() else summary.plus(done.result()),
                    schedules=summary.schedules + 1,
                    retold=summary.retold + (second is not None),
                    violations=summary.violations + len(wrong),
                    seconds=time.monotonic() - began,
                )
                if wrong:
                    story, tape = str(_story(folder, seed)), str(_tape(folder, seed))
                    broken = [*summary.first, Broken(seed, wrong, story, tape)]
                    summary = replace(summary, first=tuple(sorted(broken, key=lambda one: one.seed)[:_SHOWN]))
                yield summary


def _wrong(done: Future[Outcome], second: Future[Outcome] | None) -> tuple[str, ...]:
    failed = done.exception()
    if failed is not None:
        return ("".join(traceback.format_exception(failed)),)
    outcome = done.result()
    if second is None or (second.exception() is None and second.result() == outcome):
        return outcome.violations
    return (*outcome.violations, "told a second time, it was another story")


def _dependent() -> None:
    """Ctrl-C is for the process that counts; where that ends, however it does, this one ends too."""
    gc.set_threshold(50_000, 20, 100)  # stories leave little behind, and to look for it took a tenth of the time
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    counts = multiprocessing.parent_process()
    if counts is not None:
        threading.Thread(target=_end_with, args=(counts,), daemon=True).start()


def _end_with(other: BaseProcess) -> None:
    other.join()
    os._exit(1)


def _story(folder: Path, seed: int) -> Path:
    return folder / f"story-{seed}.txt"


def _tape(folder: Path, seed: int) -> Path:
    return folder / f"tape-{seed}.json"
