"""syncd and vdirsyncer keep two real address books the same: how long, how many requests, how much of the processor.

    python -m benchmarks.carddav --cards 1000

Each tool has a Radicale of its own with the same cards, half of them in either book: a first sync, one with nothing
to do, one after so many changes in each book. vdirsyncer is run from the command line, as its timer does. syncd is a
daemon: a pass of one that runs is measured, and beside it what a whole start for a single pass takes. vdirsyncer and
Radicale are installed from PyPI, each into an environment of its own (`SYNCD_LIVE_DIR` says where).

They do not do quite the same: vdirsyncer copies whole cards; syncd carries over the fields of a mapping, leaves the
rest of a card alone, and keeps a log of what it did from which it can be undone.

What bounds the first sync is one PUT for each card: Radicale takes some 50 ms for each, one after the other however
many are asked at once, and the more the more cards there are. Either client spends more than a millisecond on one, most
of it in its HTTP library; syncd spends as much again on making the write durable before it is sent, and its outcome.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

import httpx
import structlog

from benchmarks.table import Row, kept, lines, row
from syncd.app import assemble
from syncd.engine.cycle import once
from syncd.settings import load
from syncd.testing.population import Person, person
from tests.live.servers.process import home
from tests.live.servers.radicale import Radicale, installed, running_radicale

__all__ = ["Syncd", "Vdirsyncer", "measured", "passes", "rows"]

_BOOKS: Final = ("left", "right")
_VDIRSYNCER: Final = "vdirsyncer==0.21.0"
_PHASES: Final = ("first sync", "nothing to do", "changes")
_COLD: Final = "from the command line"
_GOALS: Final[Mapping[tuple[str, str], float]] = {
    ("first sync", "seconds"): 1.05,
    ("first sync", "client CPU"): 0.5,
    ("nothing to do", "seconds"): 1 / 3,
    ("changes", "seconds"): 1.05,
    ("changes", "client CPU"): 0.5,
}
"""The most that syncd may take, in shares of what vdirsyncer takes."""
_FIELDS: Final = {"email": "email", "first_name": "n.given", "last_name": "n.family", "phone": "tel", "company": "org"}
_TYPES: Final = {"email": "email", "phone": "phone"}


def _quiet(_: str) -> None:
    """Nobody looks on."""


@dataclass(frozen=True, slots=True)
class Took:
    """What one run of one tool took."""

    seconds: float
    cpu: float
    requests: int


class Tool(Protocol):
    """Something that keeps two books the same."""

    name: str

    def run(self, phase: str) -> Took:
        """Once, until nothing is left to do. Raises RuntimeError if it fails."""
        ...

    def close(self) -> None:
        """End whatever runs."""
        ...


def rows(cards: Sequence[int] = (1000, 5000), changes: int = 100, say: Callable[[str], None] = _quiet) -> Iterator[Row]:
    """For each number of cards and each phase: syncd's figure, vdirsyncer's as the limit, their ratio, and the goal."""
    for count in cards:
        theirs = measured(Vdirsyncer, count, changes, say)
        ours = measured(Syncd, count, changes, say)
        label = "" if count == cards[0] else f"_{count // 1000}k"
        for phase in _PHASES:
            yield from _rows(f"vdirsyncer_{phase.replace(' ', '_')}{label}", phase, ours[phase], theirs[phase])
        yield from _rows(f"vdirsyncer_nothing_to_do_cold{label}", _COLD, ours[_COLD], theirs["nothing to do"])


def measured(
    make: Callable[[Path, Radicale, Path], Tool], cards: int, changes: int, say: Callable[[str], None]
) -> Mapping[str, Took]:
    """All phases of one tool, on a server of its own."""
    name = f"radicale-{make.__name__.lower()}"
    with TemporaryDirectory() as folder, _server(name, cards) as server:
        with closing(make(Path(folder), server, home(name) / "log")) as tool:
            took = {}
            for phase in (*_PHASES, *((_COLD,) if isinstance(tool, Syncd) else ())):
                if phase == "changes":
                    _edit(server, cards, changes)
                took[phase] = tool.run(phase)
                say(f"{tool.name:>10}, {phase}: {took[phase]}")
        _agree(server, cards)
        return took


def _rows(name: str, phase: str, ours: Took, theirs: Took) -> Iterator[Row]:
    requests = {"requests": ours.requests, "requests_of_vdirsyncer": theirs.requests}
    for measure, label, own, other in (
        ("seconds", name, ours.seconds, theirs.seconds),
        ("client CPU", f"{name}_cpu", ours.cpu, theirs.cpu),
    ):
        most = _GOALS.get((phase, measure))
        goal = "" if most is None else f"at most {most:.2f} x that of vdirsyncer"
        met = None if most is None else own <= most * other
        yield row(label, own, "s" if measure == "seconds" else "s CPU", goal, met, limit=other, **requests)


# --- the books -------------------------------------------------------------------------------------------------------


@contextmanager
def _server(name: str, cards: int) -> Iterator[Radicale]:
    """A server whose books hold half of the cards each, put there as files, which is quicker than asking for it."""
    (home(name) / "log").unlink(missing_ok=True)
    with running_radicale(books=_BOOKS, name=name) as server:
        for number in range(cards):
            book = _BOOKS[number % 2]
            folder = home(name) / "data" / "collection-root" / server.auth[0] / book
            (folder / f"{number}.vcf").write_bytes(_card(person(1, number), person(1, number).phone).encode())
        for book in _BOOKS:  # let it look at all of them once, as any server has that did not just start
            asked = {"Depth": "1"}
            httpx.request(
                "PROPFIND", server.book(book), auth=server.auth, headers=asked, timeout=600
            ).raise_for_status()
        yield server


def _card(who: Person, phone: str) -> str:
    lines = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:card-{who.number}",
        f"N:{who.last};{who.first};;;",
        f"FN:{who.first} {who.last}",
        f"EMAIL;TYPE=INTERNET:{who.email}",
        f"TEL;TYPE=CELL:{phone}",
        f"ORG:{who.company}",
        f"ADR;TYPE=WORK:;;;{who.city};{who.region};{who.postcode};{who.country}",
        f"NOTE:number {who.number}",
        "END:VCARD",
        "",
    )
    return "\r\n".join(lines)


def _edit(server: Radicale, cards: int, changes: int) -> None:
    """People give others another number: so many of those who were in a book from the beginning, in that book."""
    with httpx.Client(auth=server.auth, timeout=60) as people:
        for number in range(min(2 * changes, cards)):
            address = f"{server.book(_BOOKS[number % 2])}{number}.vcf"
            card = _card(person(1, number), f"+1202555{number % 100:04d}")
            people.put(address, content=card, headers={"Content-Type": "text/vcard"}).raise_for_status()


def _agree(server: Radicale, cards: int) -> None:
    """Raise RuntimeError unless both books hold everybody, with the same telephone numbers."""
    query = (
        '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><C:address-data/></prop>'
        "</C:addressbook-query>"
    )
    found = []
    for book in _BOOKS:
        told = httpx.request(
            "REPORT", server.book(book), content=query, headers={"Depth": "1"}, auth=server.auth, timeout=600
        )
        lines = [line.strip() for line in told.text.splitlines()]
        mails = [line.partition(":")[2] for line in lines if line.startswith("EMAIL")]
        phones = [line.partition(":")[2] for line in lines if line.startswith("TEL")]
        found.append(dict(zip(mails, phones, strict=True)))
    if found[0] != found[1] or len(found[0]) != cards:
        raise RuntimeError(f"the books do not agree: {[len(book) for book in found]} cards")


# --- the tools -------------------------------------------------------------------------------------------------------


class Vdirsyncer:
    """vdirsyncer, started for each run."""

    name = "vdirsyncer"

    def __init__(self, folder: Path, server: Radicale, log: Path) -> None:
        self._log = log
        storages = "".join(
            f'[storage {book}]\ntype = "carddav"\nurl = "{server.url}/{server.auth[0]}/"\n'
            f'username = "{server.auth[0]}"\npassword = "{server.auth[1]}"\n'
            for book in _BOOKS
        )
        pair = '[pair books]\na = "left"\nb = "right"\ncollections = [["both", "left", "right"]]\n'
        general = f'[general]\nstatus_path = "{folder / "status"}"\n'
        (folder / "config").write_text(f'{general}{pair}conflict_resolution = "a wins"\n{storages}')
        self._start: list[str | Path] = [installed("vdirsyncer", _VDIRSYNCER) / "vdirsyncer", "-c", folder / "config"]
        subprocess.run([*self._start, "discover"], capture_output=True, check=True)

    def run(self, phase: str) -> Took:
        """One `vdirsyncer sync`."""
        return _command([*self._start, "sync"], self._log)

    def close(self) -> None:
        """Nothing runs."""


class Syncd:
    """A syncd that runs, and is told when to make a pass."""

    name = "syncd"

    def __init__(self, folder: Path, server: Radicale, log: Path) -> None:
        self._log, self._path = log, folder / "config.toml"
        self._path.touch(mode=0o600)  # one that others may read is refused
        self._path.write_text(_config(server))
        self._env = {**os.environ, "BOOKS_PASSWORD": server.auth[1]}
        words: list[str | Path] = [
            sys.executable,
            "-m",
            __spec__.name if __spec__ else "benchmarks.carddav",
            "--passes",
            self._path,
        ]
        self._child = subprocess.Popen(
            words, env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._told()  # it is ready

    def run(self, phase: str) -> Took:
        """One pass; or a start for a single one, of a mapping that was applied."""
        if phase == _COLD:
            self.close()
            start: list[str | Path] = [sys.executable, "-m", "syncd"]
            _command([*start, "apply", "--yes", "--config", self._path], self._log, self._env)
            return _command([*start, "run", "--once", "--config", self._path], self._log, self._env)
        asked = _requests(self._log)
        print("go", file=self._child.stdin, flush=True)
        took = self._told()
        return Took(took["seconds"], took["cpu"], _requests(self._log) - asked)

    def close(self) -> None:
        """End it."""
        self._child.communicate()

    def _told(self) -> Any:
        for line in self._child.stdout or ():
            return json.loads(line)
        raise RuntimeError(f"syncd ended with {self._child.wait()}")


def passes(path: Path) -> None:
    """What `Syncd` runs: a pass for each line that comes in."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with assemble(load(path)) as assembly:
        print(json.dumps("ready"), flush=True)
        for _ in sys.stdin:
            began, cpu = time.monotonic(), time.process_time()
            report = once(assembly.world)
            if report.failing or report.owed or report.doubtful:
                raise RuntimeError(f"not everything was done: {report}")
            took = {"seconds": round(time.monotonic() - began, 3), "cpu": round(time.process_time() - cpu, 3)}
            print(json.dumps(took), flush=True)


def _config(server: Radicale) -> str:
    apps = "".join(
        f'[apps.{book}]\nconnector = "carddav"\nbase_url = "{server.book(book)}"\nusername = "{server.auth[0]}"\n'
        'password = { env = "BOOKS_PASSWORD" }\n'
        for book in _BOOKS
    )
    fields = "".join(
        f'[syncs.people.fields.{name}]\ntype = "{_TYPES.get(name, "text")}"\nleft = "{prop}"\nright = "{prop}"\n'
        for name, prop in _FIELDS.items()
    )
    sync = '[syncs.people]\nentity = "person"\napps = { left = "contacts", right = "contacts" }\nmatch = ["email"]\n'
    # A fifth of an address book changed within a minute would make syncd ask whether that is meant.
    safety = "[safety]\nmass_change_share = 1.0\nmass_changes = 100000\n"
    return f'[log]\nlevel = "warning"\n{safety}{apps}{sync}first = "prefer left"\n{fields}'


def _command(command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> Took:
    """Run one command to its end. Raises RuntimeError if it fails."""
    asked, cpu, began = _requests(log), _cpu(), time.monotonic()
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=3600, check=False)
    took = Took(round(time.monotonic() - began, 3), round(_cpu() - cpu, 3), _requests(log) - asked)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return took


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _requests(log: Path) -> int:
    return log.read_text(errors="replace").count(" request for ")


def main(words: Sequence[str] | None = None) -> int:
    """Measure and tell; 1 if a goal is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.carddav", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cards", type=int, default=1000, help="in both books together")
    parser.add_argument("--changes", type=int, default=100, help="in each book")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--passes", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.passes:
        passes(asked.passes)
        return 0
    found = list(rows([asked.cards], asked.changes, say=print))
    print("\n".join(lines(found)))
    if asked.json:
        kept(found, asked.json)
    return int(any(one.met is False for one in found))


if __name__ == "__main__":
    sys.exit(main())
