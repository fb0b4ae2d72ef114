"""Where processes come from: one that has everything imported, and forks whenever somebody is to run and die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from syncd.testing.crash.scene import Scene

__all__ = ["Nest", "Ran"]


_PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one process."""

    died: str
    """The place where it was killed; "" if it was not."""
    trail: tuple[str, ...] = ()
    """The places it passed where it might have died."""
    written: int = 0
    doubtful: int = 0
    owed: int = 0
    paused: tuple[str, ...] = ()
    parked: dict[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    """What is wrong whatever was to be done: it failed, or its store does not hold."""


class Nest:
    """Runs processes one after the other. To be closed."""

    def __init__(self, scene: Scene, clock: Path) -> None:
        self._scene = scene
        self._runs = 0
        with (scene.folder / "child.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of our own
                [sys.executable, "-m", "syncd.testing.crash.child", str(scene.config), str(clock)],
                env={**os.environ, **scene.secrets},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def begin(self) -> None:
        """A story begins: the processes of each draw the same random numbers, and no two of one story do."""
        self._runs = 0

    def run(self, way: str, strike: int = 0, *, late: str = "") -> Ran:
        """Run a process, to die at the place `strike` (0: not at all).

        `late`: the app whose door will hold the request that is sent at that place; then the process is killed.
        """
        pid = self.launch(way, strike)
        if late:
            self._scene.doors[late].arrived.wait(_PATIENCE)
            os.kill(pid, signal.SIGKILL)
        code, told = self.ended()
        said = told[-1] if told else {"failed": f"it ended with {code}, and said nothing"}
        if code == -signal.SIGKILL and "died" in said:
            return Ran(said["died"])
        if "failed" in said:
            return Ran("", faults=(said["failed"],))
        verdict = said.pop("verdict")
        trail, paused = tuple(said.pop("trail")), tuple(said.pop("paused"))
        return Ran("", trail=trail, paused=paused, faults=(verdict,) if verdict else (), **said)

    def launch(self, way: str, strike: int = 0) -> int:
        """Start a process, the only one until it has `ended`; its number."""
        self._runs += 1
        if self._process.stdin is None:
            raise RuntimeError("started with a pipe")
        order = {"way": way, "strike": strike, "chance": f"run {self._runs}"}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._hear()["pid"])

    def ended(self) -> tuple[int, list[Any]]:
        """Wait for the end of the process: its exit code, negative for a signal, and what it said."""
        answer = self._hear()
        return int(answer["code"]), [json.loads(line) for line in answer["said"].splitlines()]

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _hear(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            log = (self._scene.folder / "child.log").read_text(encoding="utf-8")
            raise RuntimeError(f"the process that others come from has ended:\n{log[-3000:]}")
        return json.loads(line)
