"""Small changes of shape that many connectors need: nested objects to dotted names and back, long lists to chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

__all__ = ["flatten", "in_chunks", "nest"]

T = TypeVar("T")


def in_chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in runs of at most `size`, in order; nothing for no items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def flatten(nested: Mapping[str, Any], *, whole: Collection[str] = ()) -> dict[str, Any]:
    """Objects within objects to one level: `{"a": {"b": 1}}` becomes `{"a.b": 1}`.

    Lists stay as they are, and so do the objects at the dotted names in `whole` (an address, say). An empty object
    holds no field, and leaves none.
    """
    return dict(_leaves("", nested, whole))


def _leaves(path: str, nested: Mapping[str, Any], whole: Collection[str]) -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        dotted = f"{path}{name}"
        if isinstance(value, Mapping) and dotted not in whole:
            yield from _leaves(f"{dotted}.", value, whole)
        else:
            yield dotted, value


def nest(dotted: Mapping[str, Any]) -> dict[str, Any]:
    """The way back: `{"a.b": 1}` becomes `{"a": {"b": 1}}`.

    Raises ValueError where one name is a value and the stem of another (`a` and `a.b`).
    """
    nested: dict[str, Any] = {}
    made: set[int] = {id(nested)}  # objects made here, as against values that are objects themselves
    for name, value in dotted.items():
        *stems, last = name.split(".")
        spot = nested
        for stem in stems:
            if stem not in spot:
                spot[stem] = {}
                made.add(id(spot[stem]))
            spot = spot[stem]
            if id(spot) not in made:
                raise ValueError(f"{name}: {stem} is a value and cannot hold fields")
        if last in spot:
            raise ValueError(f"{name}: stands for a value and for an object")
        spot[last] = value
    return nested
