"""Many seeds in many processes: what came of them, and the stories of those that went wrong."""

from __future__ import annotations

import itertools
import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from syncd.testing.simulator.run import Outcome, Simulation, StoreKind

__all__ = ["Broken", "Summary", "Tell", "run", "told"]

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


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of the seeds so far. `seconds` are of the wall."""

    schedules: int = 0
    retold: int = 0
    """How many of them were told twice, in processes that order their sets differently, and compared."""
    violations: int = 0
    seconds: float = 0.0
    first: tuple[Broken, ...] = ()

    @property
    def per_second(self) -> float:
        """Schedules a second, all processes together."""
        return self.schedules / self.seconds if self.seconds else 0.0


def told(seed: int, store: StoreKind, folder: Path) -> Outcome:
    """Run one seed; the story of one that goes wrong is written to `folder`."""
    story = Simulation(seed, store)
    lines: Sequence[str] = ()
    whole = False
    try:
        outcome = story.run()
        lines, whole = outcome.violations, not outcome.violations
    finally:
        if not whole:
            folder.mkdir(parents=True, exist_ok=True)
            _file(folder, seed).write_text("\n".join([*story.tape, *lines, ""]), encoding="utf-8")
    return outcome


def run(seeds: Sequence[int], tell: Tell, *, jobs: int, folder: Path) -> Iterator[Summary]:
    """Run the seeds in `jobs` processes; how it stands, after each.

    `tell` goes to other processes: a function of a module, or a partial of one. Those write stories to `folder`.
    """
    began, summary = time.monotonic(), Summary()
    spawn = multiprocessing.get_context("spawn")  # each with an order of sets of its own
    pool = partial(ProcessPoolExecutor, mp_context=spawn, initializer=_deaf)
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
                    summary,
                    schedules=summary.schedules + 1,
                    retold=summary.retold + (second is not None),
                    violations=summary.violations + len(wrong),
                    seconds=time.monotonic() - began,
                )
                if wrong:
                    broken = [*summary.first, Broken(seed, wrong, str(_file(folder, seed)))]
                    summary = replace(summary, first=tuple(sorted(broken, key=lambda one: one.seed)[:_SHOWN]))
                yield summary


def _wrong(done: Future[Outcome], second: Future[Outcome] | None) -> tuple[str, ...]:
    failed = done.exception()
    if failed is not None:
        return ("".join(traceback.format_exception(failed)),)
    outcome = done.result()
    if second is None or (second.exception() is None and second.result().trace == outcome.trace):
        return outcome.violations
    return (*outcome.violations, "told a second time, it was another story")


def _deaf() -> None:
    """Ctrl-C is for the process that counts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _file(folder: Path, seed: int) -> Path:
    return folder / f"story-{seed}.txt"
