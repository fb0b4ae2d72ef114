"""The stage of a soak: twins and the daemon as processes, a configuration between them, and a first sync."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx

from syncd.app import Assembly, assemble
from syncd.core.fieldmap import Sync
from syncd.daemon import logs
from syncd.engine.cycle import once
from syncd.engine.plan import mark_applied
from syncd.settings import Config, load
from syncd.testing.soak.far import Actor, sandbox

__all__ = ["Daemon", "Stage", "script", "staged"]

_PATIENCE = 60.0
"""Seconds within which the daemon must open its door, and close it again."""


def script() -> Mapping[str, Any]:
    """What is on stage: soak.toml."""
    return tomllib.loads((files("syncd.testing.soak") / "soak.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Daemon:
    """The running daemon: its process, and the address of its door."""

    process: subprocess.Popen[bytes]
    url: str

    def stop(self) -> int:
        """Ask it to end, as systemd does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=_PATIENCE)


@dataclass(frozen=True, slots=True)
class Stage:
    """Twins that listen, and a configuration that names them."""

    folder: Path
    port: int
    actors: tuple[Actor, ...]
    tell_hooks: tuple[str, ...]
    """The apps into whose settings a person types where webhooks go to."""

    @property
    def store(self) -> Path:
        """The daemon's file."""
        return self.folder / "syncd.db"

    @property
    def config(self) -> Config:
        """The configuration, read anew; only errors are logged by who reads it here."""
        config = load(self.folder / "config.toml")
        logs.configure(config.log.model_copy(update={"level": "error"}))
        return config

    def first_sync(self) -> Sync:
        """Bring both apps together once, in this process; the mapping, fitted to them."""
        with assemble(self.config) as assembly:
            once(assembly.world, whole=True)
            mark_applied(assembly.world, by="soak")
            (sync,) = assembly.world.syncs.values()
            return sync

    def again(self) -> Assembly:
        """Everything but the daemon, after it has ended."""
        return assemble(self.config)

    @contextmanager
    def daemon(self) -> Iterator[Daemon]:
        """`syncd run` as a process, once its door is open; killed at the end if it still runs."""
        command = [sys.executable, "-m", "syncd", "run", "--config", str(self.folder / "config.toml")]
        with (
            (self.folder / "daemon.log").open("ab") as log,
            subprocess.Popen(command, stdout=log, stderr=log) as process,  # noqa: S603 - our own program
        ):
            try:
                running = Daemon(process, f"http://127.0.0.1:{self.port}")
                _await(running)
                for actor in self.actors:
                    if actor.name in self.tell_hooks:
                        actor.twin.act("hooks", url=f"{running.url}/hooks/{actor.name}")
                yield running
            finally:
                process.kill()


@contextmanager
def staged(folder: Path, seed: int, pace: float) -> Iterator[Stage]:
    """Start the twins and write the configuration into `folder`."""
    told, tables, actors, port = script(), [], [], _free_port()
    with ExitStack() as closing:
        for place, part in enumerate(told["apps"]):
            people = ("--records", str(told["people"]), "--start", str(place * told["shift"]), "--seed", str(seed))
            twin = closing.enter_context(sandbox(part["connector"], *people))
            secrets = [_secret(folder, part["name"], *one) for one in {**twin.credentials, **part["secrets"]}.items()]
            words = {key: part[key] for key in ("name", "connector", "more")}
            tables.append(
                told["config"]["app"].format(**words, url=twin.url + part["path"], secrets="\n".join(secrets))
            )
            actors.append(Actor(part["name"], part["object"], part["email"], part["types"], twin))
        # An office polls each minute and sweeps each hour; what waits ten minutes there waits a tenth of it here.
        times = {"poll": 60, "sweep": 3600, "second_look": 600, "late_write": 120}
        scaled = {name: int(seconds * 1000 / pace) for name, seconds in times.items()}
        text = told["config"]["text"].format(port=port, apps="\n".join(tables), **scaled)
        (folder / "config.toml").write_text(text, encoding="utf-8")
        yield Stage(folder, port, tuple(actors), tuple(part["name"] for part in told["apps"] if part["hooks"]))


def _secret(folder: Path, app: str, name: str, value: str) -> str:
    """Keep a secret in a file of its own; the line of the configuration that names it."""
    file = folder / f"{app}.{name}"
    file.touch(mode=0o600)
    file.write_text(value, encoding="utf-8")
    return f'{name} = {{ file = "{file.name}" }}'


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def _await(daemon: Daemon) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and daemon.process.poll() is None:
        try:
            if httpx.get(f"{daemon.url}/healthz", timeout=5).content:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the daemon did not open its door: see daemon.log, exit code {daemon.process.poll()}")
