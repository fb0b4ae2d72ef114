"""A daemon is killed at random times, again and again, while people edit on both sides."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from syncd.sdk.clock import WallClock
from syncd.testing.crash.clock import SharedClock
from syncd.testing.crash.nest import Nest
from syncd.testing.crash.oracle import broken_promises, unsound
from syncd.testing.crash.scene import Door, Scene, staged
from syncd.testing.crash.story import Told, begun

__all__ = ["Weather", "weathered"]

_PEOPLE: Final = 80
_SAFETY: Final = 'late_write = "1s"\nsecond_look = "2s"\nmax_deletes = 1000\nmass_changes = 100000'
"""People in a storm edit more records within the hour than a guard lets pass."""
_BACK: Final = 60.0
"""Seconds within which work must go on after a death."""
_CALM: Final = 400.0
"""Seconds within which all must be well after the last: more than the lag of any app's search."""
_GAP: Final = 1.0
"""Seconds, at most, between a read and the write that follows it."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What came of the deaths so far."""

    kills: int
    violations: tuple[str, ...]
    longest: float
    """Seconds from a death until an edit typed then had reached the other app."""
    overwritten: int = 0
    """Edits that were typed between a read and a write, and overwritten unseen."""


@dataclass
class Storm:
    """The people, the daemon, and whoever kills it."""

    scene: Scene
    told: Told
    chance: random.Random
    nest: Nest
    daemon: int = 0
    """The number of its process; 0 while there is none."""
    typed: int = 0
    fresh: list[str] = field(default_factory=list)
    """Those to whom nothing has happened yet."""
    contested: dict[str, str] = field(default_factory=dict)
    """Names that were typed at one moment on both sides, to the app they were typed in."""

    # --- syncd, from outside ------------------------------------------------------------------------------------

    def syncd(self, *words: str) -> Any:
        """Run a command; its JSON."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "syncd", *words, "--config", str(self.scene.config), "--json"],
            env={**os.environ, **self.scene.secrets},
            capture_output=True,
            check=False,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"syncd {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self) -> None:
        """Start the daemon."""
        self.daemon = self.nest.launch("daemon")

    def stop(self, how: signal.Signals) -> int:
        """End the daemon; its exit code, negative for a signal."""
        if not self.daemon:
            return 0
        with suppress(ProcessLookupError):  # then its exit code tells
            os.kill(self.daemon, how)
        self.daemon = 0
        return self.nest.ended()[0]

    # --- people -------------------------------------------------------------------------------------------------

    def edit_until(self, moment: float) -> None:
        """People go on typing until a moment of the monotonic clock."""
        while time.monotonic() < moment:
            self._something_happens()
            time.sleep(min(0.1 * self.chance.random(), max(0.0, moment - time.monotonic())))

    def mark(self, *everywhere: str) -> tuple[Door, str, str]:
        """Somebody types a name in one app: the other app, the address, and the name it is to show.

        `everywhere`: the apps in which the record must be already.
        """
        app, other = self.chance.sample(list(self.scene.doors), 2)
        address, name = self._known(app, *everywhere), self._name()
        # Each app's people type another field: then nothing is contested that is not meant to be.
        typed = ("first_name", "last_name")[list(self.scene.doors).index(app)]
        self.told.edit(app, address, **{typed: name})
        return self.scene.doors[other], address, name

    def _something_happens(self) -> None:
        dice = self.chance.random()
        if dice < 0.02 and self.fresh:
            address = self.fresh.pop()
            self.told.delete(self.chance.choice(list(self.scene.doors)), address)
        elif dice < 0.05 and self.fresh:
            address = self.fresh.pop()
            for app, door in self.scene.doors.items():
                self.contested[name := self._name()] = app
                door.edit(address, first_name=name)
            self.told.contested.add(address)
        elif dice < 0.08 and self.fresh:
            self.told.opt_out(self.chance.choice(list(self.scene.doors)), self.fresh.pop())
        elif dice < 0.12:
            name = self._name()
            app = self.chance.choice(list(self.scene.doors))
            self.told.create(app, f"{name.lower()}@example.com", name, "Newcomer")
        else:
            self.mark()

    def _known(self, *apps: str) -> str:
        """Somebody who is in these apps, and stays."""
        there = set.intersection(*(set(self.scene.doors[app].ids()) for app in apps))
        apart = self.told.contested.union(self.fresh)
        return self.chance.choice(sorted(address for address in self.told.cards.keys() & there - apart))

    def _name(self) -> str:
        self.typed += 1
        return f"Typed{self.typed}"

    # --- what became of it --------------------------------------------------------------------------------------

    def wrong(self) -> list[str]:
        """Every promise that does not hold, as things stand."""
        shown = next(iter(self.scene.doors.values())).cards()
        for address in self.told.contested:
            if address in shown and shown[address].first_name in self.contested:
                self.told.cards[address] = shown[address]  # either may win, and then must win everywhere
        unseen = self.overwritten()
        self.told.lost = [name for name in self.contested if name not in unseen]
        return list(broken_promises(self.scene, self.told))

    def overwritten(self) -> set[str]:
        """Contested names over which syncd wrote so soon that it cannot have seen them."""
        return {name for name, app in self.contested.items() if _overwritten(self.scene.doors[app], name)}


def weathered(kills: int, seed: int) -> Iterator[Weather]:
    """Kill a daemon so many times; what came of it so far, after each death and when all has calmed down."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="syncd-crash-")))
        scene = closing.enter_context(staged(folder, WallClock(), safety=_SAFETY))
        scene.renew(seed, _PEOPLE)
        told = begun(scene, seed)
        SharedClock(folder / "clock", 0.0)  # that of the nest, and not of the daemon
        storm = Storm(scene, told, random.Random(seed), closing.enter_context(Nest(scene, folder / "clock")))
        closing.callback(storm.stop, signal.SIGKILL)
        storm.syncd("apply", "--yes")
        shared = set.intersection(*(set(door.ids()) for door in scene.doors.values()))
        calm = [address for address in sorted(shared) if not told.cards[address].out]
        storm.fresh = storm.chance.sample(calm, len(calm) * 2 // 3)
        storm.start()
        weather = Weather(0, (), 0.0)
        for _ in range(kills):
            weather = _killed(storm, weather)
            yield weather
        yield _calm(storm, weather)


def _killed(storm: Storm, weather: Weather) -> Weather:
    """One death, in the start or at work, and a new start."""
    wrong, longest = list(weather.violations), weather.longest
    storm.edit_until(time.monotonic() + 3.0 * storm.chance.random())
    code = storm.stop(signal.SIGKILL)
    wrong += [f"the daemon ended by itself: {code}\n{_tail(storm.scene)}"] if code != -signal.SIGKILL else []
    died = time.monotonic()
    fault = unsound(storm.scene.store)
    wrong += [f"kill {weather.kills + 1}: {fault}"] if fault else []
    other, address, name = storm.mark(*storm.scene.doors)  # not one whose making is in doubt, and must be waited for
    storm.start()
    if storm.chance.random() < 0.5:  # the others die again before they may have done anything
        if not _eventually(lambda: name in _names(other, address), died + _BACK):
            wrong.append(f"kill {weather.kills + 1}: work did not go on within {_BACK:.0f} s:\n{_tail(storm.scene)}")
        longest = max(longest, time.monotonic() - died)
    return Weather(weather.kills + 1, tuple(wrong), longest, len(storm.overwritten()))


def _calm(storm: Storm, weather: Weather) -> Weather:
    """People have gone home: all is well, soon, and stays as it is."""
    wrong = list(weather.violations)
    _eventually(lambda: not storm.wrong(), time.monotonic() + _CALM)
    code = storm.stop(signal.SIGTERM)
    wrong += [f"the daemon did not stop as asked: {code}\n{_tail(storm.scene)}"] if code else []
    wrong += storm.wrong()
    done = storm.syncd("run", "--once")
    again = sum(done[kind] for kind in ("created", "updated", "deleted"))
    wrong += [f"not quiet: {again} writes after all was done"] if again else []
    left = {what: done[what] for what in ("doubtful", "owed") if done[what]}
    wrong += [f"not settled: {left}"] if left else []
    storm.syncd("verify")
    return Weather(weather.kills, tuple(wrong), weather.longest, len(storm.overwritten()))


def _names(door: Door, address: str) -> Sequence[str]:
    card = door.cards().get(address)
    return (card.first_name, card.last_name) if card else ()


def _overwritten(door: Door, name: str) -> bool:
    with door.twin.lock:
        entries = list(door.twin.journal.entries)
    for place, entry in enumerate(entries):
        if entry.author == "person" and entry.value == name:
            after = next((e for e in entries[place + 1 :] if (e.id, e.field) == (entry.id, entry.field)), None)
            return after is not None and after.author == "api" and after.at - entry.at <= _GAP
    return False


def _eventually(holds: Callable[[], bool], until: float) -> bool:
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _tail(scene: Scene) -> str:
    return (scene.folder / "child.log").read_text(encoding="utf-8")[-2000:]
