"""The simplest lens there is, for simulated apps: one raw text field, blank or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.core.lens import Misfit, View
from syncd.core.record import ABSENT, Fields, Raw, Raws, Value

__all__ = ["Plain"]


@dataclass(frozen=True, slots=True)
class Plain:
    """One raw field as it is; "" and None are both blank; `options`, where given, are the only values it takes."""

    name: str
    options: frozenset[str] = frozenset()

    @property
    def window(self) -> tuple[str, ...]:
        """The field."""
        return (self.name,)

    def get(self, raws: Raws, entity: Fields) -> View:
        """The value; ABSENT where it is not shown."""
        del entity
        if self.name not in raws:
            return ABSENT
        raw = raws[self.name]
        if isinstance(raw, list):
            return tuple(raw) or None
        if self.options and raw not in (None, "") and raw not in self.options:
            return Misfit("not an option", str(raw))
        return None if raw in (None, "") else raw

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        """The raw field with the value."""
        del raws
        if self.options and value is not None and value not in self.options:
            return Misfit(f"{value} is not an option of {self.name}")
        return {self.name: list(value) if isinstance(value, tuple) else value}

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        """Nothing is declared."""
        return raws
