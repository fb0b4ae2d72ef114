"""Two twins that listen, a configuration that names them, and what people do in front of their screens."""

from __future__ import annotations

import threading
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import httpx

from syncd import plugins
from syncd.sdk.contract import Clock
from syncd.testing.serve import serve
from syncd.testing.twin import Hook, Setup, Twin

__all__ = ["HELD", "Card", "Door", "Part", "Scene", "staged"]

HELD: Final = "x-syncd-crash"
"""The header of a request that waits at the door until its sender is dead, and longer."""
_PATIENCE: Final = 600.0


@dataclass(frozen=True, slots=True)
class Card:
    """A person, as every app should show them."""

    first_name: str
    last_name: str
    out: bool
    """Opted out."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the scene's file says of one app."""

    name: str
    connector: str
    object: str
    path: str
    more: str
    fields: Mapping[str, str]
    """Canonical field to the app's own."""
    consent: str
    out: Sequence[str]
    """The words of `consent` that mean: opted out."""


@dataclass
class Door:
    """One app: what listens stays, the twin behind it is a new one for each story."""

    part: Part
    twin: Twin
    arrived: threading.Event = field(default_factory=threading.Event)
    """A request that is to be late has come."""
    land: threading.Event = field(default_factory=threading.Event)
    """It may now have its effect."""

    @property
    def name(self) -> str:
        """The twin's."""
        return self.twin.name

    @property
    def outbox(self) -> deque[Hook]:
        """The twin's."""
        return self.twin.outbox

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, one that is to be late only when it may land."""
        twin = self.twin
        if HELD in request.headers:
            self.arrived.set()
            self.land.wait(_PATIENCE)
        return twin.handle(request)

    # --- people -------------------------------------------------------------------------------------------------

    def ids(self) -> dict[str, list[str]]:
        """Address, folded, to the records that have it: more than one is a duplicate."""
        found: dict[str, list[str]] = {}
        with self.twin.lock:
            for id, row in self.twin.records(self.part.object).items():
                found.setdefault(str(row.get(self.part.fields["email"], "")).lower(), []).append(id)
        return found

    def cards(self) -> dict[str, Card]:
        """Address to what the app shows; of duplicates the last."""
        own, found = self.part.fields, {}
        with self.twin.lock:
            for row in self.twin.records(self.part.object).values():
                names = [str(row.get(own[name]) or "").strip() for name in ("first_name", "last_name")]
                out = str(row.get(self.part.consent, "")).lower() in self.part.out
                found[str(row.get(own["email"], "")).lower()] = Card(names[0], names[1], out)
        return found

    def edit(self, address: str, **fields: str) -> None:
        """A person types into a record."""
        with self.twin.lock:
            typed = {self.part.fields[name]: value for name, value in fields.items()}
            self.twin.person_edit(self.part.object, self._id(address), typed)

    def create(self, address: str, first_name: str, last_name: str) -> None:
        """A person makes a record."""
        fields = {"email": address, "first_name": first_name, "last_name": last_name}
        self.twin.person_create(self.part.object, {self.part.fields[name]: value for name, value in fields.items()})

    def delete(self, address: str) -> None:
        """A person deletes a record."""
        with self.twin.lock:
            self.twin.person_delete(self.part.object, self._id(address))

    def opt_out(self, address: str) -> None:
        """The person behind the record unsubscribes."""
        with self.twin.lock:
            self.twin.person_opt_out(self.part.object, self._id(address))

    def _id(self, address: str) -> str:
        return self.ids()[address][0]


@dataclass(frozen=True)
class Scene:
    """The apps, and where syncd's own files are."""

    folder: Path
    config: Path
    secrets: Mapping[str, str]
    """Environment variable to the value that opens a twin."""
    doors: Mapping[str, Door]
    clock: Clock

    @property
    def store(self) -> Path:
        """The file that syncd keeps."""
        return self.folder / "syncd.db"

    def renew(self, seed: int, records: int = 0) -> None:
        """New twins behind the doors, and no store: a story begins."""
        script = _script()
        for place, door in enumerate(self.doors.values()):
            door.twin = _twin(door.part, place, script, self.clock, seed, records)
            door.arrived.clear()
            door.land.clear()
        for file in self.folder.glob("syncd.db*"):
            file.unlink()


@contextmanager
def staged(folder: Path, clock: Clock, *, safety: str = "") -> Iterator[Scene]:
    """Serve the twins, and write the configuration into `folder`; `safety` are further lines of that section."""
    script = _script()
    doors: dict[str, Door] = {}
    secrets: dict[str, str] = {}
    tables: list[str] = []
    with ExitStack() as closing:
        for place, table in enumerate(script["apps"]):
            part = Part(**table)
            door = Door(part, _twin(part, place, script, clock, seed=1, records=0))
            ((secret, value),) = door.twin.credentials.items()
            variable = f"SYNCD_CRASH_{part.name}".upper()
            secrets[variable] = value
            url = closing.enter_context(serve(door)).url + part.path
            words = {"name": part.name, "connector": part.connector, "more": part.more}
            tables.append(script["config"]["app"].format(**words, url=url, secret=secret, variable=variable))
            doors[part.name] = door
            closing.callback(door.land.set)
        config = folder / "config.toml"
        config.write_text(script["config"]["text"].format(apps="\n".join(tables), safety=safety))
        yield Scene(folder, config, secrets, doors, clock)


def _script() -> Mapping[str, Any]:
    return tomllib.loads((files("syncd.testing.crash") / "scene.toml").read_text(encoding="utf-8"))


def _twin(part: Part, place: int, script: Mapping[str, Any], clock: Clock, seed: int, records: int) -> Twin:
    module, _, attribute = plugins.load(part.connector).twin.partition(":")
    start, count = place * script["shift"], records or script["records"]
    made: Twin = getattr(import_module(module), attribute)(
        Setup(clock=clock, seed=seed, records=count, start=start, limits=False)
    )
    return made
