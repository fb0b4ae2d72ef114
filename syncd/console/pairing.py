"""Which field of one app is which of another: a guess by name, label and type, for a person to look through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz, process

from syncd.mapping.types import TYPES
from syncd.sdk.contract import Field, FieldType, Object

__all__ = ["Pair", "pairs", "people"]

_LIKELY: Final = ("contacts", "people", "members", "customers", "subscribers")
_NEAR: Final = 88.0
"""Of 100: below this two names are taken for different things."""
_SKIP: Final = frozenset({FieldType.REFERENCE, FieldType.JSON, FieldType.ADDRESS})
_WORDS: Final = {"fname": "first name", "lname": "last name", "firstname": "first name", "lastname": "last name"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One canonical field: its name, its type, and the app field in each app that has it."""

    name: str
    type: str
    cells: Mapping[str, str]


def people(objects: Sequence[Object]) -> Object | None:
    """The object that most likely holds people: one with an e-mail address, called something like contacts."""
    able = {object.name: object for object in objects if email(object) is not None}
    ranked = [(max(fuzz.ratio(name.lower(), word) for word in _LIKELY), name) for name in able]
    return able[max(ranked)[1]] if ranked else None


def email(object: Object) -> Field | None:
    """The field with the address that an object's records are known by."""
    found = [field for field in object.fields.values() if field.type is FieldType.EMAIL and field.creatable]
    return min(found, key=lambda field: (not field.unique, not field.required, len(field.name)), default=None)


def pairs(objects: Mapping[str, Object]) -> Iterator[Pair]:
    """Fields that every app seems to have, the address first. `objects`: app name to its object, the leading app first.

    Raises nothing: what has no near counterpart is left out.
    """
    addresses = {app: found.name for app, object in objects.items() if (found := email(object)) is not None}
    yield Pair("email", "email", addresses)
    (first, leading), *others = objects.items()
    taken = {app: {name} for app, name in addresses.items()}
    for field in leading.fields.values():
        if field.name in taken[first] or not _both_ways(field):
            continue
        cells, kinds = {first: field.name}, set(_kinds(field))
        for app, object in others:
            found = _nearest(field, object, taken[app], kinds)
            if found is not None:
                cells[app] = found.name
                kinds &= set(_kinds(found))
        if len(cells) == len(objects):
            for app, name in cells.items():
                taken[app].add(name)
            yield Pair(_canonical(field), _choose(field, kinds), cells)


def _nearest(field: Field, object: Object, taken: set[str], kinds: set[str]) -> Field | None:
    """The field of `object` that is most like `field` and can carry one of the types."""
    able = {
        other.name: other
        for other in object.fields.values()
        if other.name not in taken and _both_ways(other) and kinds & set(_kinds(other))
    }
    best: tuple[float, str] | None = None
    for words in _names(field):
        spelled = {name: spoken for name, other in able.items() for spoken in _names(other)[:1]}
        labelled = {name: _names(other)[-1] for name, other in able.items()}
        for choices in (spelled, labelled):
            hit = process.extractOne(words, choices, scorer=fuzz.ratio, score_cutoff=_NEAR)
            if hit is not None and (best is None or hit[1] > best[0]):
                best = (hit[1], hit[2])
    return able[best[1]] if best else None


def _both_ways(field: Field) -> bool:
    return field.writable and field.type not in _SKIP and not field.consent


def _names(field: Field) -> list[str]:
    """The field's own name and its label, as words."""
    spoken = [field.name.rpartition(".")[2], field.label or field.name]
    return [_WORDS.get(plain, plain) for plain in (re.sub(r"[^a-z0-9]+", " ", text.lower()).strip() for text in spoken)]


def _kinds(field: Field) -> list[str]:
    """The canonical types that can carry the field, without those that need more to be said."""
    return [
        name for name, kind in TYPES.items() if field.type in kind.carriers and name not in ("consent", "reference")
    ]


def _choose(field: Field, kinds: set[str]) -> str:
    """The most telling of the types that all the fields share."""
    natural = field.type.value
    if natural in kinds:
        return natural
    return next(name for name in (*(n for n in TYPES if n != "text"), "text") if name in kinds)


def _canonical(field: Field) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", _names(field)[0]).strip("_")[:60]
    return name if name[:1].isalpha() else f"field_{name}"
