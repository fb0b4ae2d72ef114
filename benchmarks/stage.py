"""What a benchmark stands on: apps in processes of their own, a configuration, and commands that are measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import httpx

from benchmarks.ledger import FIELDS

__all__ = ["ROOT", "App", "Cost", "Stage", "staged"]

ROOT: Final = Path(__file__).resolve().parent.parent
_ENTRY: Final = (
    "[syncd.connectors]\nledger = benchmarks.ledger_app:plugin\nledger-limited = benchmarks.ledger_app:limited\n"
)
_PLAIN: Final[Mapping[str, Mapping[str, str | int]]] = {}
_METADATA: Final = "Metadata-Version: 2.1\nName: syncd-benchmark-ledger\nVersion: 0\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds of the wall and of the processor, and the most memory it held, in bytes."""

    wall: float
    cpu: float
    rss: int


@dataclass
class App:
    """One Ledger, serving."""

    name: str
    process: subprocess.Popen[str]
    url: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=600))

    def act(self, action: str, **body: Any) -> Any:
        """What people do there, or what it knows."""
        if body:
            return self.client.post(f"{self.url}/bench/{action}", json=body).json()
        return self.client.get(f"{self.url}/bench/{action}").json()

    def calls(self) -> int:
        """How often it was called since it began."""
        return sum(self.act("stats")["calls"].values())

    def close(self) -> None:
        """End it."""
        self.client.close()
        self.process.kill()
        self.process.wait()


@dataclass
class Stage:
    """Two apps, and a syncd between them."""

    folder: Path
    apps: Mapping[str, App]

    @property
    def config(self) -> Path:
        """The configuration that names them."""
        return self.folder / "config.toml"

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.folder / "syncd.db"

    def syncd(self, *words: str) -> Cost:
        """A command of syncd, to its end."""
        return self.python("-m", "syncd", *words, "--config", str(self.config))

    def python(self, *words: str) -> Cost:
        """A process of Python, to its end."""
        return self.ended(sys.executable, *words)

    def ended(self, *words: str) -> Cost:
        """A process, to its end. Raises RuntimeError with what it said if that was none to be glad of."""
        began = time.perf_counter()
        with (self.folder / "said.txt").open("w+") as said:
            process = subprocess.Popen(words, env=self._environment(), stdout=said, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - began
            if process.returncode != 0:
                said.seek(0)
                raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}:\n{said.read()[-2000:]}")
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)

    def begun(self, *words: str) -> subprocess.Popen[bytes]:
        """A process of Python that goes on; what it says is in `daemon.txt`."""
        with (self.folder / "daemon.txt").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, *words], env=self._environment(), stdout=said, stderr=subprocess.STDOUT
            )

    def _environment(self) -> Mapping[str, str]:
        paths = [str(self.folder / "plugins"), str(ROOT), str(ROOT / "connectors")]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def staged(
    folder: Path,
    counts: Mapping[str, tuple[int, int]],
    *,
    head: str = "",
    tables: Mapping[str, Mapping[str, str | int]] = _PLAIN,
) -> Iterator[Stage]:
    """Apps by name, each with so many people from a number on.

    `head` is what the configuration begins with; `tables` are further keys for the apps' own tables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plugin = folder / "plugins" / "syncd_benchmark_ledger-0.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "entry_points.txt").write_text(_ENTRY)
    (plugin / "METADATA").write_text(_METADATA)
    apps: dict[str, App] = {}
    try:
        for name, (start, count) in counts.items():
            apps[name] = _serve(name, start, count)
        stage = Stage(folder, apps)
        stage.config.touch(mode=0o600)  # one that others may read is refused
        stage.config.write_text(head + _config(apps, tables))
        yield stage
    finally:
        for app in apps.values():
            app.close()


def _serve(name: str, start: int, count: int) -> App:
    words = [sys.executable, "-m", "benchmarks.ledger", "--start", str(start), "--count", str(count)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    out: IO[str] | None = process.stdout
    assert out is not None
    return App(name, process, f"http://127.0.0.1:{int(out.readline())}")


def _config(apps: Mapping[str, App], more: Mapping[str, Mapping[str, str | int]]) -> str:
    ledger = {"connector": "ledger", "package": "syncd-benchmark-ledger==0"}
    keys = {name: {**ledger, "base_url": app.url, **more.get(name, {})} for name, app in apps.items()}
    tables = [
        "\n".join([f"[apps.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in own.items()), ""])
        for name, own in keys.items()
    ]
    objects = ", ".join(f'{name} = "people"' for name in apps)
    first = next(iter(apps))
    sync = f"""[syncs.people]
entity = "person"
apps   = {{ {objects} }}
match  = ["email"]
first  = "prefer {first}"
"""
    return "\n".join([*tables, sync, *(_field(name, list(apps)) for name in FIELDS)])


def _field(name: str, apps: Sequence[str]) -> str:
    kind = {"email": "email", "left": "consent"}.get(name, "text")
    lines = [f"[syncs.people.fields.{name}]", f'type = "{kind}"', *(f'{app} = "{name}"' for app in apps)]
    return "\n".join(lines) + "\n"
