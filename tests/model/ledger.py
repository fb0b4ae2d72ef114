"""What people did, written down as they did it, without asking the engine: the reference that it is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.core.record import Raw

__all__ = ["Ledger", "Typed"]


@dataclass(frozen=True, slots=True)
class Typed:
    """A value that a person typed into a field of a record."""

    app: str
    id: str
    field: str
    value: str
    shown: Raw
    """What the app made of it."""

    def __str__(self) -> str:
        return f"{self.value!r} in {self.field} of {self.id}"


@dataclass
class Ledger:
    """Who typed what and where, who opted out, whom people deleted and whom they merged."""

    standing: dict[tuple[str, str, str], Typed] = field(default_factory=dict)
    """What a person typed last into each field that it still stands in, as far as people know."""
    kept: list[Typed] = field(default_factory=list)
    """What was written over by somebody else than a person: it must be in the change log."""
    words: dict[str, set[str]] = field(default_factory=dict)
    """Every value that anybody typed, by field."""
    opted_out: dict[tuple[str, str], str] = field(default_factory=dict)
    """Records in which a person said that one may not be mailed, and their addresses."""
    opted_in: set[tuple[str, str]] = field(default_factory=set)
    """Records in which a person said, last, that one may be mailed."""
    deleted: set[str] = field(default_factory=set)
    """Addresses of which a person deleted a record, anywhere."""
    merged: set[str] = field(default_factory=set)
    """Addresses whose records a person merged with another's."""
    gone: set[tuple[str, str]] = field(default_factory=set)
    """Records that people deleted or merged away, with all that stood in them."""

    def types(self, typed: Typed, before: Raw, *, unseen: bool = False) -> None:
        """A person types a value where `before` stands.

        `unseen`: at a moment at which an app that takes no condition is writing: nobody can see it.
        """
        self.words.setdefault(typed.field, set()).add(typed.value)
        self.overwritten(typed.app, typed.id, typed.field, before)
        if typed.value and not unseen:
            self.standing[typed.app, typed.id, typed.field] = typed

    def overwritten(self, app: str, id: str, name: str, before: Raw) -> None:
        """Something else comes to stand in a field. If it was no longer what a person typed, syncd wrote there."""
        typed = self.standing.pop((app, id, name), None)
        if typed is not None and before != typed.shown:
            self.kept.append(typed)

    def forgives(self, app: str, id: str, name: str) -> None:
        """What stands in a field may be lost: a write that was sent before it was typed has landed on it."""
        self.standing.pop((app, id, name), None)

    def loses(self, app: str, id: str) -> None:
        """A person deletes a record or merges it away: what stood in it is theirs to lose."""
        self.gone.add((app, id))
        self.opted_out.pop((app, id), None)
        for place in [place for place in self.standing if place[:2] == (app, id)]:
            del self.standing[place]

    def frees(self, address: str) -> None:
        """A person confirms that an address may be mailed again."""
        self.opted_out = {place: own for place, own in self.opted_out.items() if own != address}

    def missing(self, stands: Callable[[Typed], bool], logged: Callable[[Typed], bool]) -> list[Typed]:
        """What people typed that neither stands anywhere nor is in the change log."""
        owed = [typed for typed in [*self.standing.values(), *self.kept] if (typed.app, typed.id) not in self.gone]
        return [typed for typed in owed if not stands(typed) and not logged(typed)]
