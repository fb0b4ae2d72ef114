"""How long an edit took to the other app, by the journals of the two apps themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from syncd.testing.soak.far import Actor

__all__ = ["Lags", "share"]


@dataclass
class Lags:
    """Reads the journals as they grow from here on. An edit that never arrives (it lost a conflict, say) is none."""

    actors: Sequence[Actor]
    read: dict[str, int] = field(default_factory=dict)
    typed: dict[tuple[str, str], float] = field(default_factory=dict)
    """App and value to when it was typed; until it arrived."""
    found: list[tuple[float, float]] = field(default_factory=list)
    """When it was typed, in seconds since the epoch, and how long it took."""

    def __post_init__(self) -> None:
        self.read = {actor.name: len(actor.twin.journal.entries) for actor in self.actors}

    def follow(self) -> list[float]:
        """Take in what is new; the lags that have been found by it."""
        before = len(self.found)
        fresh = {actor.name: actor.twin.journal.entries[self.read[actor.name] :] for actor in self.actors}
        for actor in self.actors:
            own = set(actor.types.values())
            for entry in fresh[actor.name]:
                if entry.author == "person" and entry.field in own:
                    self.typed[actor.name, str(entry.value)] = entry.at
            self.read[actor.name] = len(actor.twin.journal.entries)
        for app, entries in fresh.items():
            written = {str(entry.value): entry.at for entry in reversed(entries) if entry.author == "api"}
            for actor in self.actors:
                for value in written if actor.name != app else ():
                    began = self.typed.pop((actor.name, value), None)
                    if began is not None:
                        self.found.append((began, written[value] - began))
        return [lag for _, lag in self.found[before:]]


def share(values: Sequence[float], part: float) -> float:
    """The value below which this share of all values lies; 0 where there are none."""
    return round(sorted(values)[min(len(values) - 1, int(len(values) * part))], 3) if values else 0.0
