"""How much of a value is kept, and of which characters.

What is longer is known by its length and its hash, and is never taken for a value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from syncd.core.record import Raw, Record

__all__ = ["LONGEST", "bounded", "overlong"]

LONGEST: Final = 1024 * 1024
"""Characters of a field of a record, as JSON where it is no text."""
_NUL: Final = "\x00"
_MARK: Final = "\ufdd0"
"""A code point that is no character (Unicode, section 23.7), so that no text begins with it by chance."""


def bounded(record: Record) -> Record:
    """The record as it may be kept: in place of a field that is too long stands what it is known by.

    The one character that a database may not take is replaced.
    """
    other = {name: kept for name, raw in record.fields.items() if (kept := _kept(raw)) is not raw}
    return replace(record, fields={**record.fields, **other}) if other else record


def overlong(raw: Raw) -> str:
    """How long the value was of which this is all that is kept; "" if it is a value."""
    return raw[1:].partition(":")[0] if isinstance(raw, str) and raw.startswith(_MARK) else ""


def _kept(raw: Raw) -> Raw:
    if _too_long(raw):
        return _mark(raw)
    return raw.replace(_NUL, "\N{REPLACEMENT CHARACTER}") if isinstance(raw, str) and _NUL in raw else raw


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
