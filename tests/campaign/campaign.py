"""A campaign: people on every side edit, leave and delete, while the real daemon runs and is killed at random.

It drives syncd from outside, as an operator does: the command line, a configuration file, signals. What it asks at the
end is asked of the apps themselves and of the change log.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaign.sides import Person, Side

__all__ = ["Campaign"]


@dataclass
class Campaign:
    """One campaign. `sides`: app name to its people, in the order of the sync; the first one wins conflicts."""

    folder: Path
    config: str
    secrets: Mapping[str, str]
    sides: Mapping[str, Side]
    seed: int = 1
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.path = self.folder / "config.toml"
        self.path.write_text(self.config)
        self.daemon: subprocess.Popen[bytes] | None = None
        self.edits: dict[str, str] = {}
        """Every name that a person typed, to the app they typed it in."""

    # --- syncd, from outside -------------------------------------------------------------------------------------

    def syncd(self, *words: str, codes: Sequence[int] = (0,)) -> Any:
        """Run one command; its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "syncd", *words, "--config", str(self.path), "--json"],
            env={**os.environ, **self.secrets},
            capture_output=True,
            timeout=900,
            text=True,
        )
        assert done.returncode in codes, (
            f"syncd {' '.join(words)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
        return json.loads(done.stdout) if done.stdout.strip() else None

    def start(self) -> None:
        """Start the daemon."""
        words = [sys.executable, "-m", "syncd", "run", "--config", str(self.path)]
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(words, env={**os.environ, **self.secrets}, stdout=log, stderr=log)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.daemon is None:
            return 0
        self.daemon.send_signal(how)
        code = self.daemon.wait(timeout=90)
        self.daemon = None
        return code

    def say(self, line: str) -> None:
        """Tell the person who watches."""
        self.said.append(line)
        print(f"[{time.strftime('%H:%M:%S')}] {line}", flush=True)

    def run_once(self) -> int:
        """One run without a daemon; how many writes it made."""
        done = self.syncd("run", "--once")
        return int(done["created"] + done["updated"] + done["deleted"])

    def close(self) -> None:
        """End the daemon, if it runs, and hang up."""
        self.stop()
        for side in self.sides.values():
            side.close()

    # --- what happens --------------------------------------------------------------------------------------------

    def first_sync(self) -> Mapping[str, Any]:
        """Plan, look, apply: the plan's counts."""
        plan_file = self.folder / "plan.json"
        started = time.monotonic()
        plan = self.syncd("plan", "--out", str(plan_file), codes=(0, 2))
        self.say(f"plan: {json.dumps(plan['counts'], sort_keys=True)} in {time.monotonic() - started:.0f} s")
        before = {app: len(side.all()) for app, side in self.sides.items()}
        started = time.monotonic()
        self.syncd("apply", str(plan_file))
        after = {app: len(side.all()) for app, side in self.sides.items()}
        self.say(f"apply: {before} -> {after} in {time.monotonic() - started:.0f} s")
        counts: Mapping[str, Any] = plan["counts"]
        return counts

    def edit(self, per_side: int, contested: int) -> None:
        """People give `per_side` persons in each app another name; `contested` of them get one in every app at once."""
        shared = self._shared()
        assert len(shared) >= contested + per_side * len(self.sides), "too few people for so many edits"
        chosen = self.chance.sample(shared, contested + (per_side - contested) * len(self.sides))
        at_once, rest = chosen[:contested], chosen[contested:]
        people = {app: {p.email.lower(): p for p in side.all()} for app, side in self.sides.items()}
        todo: list[tuple[str, str, str]] = [(app, email, "first") for email in at_once for app in self.sides]
        for place, app in enumerate(self.sides):
            own = rest[place * (per_side - contested) : (place + 1) * (per_side - contested)]
            todo += [(app, email, self.chance.choice(["first", "last"])) for email in own]
        last_side = list(self.sides)[-1]
        for number, (app, email, part) in enumerate(todo):
            person, name = people[app][email], f"{app.capitalize()}{number}"
            first, last = (name, person.last) if part == "first" else (person.first, name)
            self.sides[app].rename(person, first, last)
            self.edits[name] = app
            if email not in at_once or app == last_side:  # a contested person is edited in every app at one moment
                self.opportunity()
        self.say(f"{len(todo)} edits on {len(self.sides)} sides, {contested} persons contested in every app")

    def opt_outs(self, app: str, count: int) -> list[str]:
        """So many persons unsubscribe in an app; their addresses."""
        side = self.sides[app]
        chosen = self.chance.sample([p for p in side.all() if p.out is False], count)
        for person in chosen:
            side.opt_out(person)
            self.opportunity()
        self.say(f"{count} unsubscribed in {app}")
        return [person.email.lower() for person in chosen]

    def deletes(self, app: str, count: int) -> list[str]:
        """A person deletes so many records of people known everywhere; their addresses."""
        side = self.sides[app]
        there = {p.email.lower(): p for p in side.all()}
        busy = {p.email.lower() for p in there.values() if p.out or p.first in self.edits or p.last in self.edits}
        chosen = self.chance.sample([email for email in self._shared() if email not in busy], count)
        for email in chosen:
            side.delete(there[email])
        self.say(f"{count} deleted in {app}")
        return chosen

    def opportunity(self) -> None:
        """Where the campaign may strike; see `killing`."""

    def killing(self, times: int, over: int, *, pause: float = 0.0) -> None:
        """From now on kill the daemon and start it again, so many times, at random within `over` opportunities.

        `pause`: seconds between two opportunities, where the apps are so quick that nothing would be under way.
        """
        strikes = set(self.chance.sample(range(over), times))
        count, killed = 0, 0

        def strike() -> None:
            nonlocal count, killed
            time.sleep(pause)
            if count in strikes:
                time.sleep(self.chance.random())
                code = self.stop(signal.SIGKILL)
                killed += 1
                self.say(f"kill -9 number {killed} (exit {code}), started again")
                self.start()
            count += 1

        self.opportunity = strike  # type: ignore[method-assign]

    def await_(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until something holds; fail after so many seconds."""
        started = time.monotonic()
        while True:
            asked = time.monotonic()
            if holds():
                break
            if self.daemon is not None and self.daemon.poll() is not None:
                raise AssertionError(f"the daemon ended:\n{(self.folder / 'daemon.log').read_text()[-4000:]}")
            if time.monotonic() - started > seconds:
                raise AssertionError(
                    f"not within {seconds:.0f} s: {what}\n{json.dumps(self.syncd('status'), indent=1)}"
                )
            # Whoever asks a slow app for everything must not be all that it has to do.
            time.sleep(max(2.0, time.monotonic() - asked))
        self.say(f"{what}: after {time.monotonic() - started:.0f} s")

    # --- what is asked at the end --------------------------------------------------------------------------------

    def differences(self) -> list[str]:
        """Where the apps do not agree: who is missing, whose name differs, whose opt-out does."""
        found: list[str] = []
        everybody = {app: _by_address(app, side.all()) for app, side in self.sides.items()}
        addresses = sorted(set().union(*everybody.values()))
        for address in addresses:
            known = {app: people[address] for app, people in everybody.items() if address in people}
            found += [f"{address} is missing in {app}" for app in everybody if app not in known]
            if len({person.name for person in known.values()}) > 1:
                found.append(f"{address} is called { ({app: p.name for app, p in known.items()}) }")
            if len({p.out for p in known.values() if p.out is not None}) > 1:
                found.append(f"{address} is opted out in some apps only")
        return found

    def lost(self) -> list[str]:
        """Names a person typed that stand nowhere and are not in the change log either."""
        names = {part for side in self.sides.values() for p in side.all() for part in (p.first, p.last)}
        logged = {
            str(what.get("new"))
            for entry in self.syncd("log", "--limit", "100000")
            for what in entry["fields"].values()
        }
        return [name for name in self.edits if name not in names and name not in logged]

    def _shared(self) -> list[str]:
        everybody = [{p.email.lower() for p in side.all()} for side in self.sides.values()]
        return sorted(set.intersection(*everybody))


def _by_address(app: str, people: Sequence[Person]) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for person in people:
        address = person.email.lower()
        assert address not in found, f"{app} has {address} twice: a duplicate"
        found[address] = person
    return found
