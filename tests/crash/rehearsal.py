"""The story, told once without a death, and the places in it where somebody may die."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.testing.crash.points import Place, Theatre


@dataclass(frozen=True)
class Rehearsed:
    """A theatre, and the places where somebody may die in it."""

    theatre: Theatre
    places: list[Place]

    def first(self, act: int, what: str) -> Place:
        """The first place in an act that is called so."""
        return next(place for place in self.places if place.act == act and place.what.startswith(what))

    def commit_before(self, place: Place) -> Place:
        """The last commit before a place."""
        return [earlier for earlier in self.places[: place.number - 1] if earlier.what == "commit"][-1]

    def commit_after(self, place: Place) -> Place:
        """The first commit after a place."""
        return next(later for later in self.places[place.number :] if later.what == "commit")

    def violations(self, place: Place) -> tuple[str, ...]:
        """What a death there leaves broken."""
        return self.theatre.strike(place).violations
