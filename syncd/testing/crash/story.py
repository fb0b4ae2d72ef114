"""What happens to the people of a scene, in a few acts; and what must be true of them when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from syncd.testing.crash.scene import Card, Scene
from syncd.testing.population import person

__all__ = ["ACTS", "Act", "Told", "begun"]


@dataclass
class Told:
    """What people have done so far. `cards`: address to what every app must show in the end."""

    seed: int
    scene: Scene
    cards: dict[str, Card] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    """Addresses whose record a person has deleted somewhere."""
    lost: list[str] = field(default_factory=list)
    """Names that lose against others: they must be in the change log."""
    contested: set[str] = field(default_factory=set)
    """Addresses of people whose name was typed on both sides at one moment."""

    typed: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """What was typed in this act: app, address, names."""

    def play(self, act: Act) -> None:
        """People do what the act says."""
        self.typed = []
        act.people(self)

    def again(self) -> None:
        """Whoever typed something in this act types something newer."""
        for app, address, names in tuple(self.typed):
            self.edit(app, address, **{name: f"{value} II" for name, value in names.items()})

    def edit(self, app: str, address: str, **names: str) -> None:
        """A person types, and nobody else types the same field. Nobody edits whom they do not see."""
        if address not in self.scene.doors[app].ids():
            return
        self.scene.doors[app].edit(address, **names)
        self.typed.append((app, address, names))
        before = self.cards[address]
        first, last = names.get("first_name", before.first_name), names.get("last_name", before.last_name)
        self.cards[address] = Card(first, last, before.out)

    def create(self, app: str, address: str, first_name: str, last_name: str) -> None:
        """A person makes a record."""
        self.scene.doors[app].create(address, first_name, last_name)
        self.cards[address] = Card(first_name, last_name, out=False)

    def delete(self, app: str, address: str) -> None:
        """A person deletes a record, and it is to go everywhere."""
        self.scene.doors[app].delete(address)
        self.deleted.add(address)
        del self.cards[address]

    def opt_out(self, app: str, address: str) -> None:
        """A person unsubscribes."""
        self.scene.doors[app].opt_out(address)
        self.cards[address] = replace(self.cards[address], out=True)


@dataclass(frozen=True, slots=True)
class Act:
    """People do something, time passes, a process of syncd runs."""

    title: str
    people: Callable[[Told], None]
    way: str
    """How it runs: "apply", "once", "sweep"."""
    wait: float = 60.0
    """Seconds that pass before it runs."""


def begun(scene: Scene, seed: int) -> Told:
    """The story as it begins: everybody in the apps, as the first sync is to make them."""
    told = Told(seed, scene)
    for door in reversed(list(scene.doors.values())):  # the first app's values win
        for address, card in door.cards().items():
            out = card.out or (address in told.cards and told.cards[address].out)
            told.cards[address] = replace(card, out=out)
    return told


def _address(told: Told, number: int) -> str:
    return person(told.seed, number).email


def _nobody(_: Told) -> None:
    """Nobody does anything."""


def _edits(told: Told) -> None:
    """On both sides, on the same person, and on the same field; and new people, one of them on both sides."""
    told.edit("crm", _address(told, 1), first_name="Crm One")
    told.edit("news", _address(told, 2), last_name="News Two")
    told.edit("crm", _address(told, 3), last_name="Crm Three")
    told.edit("news", _address(told, 3), first_name="News Three")
    told.scene.doors["news"].edit(_address(told, 4), first_name="News Four")
    told.lost.append("News Four")
    told.edit("crm", _address(told, 4), first_name="Crm Four")
    told.create("crm", "new.crm@example.com", "New", "Crm")
    told.create("news", "new.news@example.com", "New", "News")
    told.scene.doors["news"].create("new.both@example.com", "Newer", "Both")
    told.lost.append("Newer")
    told.create("crm", "new.both@example.com", "New", "Both")


def _leaving(told: Told) -> None:
    """Somebody unsubscribes while being edited, two are deleted, and one gets another address."""
    told.opt_out("news", _address(told, 5))
    told.edit("crm", _address(told, 5), first_name="Crm Five")
    told.delete("crm", _address(told, 6))
    told.delete("news", _address(told, 1))
    told.edit("news", _address(told, 7), last_name="News Seven")
    told.scene.doors["crm"].edit(_address(told, 2), email="moved@example.com")
    told.cards["moved@example.com"] = told.cards.pop(_address(told, 2))


def _after(told: Told) -> None:
    """Those who had something happen to them are edited again, from the other side."""
    told.edit("news", "new.crm@example.com", last_name="News New")
    told.edit("crm", "new.news@example.com", first_name="Crm New")
    told.edit("news", _address(told, 4), last_name="News Four Again")
    told.opt_out("crm", _address(told, 3))


ACTS: Final = (
    Act("first sync", _nobody, "apply"),
    Act("edits on both sides", _edits, "once"),
    Act("some leave", _leaving, "sweep"),
    Act("a second look", _after, "once", wait=660.0),
)
"""The story."""
