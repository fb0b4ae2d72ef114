"""A sync's table as written: its keys and their shapes, checked without a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from syncd.core.fieldmap import Blank, Deletion
from syncd.explain import explain
from syncd.mapping.mistakes import Notes
from syncd.spelling import suggest
from syncd.toml import Key

__all__ = ["Cell", "FieldShape", "Scalar", "Shaped", "SyncShape", "shaped"]

Scalar: TypeAlias = bool | int | str
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _one_or_many(value: object) -> object:
    return {k: v if isinstance(v, list) else [v] for k, v in value.items()} if isinstance(value, Mapping) else value


class Cell(_Table):
    """Where one app keeps one canonical field: the table behind the app's name."""

    field: Name = ""
    """The app's field, with a path behind it where the field is an object: `address.city`."""
    join: list[Name] | None = Field(default=None, min_length=2, max_length=2)
    """The two app fields that hold the first and the last name of a full one."""
    part: Literal["first", "last"] | None = None
    """Which half of the app's full name this canonical field is."""
    values: dict[str, Scalar] | None = None
    """Canonical value = app's value, one for each."""
    also: Annotated[dict[str, list[Scalar]], BeforeValidator(_one_or_many)] = {}
    """Canonical value = further app values that are read as it and never written."""
    others: Scalar | None = None
    """The canonical value of every app value that is not mentioned."""
    way: Literal["both", "read", "write"] = "both"
    """Seen from the app: "read" takes from it only, "write" gives to it only."""
    write_once: bool = False
    """Written when a record is made and never again."""
    lossy: bool = False
    """Several canonical values may look the same in this app; syncd remembers which one was meant."""


class FieldShape(BaseModel):
    """One canonical field; every further key is the name of an app."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    type: Name
    """What its values are: a canonical type."""
    conflict: str = ""
    """Who wins where two apps changed it; unset: the first app of the sync, and for consent the opt-out."""
    blank: Annotated[Blank | None, Field(strict=False)] = None
    """What its being emptied means; unset: hold for match fields, propagate for the others."""
    default: Scalar | list[str] | None = None
    """Given to a record that is being made, where there is no value."""
    empty: Literal["blank", "distinct"] = "blank"
    """For text: whether an empty one is blank, or a value of its own."""
    region: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = ""
    """For phone: the country of numbers that name none, such as "GB"."""
    zone: str = "UTC"
    """For date and instant: where a day begins, and whose time it is where an app does not say."""
    options: list[str] | None = None
    """For choice and choices: the canonical values there are. Unset: all that the apps have."""
    partial: bool = False
    """Options of one app without a partner in another are no error: such a value stays where it is."""
    personal: bool = False
    """Personal data; what a connector declares so is so anyway."""
    address: str = ""
    """For consent: the canonical field that holds the address which the opt-out is about."""
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")] = "email"
    """For consent: what the address is not to be used for. Opt-outs of one channel hold in every sync."""
    opt_in_from: list[str] = []
    """For consent: apps whose own evidence of a new opt-in is believed."""
    to: str = ""
    """For a reference: the sync whose records it points to."""
    expr: str = ""
    """A value computed from other canonical fields, written and never read."""

    @property
    def cells(self) -> Mapping[str, Any]:
        """What is written behind each app's name."""
        return self.__pydantic_extra__ or {}


class SyncShape(_Table):
    """One sync."""

    entity: Name
    """What one record stands for, in your words."""
    apps: dict[str, Name] = Field(min_length=2)
    """App = its object, the app that wins by default first."""
    match: list[str | list[str]] = Field(min_length=1)
    """The fields by which a record without a link finds its entity, tried in order; a pair needs both."""
    first: str = "ask"
    """Who seeds a field that several apps have filled, where there is no history."""
    deletes: Annotated[Deletion, Field(strict=False)] = Deletion.HOLD
    """What becomes of the other records when a person deletes one."""
    creates: list[str] | None = None
    """Apps in which new records may be made; unset: wherever the app allows it."""
    fields: dict[str, dict[str, Any]] = Field(min_length=1)
    """One table for each canonical field."""
    filters: dict[str, str] = {}
    """App = which records belong into it."""


IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,59}")
"""What a canonical field may be called: also a name in an expression."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A sync of the right shape. What has another shape is noted and left out."""

    sync: SyncShape
    fields: Mapping[str, FieldShape]
    cells: Mapping[str, Mapping[str, Cell]]
    """By canonical field, then by app."""
    placed: bool = True
    """Whether every app of the sync is one of this file."""

    @property
    def whole(self) -> bool:
        """Whether no field was left out and every app is there: what uses fields by name can be judged."""
        return self.placed and len(self.fields) == len(self.sync.fields)


def shaped(app_names: Sequence[str], note: Notes) -> Shaped | None:
    """The shape of a sync's table; None, with notes, if there is nothing to go on with."""
    config = note.config
    try:
        sync = SyncShape.model_validate(config.data)
    except ValidationError as error:
        note.problems.extend(explain(error, SyncShape, config.places, config.key))
        return None
    for app in sync.apps:
        if app not in app_names:
            note(("apps", app), f'there is no app "{app}" in this file', suggest(app, app_names))
    fields: dict[str, FieldShape] = {}
    cells: dict[str, dict[str, Cell]] = {}
    for name, table in sync.fields.items():
        if not IDENTIFIER.fullmatch(name):
            note(("fields", name), f'"{name}" is no field name', "lower-case letters, digits and _")
            continue
        try:
            shape = FieldShape.model_validate(table)
        except ValidationError as error:
            _unknown(table, sync, app_names, ("fields", name), note)
            at = (*config.key, "fields", name)
            note.problems.extend(explain(error, FieldShape, config.places, at))
            continue
        fields[name] = shape
        cells[name] = dict(_cells(shape, sync, app_names, ("fields", name), note))
    for app in sync.filters:
        if app not in sync.apps:
            note(("filters", app), f'there is no app "{app}" in this sync', suggest(app, sync.apps))
    return Shaped(sync, fields, cells, placed=set(sync.apps) <= set(app_names))


def _unknown(written: Iterable[str], sync: SyncShape, app_names: Sequence[str], at: Key, note: Notes) -> None:
    known = [*sync.apps, *FieldShape.model_fields]
    misspelt = not set(sync.apps) <= set(app_names)  # one of these may be the app that was meant there
    for key in written:
        if key in known or (misspelt and key in app_names):
            continue
        if key in app_names:
            note((*at, key), f"{key} is no app of this sync", f"name it there: apps = {{ {key} = ... }}")
        else:
            note((*at, key), "unknown key", suggest(key, known))


def _cells(
    shape: FieldShape, sync: SyncShape, app_names: Sequence[str], at: Key, note: Notes
) -> Iterator[tuple[str, Cell]]:
    _unknown(shape.cells, sync, app_names, at, note)
    for app, written in shape.cells.items():
        if app not in sync.apps:
            continue
        try:
            cell = Cell.model_validate({"field": written} if isinstance(written, str) else written)
        except ValidationError as error:
            note.problems.extend(explain(error, Cell, note.config.places, (*note.config.key, *at, app)))
            continue
        if bool(cell.field) == bool(cell.join):
            note((*at, app), 'expected the app\'s field: "name" or { field = "name" }')
            continue
        yield app, cell
    if not shape.cells:
        note(at, "no app has this field", f"say where: {next(iter(sync.apps))} = ...")
