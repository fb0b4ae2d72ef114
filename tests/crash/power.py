"""Cutting the power: record a process, rebuild the disk as of every moment, and see what the store remembers.

`python -m tests.crash.power` cuts it at every moment there is. It needs Linux and gcc.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import StoreError
from syncd.store.store import Store
from tests.crash.disk import MARK, Deed, Disk, deeds

ROOT = Path(__file__).parents[2]
STORE = "syncd.db"
FILES = (STORE, f"{STORE}-wal", f"{STORE}-journal")
"""What makes a store on a disk; the -shm beside it is rebuilt."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a process did to its store, in order."""

    folder: Path
    deeds: Sequence[Deed]

    @property
    def commits(self) -> int:
        """How many transactions were acknowledged."""
        return sum(deed.what == MARK for deed in self.deeds)

    def disk(self) -> Disk:
        """The disk in the end."""
        disk = Disk()
        for deed in self.deeds:
            disk.do(deed)
        return disk


def record(folder: Path, synchronous: str = "") -> Recording:
    """Run the writer under `record.c`."""
    shim, log, home = folder / "record.so", folder / "log", folder / "home"
    home.mkdir()
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, Path(__file__).parent / "record.c"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.writer", str(home), str(log), synchronous],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(shim), "RECORD_ROOT": str(home), "RECORD_LOG": str(log)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Recording(home, [deed for deed in deeds(log.read_bytes()) if _concerns(deed, home)])


def _concerns(deed: Deed, home: Path) -> bool:
    return deed.path == str(home) or Path(deed.path).name in FILES


@dataclass(frozen=True, slots=True)
class Cut:
    """What was left after the power was cut, in one way, after so many deeds."""

    after: int
    way: str
    broken: str
    """What is wrong with the store; "" if it opens and holds."""
    lost: bool
    """Something that was acknowledged is not there."""


def cuts(recording: Recording, scratch: Path, *, every: int = 1) -> Iterator[Cut]:
    """Cut the power after each `every`th deed: once with all gone that was not synced, once with some of it."""
    moments = range(every, len(recording.deeds) + 1, every)
    truth = _truth(recording, scratch, moments)
    for after, (disk, marks) in _moments(recording, moments):
        ways = {"dropped": disk.dropped(), "torn": disk.torn(random.Random(after))}
        for way, image in ways.items():
            broken, state = remembered(image, scratch)
            # The next commit may have landed already, and not been acknowledged.
            yield Cut(after, way, broken, lost=state not in {truth[marks], truth.get(marks + 1)})


def _truth(recording: Recording, scratch: Path, moments: Sequence[int]) -> Mapping[int, str]:
    """What the store holds after so many commits, for all that will be asked for."""
    asked = {marks + more for _, (_, marks) in _moments(recording, moments) for more in (0, 1)}
    marked = [after for after, deed in enumerate(recording.deeds, start=1) if deed.what == MARK]
    truth = {0: remembered({}, scratch)[1]}
    for _, (disk, marks) in _moments(recording, [after for n, after in enumerate(marked, start=1) if n in asked]):
        broken, truth[marks] = remembered(disk.seen(), scratch)
        assert not broken
    return truth


def _moments(recording: Recording, moments: Sequence[int]) -> Iterator[tuple[int, tuple[Disk, int]]]:
    """The disk, and how many commits were acknowledged, at each of these moments."""
    disk, marks, wanted = Disk(), 0, frozenset(moments)
    for after, deed in enumerate(recording.deeds, start=1):
        disk.do(deed)
        marks += deed.what == MARK
        if after in wanted:
            yield after, (disk, marks)


def remembered(image: Mapping[str, bytes], scratch: Path) -> tuple[str, str]:
    """What is wrong with a store that starts from these files, and what it holds."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for name, content in image.items():
        (scratch / Path(name).name).write_bytes(content)
    path = scratch / STORE
    try:
        with closing(sqlite3.connect(path)) as db:
            (said,) = db.execute("PRAGMA integrity_check").fetchone()
            state = hashlib.sha256("\n".join(db.iterdump()).encode()).hexdigest()
        if said != "ok":
            return str(said), state
        store = Store.open(f"sqlite:///{path}", lambda: 0.0)
        try:
            return store.verify(), state
        finally:
            store.close()
    except (sqlite3.Error, StoreError) as error:
        return f"it does not open: {error}", ""


def main() -> int:
    """Cut the power at every moment there is; the exit code."""
    code = 0
    for synchronous, may_lose in (("", False), ("NORMAL", True), ("OFF", True)):
        with tempfile.TemporaryDirectory(prefix="syncd-power-") as folder:
            recording = record(Path(folder), synchronous)
            every = 17 if may_lose else 1
            found = list(cuts(recording, Path(folder) / "scratch", every=every))
        lost, broken = sum(cut.lost for cut in found), sum(bool(cut.broken) for cut in found)
        name = synchronous or "as syncd sets it"
        print(f"synchronous {name}: {len(found)} cuts, {lost} lost what was acknowledged, {broken} broke the store")
        code |= (lost + broken == 0) == may_lose
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
