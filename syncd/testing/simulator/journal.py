"""What the apps know of themselves: who put each value where, and when. Nothing here asks the engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from syncd.core.record import Value
from syncd.testing.fake import Wrote
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.lens import canonical

__all__ = ["API", "NEVER", "Span", "Typed", "blanked", "id_of", "incarnations", "persons", "standing", "typed"]

API: Final = "api"
"""The author of what syncd wrote."""


@dataclass(frozen=True, slots=True)
class Typed:
    """One value with its neighbours in the same field of the same record."""

    before: Wrote | None
    wrote: Wrote
    after: Wrote | None

    @property
    def value(self) -> Value:
        """In canonical terms."""
        return canonical(self.wrote.value)

    @property
    def by_syncd(self) -> bool:
        """Whether syncd put it there."""
        return self.wrote.author == API


@dataclass(frozen=True, slots=True)
class Span:
    """A value, and from when to when it stood in a field."""

    value: Any
    start: float
    end: float


NEVER: Final = (Span(None, 0.0, inf),)
"""What stood in a field that nobody ever wrote to."""


def typed(app: SimApp) -> Iterator[Typed]:
    """Every value that ever stood in a field of the app."""
    fields: dict[tuple[str, str], list[Wrote]] = defaultdict(list)
    for wrote in app.journal:
        if wrote.field not in ("", "restored"):
            fields[wrote.id, wrote.field].append(wrote)
    for story in fields.values():
        for place, wrote in enumerate(story):
            before = story[place - 1] if place else None
            yield Typed(before, wrote, story[place + 1] if place + 1 < len(story) else None)


def standing(app: SimApp) -> Mapping[tuple[str, str], Sequence[Span]]:
    """By record and field: what stood there, from when to when; blank and False are both None."""
    spans: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for one in typed(app):
        wrote = one.wrote
        if one.before is None:
            spans[wrote.id, wrote.field].append(Span(None, 0.0, wrote.at))
        spans[wrote.id, wrote.field].append(Span(one.value or None, wrote.at, one.after.at if one.after else inf))
    return spans


def id_of(name: str) -> str:
    """The id that a record has, or had, which is called so in the journal."""
    return name.partition("~")[0]


def incarnations(app: SimApp, id: str) -> list[str]:
    """The names of the records that an id has stood for."""
    return [id, *(f"{id}~{life}" for life in range(2, app.lives.get(id, 1) + 1))]


def persons(apps: Sequence[SimApp]) -> dict[tuple[str, str], str]:
    """App and record to a name of the person: who ever had an address in common, or was merged, is one person."""
    same: dict[str, str] = {}

    def named(one: str) -> str:
        return one if same.get(one, one) == one else named(same[one])

    for app in apps:
        for wrote in app.journal:
            if wrote.field == "email":
                same[named(f"{app.name} {wrote.id}")] = named(str(wrote.value).casefold())
        for lost, kept in app.joined.items():
            same[named(f"{app.name} {lost}")] = named(f"{app.name} {kept}")
    return {(app.name, wrote.id): named(f"{app.name} {wrote.id}") for app in apps for wrote in app.journal}


def blanked(apps: Sequence[SimApp]) -> dict[tuple[str, str], float]:
    """Person and field to when somebody (or an app of itself) first emptied the field where it was filled."""
    person, found = persons(apps), dict[tuple[str, str], float]()
    for app in apps:
        for one in typed(app):
            filled = one.before is not None and canonical(one.before.value) is not None
            if filled and not one.by_syncd and one.value is None:
                name = (person[app.name, one.wrote.id], one.wrote.field)
                found[name] = min(one.wrote.at, found.get(name, inf))
    return found
