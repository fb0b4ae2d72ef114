"""What people do, one act after the other; how that is told; and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from syncd.core.record import Raw

__all__ = ["Act", "Circumstances", "End", "Ground"]

Verb: TypeAlias = Literal["makes", "sets", "deletes", "merges", "moves"]


@dataclass(frozen=True, slots=True)
class Act:
    """What one person does to the record with one address in one app."""

    app: str
    verb: Verb
    who: str
    fields: tuple[tuple[str, Raw], ...] = ()
    other: str = ""
    """The address that is merged into this one, or moved to."""
    rests: bool = True
    """Whether the sync comes to rest before the next act. Acts without rest between them are about different people."""

    def __str__(self) -> str:
        what = ", ".join(f"{name} = {value!r}" for name, value in self.fields)
        how = {"merges": f"into it {self.other}", "moves": f"to {self.other}"}.get(self.verb, what)
        return f"{self.app}: a person {self.verb} {self.who} {how}".rstrip() + ("" if self.rests else ", no rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the apps of a story have in common, so that a relation must hold between its tellings."""

    declared: bool = True
    """What an app makes of a value is declared: a lost answer leaves no doubt about who wrote what."""
    told: bool = False
    """Every app sends webhooks and tells of deletes; a rest is made of polls, not of whole comparisons."""
    steady: bool = False
    """Nobody is deleted, merged or moved, and nobody opts in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How a tape is told. What is not named is as in the first telling."""

    database: bool = False
    """The store is a database in a file."""
    order: tuple[int, ...] = ()
    """The places of the apps."""
    names: Mapping[str, str] = field(default_factory=dict)
    ids_from: int = 0
    """The number of the first record that an app makes."""
    shift: float = 0.0
    """Seconds by which every clock is another."""
    chance: int = 0
    """Added to the seed of the engine's own chance."""
    told: int = 1
    """How often each webhook arrives."""
    late: bool = False
    """Webhooks arrive when everything is over."""
    polls: bool = True
    sweeps: frozenset[int] = frozenset()
    """Before these acts, everything is compared."""
    kills: tuple[int, ...] = ()
    """The process dies at these points, counted from the last death."""
    restored: frozenset[int] = frozenset()
    """Before these acts, syncd goes on with a restored backup."""
    unmapped: bool = False
    """People also edit a field that no mapping names."""
    onlooker: bool = False
    """There is one more app, which is only read."""
    batch: int | None = None
    page: int | None = None
    shuffled: bool = False
    """The rows of a page come in another order."""


@dataclass(frozen=True, slots=True)
class End:
    """What a telling came to, in words that mean the same in every other."""

    shown: Mapping[str, tuple[tuple[Any, ...], ...]]
    """By app: every record, as address and values."""
    agreed: tuple[tuple[Any, ...], ...]
    opted_out: tuple[str, ...]
    asked: tuple[tuple[str, str, str], ...]
    """Open questions: what kind, which app, which field."""
    writes: Mapping[str, int]
    violations: tuple[str, ...]
