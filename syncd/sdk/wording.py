"""What an app answers, as JSON that was meant and as text that a store can hold."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

__all__ = ["parsed", "text_of"]

_NUL: Final = "\x00"
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_NOUGHT: Final = rb"\u0000"


def text_of(body: bytes) -> str:
    """The body as text. What is no UTF-8 is replaced, and so is the one character that a database may not take."""
    return body.decode("utf-8-sig", "replace").replace(_NUL, "\N{REPLACEMENT CHARACTER}")


def parsed(body: bytes) -> Any:
    """The body as JSON: whole numbers of any length exact, and only text that a store can hold.

    Raises ValueError, and RecursionError for a nesting that nobody needs.
    """
    if not body.strip():
        return None
    found = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    if _SURROGATE.search(body):
        # Half a surrogate pair, as JavaScript leaves behind when it cuts text, cannot be stored as UTF-8.
        text = json.dumps(found, ensure_ascii=False)
        found = json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return _storable(found) if _NOUGHT in body else found


def _storable(value: Any) -> Any:
    match value:
        case str():
            return value.replace(_NUL, "\N{REPLACEMENT CHARACTER}")
        case dict():
            return {_storable(name): _storable(inner) for name, inner in value.items()}
        case list():
            return [_storable(inner) for inner in value]
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
