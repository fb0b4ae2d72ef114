"""The stage of the demo: twins that listen, a configuration that names them, and people who type."""

from __future__ import annotations

import random
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from syncd import plugins
from syncd.sdk.clock import WallClock
from syncd.testing.serve import serve
from syncd.testing.twin import Setup, Twin

__all__ = ["Actor", "Audience", "Stage", "staged"]


@dataclass(frozen=True, slots=True)
class Actor:
    """One app on stage. `types`: canonical field to the app's own, for what its people type."""

    name: str
    object: str
    types: Mapping[str, str]
    twin: Twin


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that is needed to run syncd on it."""

    config: Path
    secrets: Mapping[str, str]
    """Environment variable to the value that opens a twin."""
    actors: tuple[Actor, ...]


@contextmanager
def staged(folder: Path, seed: int) -> Iterator[Stage]:
    """Serve the twins and write the configuration into `folder`."""
    script = tomllib.loads((files("syncd.console") / "demo.toml").read_text())
    secrets: dict[str, str] = {}
    tables: list[str] = []
    actors: list[Actor] = []
    with ExitStack() as closing:
        for place, part in enumerate(script["apps"]):
            module, _, attribute = plugins.load(part["connector"]).twin.partition(":")
            setup = Setup(
                clock=WallClock(),
                seed=seed,
                records=script["people"],
                start=place * script["shift"],
                dirty=script["dirty"],
            )
            twin: Twin = getattr(import_module(module), attribute)(setup)
            ((secret, value),) = twin.credentials.items()
            variable = f"SYNCD_DEMO_{part['name']}".upper()
            secrets[variable] = value
            url = closing.enter_context(serve(twin)).url + part["path"]
            words = {key: part[key] for key in ("name", "connector", "more")}
            tables.append(script["config"]["app"].format(**words, url=url, secret=secret, variable=variable))
            actors.append(Actor(part["name"], part["object"], part["types"], twin))
        config = folder / "config.toml"
        config.write_text(script["config"]["text"].format(apps="\n".join(tables)))
        yield Stage(config, secrets, tuple(actors))


@dataclass
class Audience:
    """People who edit on every side, now and then the same thing at once, and some who leave."""

    stage: Stage
    shared: Mapping[str, Mapping[str, str]]
    """Address to app name to the record's id, of people who are known everywhere."""
    seed: int
    pace: float = 0.12
    """Seconds between two edits."""
    left: dict[str, float] = field(default_factory=dict)
    """Address to when its owner opted out."""

    def perform(self, seconds: float) -> None:
        """Type for so long, and then stop."""
        chance, clock = random.Random(self.seed), self.stage.actors[0].twin.clock
        addresses, over = sorted(self.shared), threading.Event()
        until, count = clock.now() + seconds, 0
        while clock.now() < until:
            count += 1
            address = chance.choice(addresses)
            if count % 25 == 0:
                self._leave(chance.choice(self.stage.actors), address)
            elif count % 12 == 0:
                for actor in self.stage.actors:
                    self._type(actor, address, "last_name", f"Duel{count}{actor.name}")
            else:
                actor = chance.choice(self.stage.actors)
                self._type(actor, address, chance.choice(list(actor.types)), f"Name{count}")
            over.wait(self.pace)

    def _type(self, actor: Actor, address: str, what: str, value: str) -> None:
        with actor.twin.lock:
            fields: dict[str, Any] = {actor.types[what]: value}
            actor.twin.person_edit(actor.object, self.shared[address][actor.name], fields)

    def _leave(self, actor: Actor, address: str) -> None:
        if address in self.left:
            return
        with actor.twin.lock:
            actor.twin.person_opt_out(actor.object, self.shared[address][actor.name])
        self.left[address] = actor.twin.clock.now()
