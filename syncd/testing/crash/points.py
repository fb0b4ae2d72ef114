"""A process is killed at every place where it can be: before each commit, and before, during and after each call."""

from __future__ import annotations

import queue
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.testing.crash.clock import SharedClock
from syncd.testing.crash.nest import Nest, Ran
from syncd.testing.crash.oracle import broken_promises, unsound
from syncd.testing.crash.scene import Scene, staged
from syncd.testing.crash.story import ACTS, Told, begun

__all__ = ["Place", "Struck", "Theatre", "strike_all", "theatre"]

_BEGIN: Final = 1_790_000_000.0
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process dies. `number` counts over the whole story, `at` within the act."""

    number: int
    act: int
    at: int
    what: str


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of one story with one death in it. `place` None: nobody died."""

    place: Place | None
    violations: tuple[str, ...]
    back: float = 0.0
    """Seconds of the wall from the death until a new process had done all that was not in doubt."""
    parked: tuple[tuple[str, int], ...] = ()


@dataclass
class Theatre:
    """Where the story is told again and again."""

    scene: Scene
    clock: SharedClock
    nest: Nest
    parked: tuple[tuple[str, int], ...] | None = None
    """What waits for a person in the end where nobody dies."""

    def places(self) -> list[Place]:
        """Tell the story without a death: every place where there might have been one. Raises AssertionError."""
        told, found = self._begin(), list[Place]()
        for number, act in enumerate(ACTS):
            ran = self._play(told, number)
            _calm(f"{act.title}: {fault}" for fault in ran.faults)
            found += [Place(len(found) + at, number, at, what) for at, what in enumerate(ran.trail, start=1)]
        calm = self._end(None, told, [], 0.0)
        _calm(calm.violations)
        self.parked = calm.parked
        return found

    def strike(self, place: Place) -> Struck:
        """Tell it with a death at this place."""
        told, wrong, back = self._begin(), list[str](), 0.0
        for number in range(len(ACTS)):
            if number != place.act:
                wrong += self._play(told, number).faults
                continue
            late = place.what.split()[1] if place.what.startswith("sent") else ""
            ran = self._play(told, number, place.at, late)
            died = time.monotonic()
            if ran.died != place.what:
                wrong.append(f"the process died at {ran.died!r}, not where it was to: {ran.faults}")
            fault = unsound(self.scene.store)
            wrong += [fault] if fault else []
            if late:
                told.again()  # what is still on its way is out of date, and must not be what remains
            wrong += self.nest.run(ACTS[number].way).faults
            back = time.monotonic() - died
            if late:
                self.scene.doors[late].land.set()
        return self._end(place, told, wrong, back)

    def _begin(self) -> Told:
        self.clock.set(_BEGIN)
        self.nest.begin()
        self.scene.renew(_SEED)
        return begun(self.scene, _SEED)

    def _play(self, told: Told, number: int, strike: int = 0, late: str = "") -> Ran:
        act = ACTS[number]
        told.play(act)
        self.clock.turn(act.wait)
        return self.nest.run(act.way, strike, late=late)

    def _end(self, place: Place | None, told: Told, wrong: Sequence[str], back: float) -> Struck:
        calm = self.nest.run("settle")
        wrong = [*wrong, *calm.faults]
        wrong += [f"not quiet: {calm.written} writes after all was done"] if calm.written else []
        wrong += [f"not settled: {calm.doubtful} in doubt, {calm.owed} owed"] if calm.doubtful or calm.owed else []
        wrong += [f"paused: {app}" for app in calm.paused]
        parked = tuple(sorted(calm.parked.items()))
        wrong += [f"parked: {parked}, not {self.parked}"] if self.parked not in (None, parked) else []
        return Struck(place, (*wrong, *broken_promises(self.scene, told)), back, parked)


def strike_all(first: Theatre, places: Sequence[Place], jobs: int) -> Iterator[Struck]:
    """Tell the story with a death at each of these places, in `first` and so many theatres in all, once it was calm."""
    free: queue.SimpleQueue[Theatre] = queue.SimpleQueue()
    free.put(first)

    def struck(place: Place) -> Struck:
        stage = free.get()
        try:
            return stage.strike(place)
        finally:
            free.put(stage)

    with ExitStack() as closing:
        for _ in range(jobs - 1):
            stage = closing.enter_context(theatre())
            stage.parked = first.parked
            free.put(stage)
        crew = closing.enter_context(ThreadPoolExecutor(jobs))
        yield from crew.map(struck, places)


@contextmanager
def theatre() -> Iterator[Theatre]:
    """Twins that listen, a clock that is turned, a nest of processes; all gone in the end."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="syncd-crash-")))
        path = folder / "clock"
        clock = SharedClock(path, _BEGIN)
        scene = closing.enter_context(staged(folder, clock))
        nest = closing.enter_context(Nest(scene, path))
        yield Theatre(scene, clock, nest)


def _calm(faults: Iterable[str]) -> None:
    found = "\n".join(faults)
    if found:
        raise AssertionError(f"the story goes wrong without a death:\n{found}")
