"""Ties between records, seen as fields: `@companies` is the company that a contact is tied to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from syncd.sdk.contract import Associates, Connector, Dissociates, Field, FieldType, Object

__all__ = ["TIE", "objects_of", "tied_to"]

TIE: Final = "@"


def objects_of(connector: Connector) -> Sequence[Object]:
    """The connector's objects, each with one more field for every other object that it can be tied to."""
    objects = connector.objects()
    if not isinstance(connector, Associates):
        return objects
    clearable = isinstance(connector, Dissociates)
    return [
        replace(
            one,
            fields={
                **one.fields,
                **{f"{TIE}{o.name}": _field(o, clearable=clearable) for o in objects if o.name != one.name},
            },
        )
        for one in objects
    ]


def tied_to(field: str) -> str:
    """The object that a tie leads to; "" for an ordinary field."""
    return field[len(TIE) :] if field.startswith(TIE) else ""


def _field(other: Object, *, clearable: bool) -> Field:
    name = other.label or other.name
    return Field(
        name=f"{TIE}{other.name}",
        type=FieldType.REFERENCE,
        label=f"tied to: {name}",
        refers=other.name,
        clearable=clearable,
    )
