"""How a canonical field is read from and written to one app.

A lens has a *window*: the app's fields that it reads and writes. `get` takes the raw values in the window, and the
entity's fields as they stand, to a canonical value; `put` takes a canonical value and the raws in the window to the
raws that shall stand there. The laws (Foster et al., lenses; quotient lenses for apps that rewrite what they store),
with k the app's own canonical form of a raw value:

    PutGet   get(k(put(v, r)), g) == v           reading back what we wrote changes nothing
    GetPut   k(put(get(r, g), r)) == k(r)        writing back what we read changes nothing
    stable   k(k(r)) == k(r)

What a raw value cannot carry (the time of a date-only field, the second name in a joined one) stays in the entity;
that is why `get` is shown the entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from syncd.core.record import ABSENT, Absent, Fields, Raw, Raws, Value

__all__ = ["UNTOLD", "Lens", "Misfit", "View", "view", "window"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that cannot be carried across: not a phone number, not among the options, too long.

    Returned, not raised: one field that does not fit never stops the others. `reason` is for a person and quotes
    what was expected; `found` is what was found.
    """

    reason: str
    found: str = ""


View: TypeAlias = Value | Absent | Misfit

UNTOLD: Final = (Absent, Misfit)
"""What a lens sees where there is no value. To `isinstance` a tuple is three times as fast as a union made anew."""


class Lens(Protocol):
    """A two-way view of one canonical field in one app's record."""

    @property
    def window(self) -> tuple[str, ...]:
        """The app's field names this lens reads and writes."""
        ...

    def get(self, raws: Raws, entity: Fields) -> View:
        """The canonical value; ABSENT where the app did not show what is needed; Misfit where it makes no sense."""
        ...

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        """The raws in the window that carry `value`, made from those that stand there now."""
        ...

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        """The declared canonical form (k) of raws in the window: what the app is known to make of them."""
        ...


def window(lens: Lens, raws: Raws) -> Raws:
    """Only what the lens looks at."""
    return {name: raws[name] for name in lens.window if name in raws}


def view(lens: Lens, raws: Raws, entity: Fields) -> View:
    """What the lens sees, or ABSENT when the app showed nothing in its window."""
    for name in lens.window:
        if name in raws:
            return lens.get(raws, entity)
    return ABSENT
