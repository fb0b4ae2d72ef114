"""What pydantic says of wrong settings, in the words of the person who wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

from syncd.errors import Problem
from syncd.spelling import suggest
from syncd.toml import Key, Places

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["explain", "models"]

_WANTED: Final = {
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "dict": "a table",
    "model": "a table",
    "list": "a list, in brackets",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string_type": "a text, in quotes",
    "string_too_short": "some text",
}
"""What pydantic's kinds of faults ask for, by a part of their names; the first that fits."""


def explain(
    error: ValidationError, model: type[BaseModel], places: Places, at: Key = (), *, also: tuple[str, ...] = ()
) -> Iterator[Problem]:
    """Each fault as a problem with its place. `at`: where the table stands; `also`: further right keys in it."""
    for fault in error.errors(include_url=False):
        location = tuple(part for part in fault["loc"] if not _is_union_tag(part))
        key = (*at, *location)
        match fault["type"]:
            case "extra_forbidden":
                known = [*_names_at(model, location[:-1]), *(also if len(location) == 1 else ())]
                yield places.problem(key, "unknown key", suggest(str(location[-1]), known))
            case "missing":
                yield places.problem(key, "is missing", _description(model, location))
            case "literal_error" | "enum":
                yield places.problem(key, f"is {_show(fault['input'])}, expected {fault['ctx']['expected']}")
            case "value_error":
                yield places.problem(key, str(fault["ctx"]["error"]))
            case "too_short":
                yield places.problem(
                    key, f"has {_entries(len(fault['input']))}, expected at least {fault['ctx']['min_length']}"
                )
            case _:
                yield places.problem(key, f"is {_show(fault['input'])}, expected {_wanted(fault)}")


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation: `Settings | None` has Settings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def _wanted(fault: ErrorDetails) -> str:
    """What should stand there, in the words of TOML."""
    kind, limits = fault["type"], fault.get("ctx", {})
    for part, words in _WANTED.items():
        if part in kind:
            return words.format(**limits)
    return fault["msg"].removeprefix("Input should be ")


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count or 'no'} entries"


def _is_union_tag(part: str | int) -> bool:
    """Pydantic puts the name of the tried member of a union into the path: `str`, `Reference`, `dict[...]`."""
    return isinstance(part, str) and (part in {"str", "int", "bool", "float"} or "[" in part or part[:1].isupper())


def _names_at(model: type[BaseModel], location: Key) -> list[str]:
    inner = _model_at(model, location)
    return [] if inner is None else [info.alias or name for name, info in inner.model_fields.items()]


def _model_at(model: type[BaseModel], location: Key) -> type[BaseModel] | None:
    parts = iter(location)
    for part in parts:
        info = model.model_fields.get(str(part))
        inner = None if info is None else next(models(info.annotation), None)
        if info is None or inner is None:
            return None
        if get_origin(info.annotation) is dict:
            next(parts, None)  # a table of tables: any name, then the keys of each
        model = inner
    return model


def _description(model: type[BaseModel], location: Key) -> str:
    inner = _model_at(model, location[:-1])
    info = None if inner is None else inner.model_fields.get(str(location[-1]))
    return (info.description or "") if info is not None else ""


def _show(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)
