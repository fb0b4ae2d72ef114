"""What every real server for live tests shares: a home for its files, and a process that can be ended.

The state lives in `SYNCD_LIVE_DIR`, by default `.live` in the checkout, which git ignores. Each server has
a folder there with `log` and, while it runs, `pid`. Servers listen on loopback only.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

__all__ = ["Server", "ServerError", "await_http", "free_port", "home", "run", "stopped_afterwards", "tool"]

_CHECKOUT = Path(__file__).parents[3]


class ServerError(RuntimeError):
    """A server could not be installed, did not start, or died. The message ends with the tail of its log."""


def home(name: str) -> Path:
    """The folder of one server, made where it is missing."""
    folder = Path(os.environ.get("SYNCD_LIVE_DIR") or _CHECKOUT / ".live") / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def tool(name: str) -> str:
    """The path of a program that the machine must have; raises ServerError where it is missing."""
    found = shutil.which(name)
    if found is None:
        raise ServerError(f"{name} is needed and is not on the PATH")
    return found


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = 1800,
) -> None:
    """Run one step of an installation to its end, its output to `log`; raises ServerError if it fails."""
    with log.open("ab") as sink:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    if done.returncode:
        raise ServerError(f"{command[0]} ended with {done.returncode}:\n{_tail(log)}")


_CHILDREN: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""What this very run has started, by pid: to be reaped when it is stopped."""


@dataclass(frozen=True, slots=True)
class Server:
    """One long-running process, in its own process group, known across runs by the pid file in its home."""

    folder: Path

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def alive(self) -> bool:
        """Whether the process of the pid file still runs; another that was given its pid does not count."""
        return self._group() is not None

    def start(
        self, command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start it, unless it runs already."""
        if self.alive():
            return
        with self.log.open("ab") as sink:
            child = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _CHILDREN[child.pid] = child
        self._pid_file.write_text(f"{child.pid} {_born(child.pid)}")

    def stop(self, *, grace: float = 10) -> None:
        """End its process group, if it runs: politely, and after `grace` seconds firmly."""
        group = self._group()
        if group is not None:
            self._signal(group, signal.SIGTERM)
            deadline = time.monotonic() + grace
            while self.alive() and time.monotonic() < deadline:
                time.sleep(0.05)
            self._signal(group, signal.SIGKILL)
            child = _CHILDREN.pop(group, None)
            if child is not None:
                child.wait()
        self._pid_file.unlink(missing_ok=True)

    def died(self) -> ServerError:
        """The error that says what its log says."""
        return ServerError(f"the server in {self.folder.name} does not run:\n{_tail(self.log)}")

    def _group(self) -> int | None:
        try:
            pid, born = self._pid_file.read_text().split(" ", 1)
        except FileNotFoundError:
            return None
        return int(pid) if born and _born(int(pid)) == born else None

    @staticmethod
    def _signal(group: int, number: signal.Signals) -> None:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return


def await_http(
    url: str,
    server: Server,
    *,
    seconds: float = 120,
    ready: Callable[[httpx.Response], bool] = lambda response: response.is_success,
) -> None:
    """Wait until `url` answers as `ready` wants; raises ServerError if the server dies or time runs out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not server.alive():
            raise server.died()
        try:
            if ready(httpx.get(url, timeout=5)):
                return
        except httpx.TransportError:
            pass  # it does not listen yet, or is too busy starting to answer
        time.sleep(0.2)
    raise ServerError(f"{url} was not ready after {seconds:.0f} s:\n{_tail(server.log)}")


@contextmanager
def stopped_afterwards(server: Server) -> Iterator[Server]:
    """The server, stopped at the end whatever happens."""
    try:
        yield server
    finally:
        server.stop()


def _born(pid: int) -> str:
    """When a process started, in the kernel's ticks; "" for one that is gone or only waits to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state[0] == "Z" else state[19]


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
