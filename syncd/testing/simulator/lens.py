"""The simplest lens there is, for simulated apps: one raw field, blank or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from syncd.core.lens import Misfit, View
from syncd.core.record import ABSENT, Fields, Raw, Raws, Value

__all__ = ["Plain", "canonical"]


def canonical(raw: Raw) -> Value:
    """A raw value in canonical terms: "", [] and None are all blank, a list is a set."""
    if isinstance(raw, list):
        return tuple(sorted(raw)) or None
    return None if raw == "" else raw


@dataclass(frozen=True, slots=True)
class Plain:
    """One raw field as it is; `options`, where given, are the only values it takes.

    `declared`: what the app is known to make of a raw value.
    """

    name: str
    options: frozenset[str] = frozenset()
    declared: Callable[[Raw], Raw] | None = None

    @property
    def window(self) -> tuple[str, ...]:
        """The field."""
        return (self.name,)

    def get(self, raws: Raws, entity: Fields) -> View:
        """The value; ABSENT where it is not shown. What says no more than we know already is what we know."""
        if self.name not in raws:
            return ABSENT
        raw = raws[self.name]
        if self.options and raw not in (None, "") and raw not in self.options:
            return Misfit("not an option", str(raw))
        if self.declared is not None:
            known = entity.get(self.name)
            if isinstance(known, str) and raw == self.declared(known):
                return known
        return canonical(raw)

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        """The raw field with the value."""
        del raws
        if self.options and value is not None and value not in self.options:
            return Misfit(f"{value} is not an option of {self.name}")
        return {self.name: list(value) if isinstance(value, tuple) else value}

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        """What is declared."""
        if self.declared is None:
            return raws
        return {name: self.declared(raw) if name == self.name and raw else raw for name, raw in raws.items()}
