"""What pydantic says of wrong settings, in the words of the person who wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from syncd.errors import Problem
from syncd.spelling import suggest
from syncd.toml import Key, Places

__all__ = ["explain", "models"]


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
            case _:
                said = fault["msg"]
                yield places.problem(key, f"{said[:1].lower()}{said[1:]}, found {_show(fault['input'])}")


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation: `Settings | None` has Settings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def _is_union_tag(part: str | int) -> bool:
    """Pydantic puts the name of the tried member of a union into the path: `str`, `Reference`, `dict[...]`."""
    return isinstance(part, str) and (part in {"str", "int", "bool", "float"} or "[" in part or part[:1].isupper())


def _names_at(model: type[BaseModel], location: Key) -> list[str]:
    inner = _model_at(model, location)
    return [] if inner is None else [info.alias or name for name, info in inner.model_fields.items()]


def _model_at(model: type[BaseModel], location: Key) -> type[BaseModel] | None:
    for part in location:
        info = model.model_fields.get(str(part))
        inner = None if info is None else next(models(info.annotation), None)
        if inner is None:
            return None
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
