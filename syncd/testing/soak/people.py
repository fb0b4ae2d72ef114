"""The people of a soak: they edit, now and then the same thing at once, leave, arrive, and are removed."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.testing.soak.far import Actor

__all__ = ["People"]

_LEAVE, _ARRIVE, _REMOVE, _DUEL = 40, 20, 40, 12
"""One act in so many."""


@dataclass
class People:
    """Who is known to every app, and what is done to them. `act` is one act."""

    actors: Sequence[Actor]
    chance: random.Random
    known: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Address to app name to the record's id."""
    done: Counter[str] = field(default_factory=Counter)
    """What was done, and how often."""
    left: dict[str, float] = field(default_factory=dict)
    """Address to when its owner opted out."""

    def act(self) -> None:
        """Somebody does something somewhere."""
        self.done["acts"] += 1
        number, actor = self.done["acts"], self.chance.choice(self.actors)
        address = self.chance.choice(sorted(self.known))
        if number % _LEAVE == 7:
            self._leave(actor, address)
        elif number % _ARRIVE == 3:
            self._arrive(actor, number)
        elif number % _REMOVE == 19:
            self._remove(actor, address)
        elif number % _DUEL == 0:
            self.done["duels"] += 1
            for each in self.actors:
                self._type(each, address, "last_name", f"Duel{number}{each.name}")
        else:
            self._type(actor, address, self.chance.choice(sorted(actor.types)), f"Name{number}")

    def meet(self, addresses: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """From now on choose from those who are in every app."""
        self.known = {
            address: {app: ids[0] for app, ids in apps.items()}
            for address, apps in addresses.items()
            if len(apps) == len(self.actors)
        }

    def _type(self, actor: Actor, address: str, what: str, value: str) -> None:
        id = self.known[address][actor.name]
        if actor.twin.act("edit", object=actor.object, id=id, fields={actor.types[what]: value}):
            self.done["edits"] += 1

    def _leave(self, actor: Actor, address: str) -> None:
        if address in self.left:
            return
        if actor.twin.act("opt-out", object=actor.object, id=self.known[address][actor.name]):
            self.left[address] = time.time()
            self.done["left"] += 1

    def _arrive(self, actor: Actor, number: int) -> None:
        address = f"newcomer.{number}@example.com"
        names = {actor.types["first_name"]: f"New{number}", actor.types["last_name"]: f"Comer{number}"}
        if actor.twin.act("create", object=actor.object, fields={actor.email: address, **names}):
            self.done["arrived"] += 1

    def _remove(self, actor: Actor, address: str) -> None:
        if actor.twin.act("delete", object=actor.object, id=self.known[address][actor.name]):
            self.known = {other: ids for other, ids in self.known.items() if other != address}
            self.done["removed"] += 1
