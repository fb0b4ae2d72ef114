"""How much of a value is kept, of which characters, and how long a number.

What is longer is known by its length and its hash, and is never taken for a value. A whole number of more than 64 bits
is kept as its digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from syncd.core.record import Raw, Record

__all__ = ["LONGEST", "WHOLE", "bounded", "overlong"]

LONGEST: Final = 1024 * 1024
"""Characters of a field of a record, as JSON where it is no text."""
WHOLE: Final = 2**63
"""What a whole number stays below, either way, that is kept and sent as a number: JSON in 64 bits has no more."""
_NUL: Final = "\x00"
_MARK: Final = "\ufdd0"
"""A code point that is no character (Unicode, section 23.7), so that no text begins with it by chance."""


def bounded(record: Record) -> Record:
    """The record as it may be kept: in place of a field that is too long stands what it is known by.

    The one character that a database may not take is replaced, and a whole number that no store holds by its digits.
    """
    other = {name: kept for name, raw in record.fields.items() if (kept := _kept(raw)) is not raw}
    return replace(record, fields={**record.fields, **other}) if other else record


def overlong(raw: Raw) -> str:
    """How long the value was of which this is all that is kept; "" if it is a value."""
    return raw[1:].partition(":")[0] if isinstance(raw, str) and raw.startswith(_MARK) else ""


def _kept(raw: Raw) -> Raw:
    if _too_long(raw):
        return _mark(raw)
    if isinstance(raw, Mapping | list):
        return _in_digits(raw) if any(map(_vast, _parts(raw))) else raw
    if isinstance(raw, str):
        return raw.replace(_NUL, "\N{REPLACEMENT CHARACTER}") if _NUL in raw else raw
    return _in_digits(raw)


def _vast(raw: Raw) -> bool:
    return isinstance(raw, int) and not -WHOLE <= raw < WHOLE


def _parts(raw: Raw) -> Iterator[Raw]:
    """The value itself and, of an object or a list, whatever is in it."""
    parts: list[Raw] = [raw]
    while parts:
        part = parts.pop()
        yield part
        if isinstance(part, Mapping):
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def _in_digits(raw: Raw) -> Raw:
    if isinstance(raw, Mapping):
        return {name: _in_digits(part) for name, part in raw.items()}
    if isinstance(raw, list):
        return [_in_digits(part) for part in raw]
    return str(raw) if _vast(raw) else raw


def _too_long(raw: Raw) -> bool:
    if isinstance(raw, str):
        return len(raw) > LONGEST
    return isinstance(raw, Mapping | list) and _room(raw, LONGEST) < 0


def _room(raw: Raw, room: int) -> int:
    """What is left of so much room after a value; how much it is beyond that no longer matters once it is negative."""
    parts: list[Raw] = [raw]
    while parts and room >= 0:
        part = parts.pop()
        match part:
            case str():
                room -= len(part)
            case Mapping():
                parts += part.keys()
                parts += part.values()
            case list():
                parts += part
        room -= 1
    return room


def _mark(raw: Raw) -> str:
    text = raw if isinstance(raw, str) else json.dumps(raw, sort_keys=True)
    return f"{_MARK}{len(text)} characters:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"
