"""What pages of Markdown are made of, and what modules of settings say of their keys."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from itertools import pairwise
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

__all__ = ["code", "default", "described", "duration", "keys", "kind", "table"]

_KINDS: Final[Mapping[object, str]] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    timedelta: "duration",
    SecretStr: "secret",
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = [list(heads), ["---"] * len(heads), *([_cell(part) for part in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """As code; nothing stays nothing."""
    return f"`{text}`" if str(text) else ""


def described(owner: type) -> Mapping[str, str]:
    """Attribute to the text that stands below it in the source of a class."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    found = {}
    for this, following in pairwise(body.body if isinstance(body, ast.ClassDef) else ()):
        if isinstance(this, ast.AnnAssign) and isinstance(this.target, ast.Name) and isinstance(following, ast.Expr):
            found[this.target.id] = str(ast.literal_eval(following.value))
    return found


def keys(model: type[BaseModel]) -> Iterable[tuple[str, str, str, str]]:
    """Each key of a table in a configuration: its name, what it takes, its default, and what it is for."""
    words: dict[str, str] = {}
    for owner in reversed([part for part in model.__mro__ if issubclass(part, BaseModel) and part is not BaseModel]):
        words |= described(owner)
    for name, info in model.model_fields.items():
        yield code(info.alias or name), kind(info.annotation), default(info), info.description or words[name]


def kind(annotation: Any) -> str:
    """What a key takes, in a word or two."""
    arguments = [part for part in get_args(annotation) if part is not NoneType]
    if get_origin(annotation) is Annotated:
        return kind(arguments[0])
    if get_origin(annotation) is Literal:
        return ", ".join(code(f'"{part}"') for part in arguments)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(f'"{part.value}"') for part in annotation)
    if annotation in _KINDS:
        return _KINDS[annotation]
    origin = get_origin(annotation)
    if origin in (dict, Mapping):
        return "table"
    if origin is list:
        return "list"
    return " or ".join(dict.fromkeys(kind(part) for part in arguments))


def default(info: FieldInfo) -> str:
    """A key's default as one would write it."""
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    match value:
        case None:
            return "unset"
        case bool():
            return code(str(value).lower())
        case timedelta():
            return code(f'"{duration(value)}"')
        case Enum():
            return code(f'"{value.value}"')
        case str():
            return code(f'"{value}"')
        case _ if not value and not isinstance(value, int | float):
            return "empty"
        case _:
            return code(value)


def duration(span: timedelta) -> str:
    """A length of time as a configuration has it: `1h30m`; "0" for none."""
    rest, parts = round(span.total_seconds() * 1000), []
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")):
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0"
