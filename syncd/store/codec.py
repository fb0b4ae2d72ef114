"""Between plain values and the text that stands in a column."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from syncd.core.entity import Held
from syncd.core.record import Value

__all__ = ["dump", "held_from", "held_text", "instant", "load", "plain", "seconds", "value_from"]


def dump(value: Any) -> str:
    """JSON with sorted keys: equal values give equal text."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def load(text: str) -> Any:
    """The value of JSON text."""
    return orjson.loads(text)


def value_from(raw: Any) -> Value:
    """A canonical value out of JSON: lists are tuples."""
    return tuple(raw) if isinstance(raw, list) else raw


def plain(value: object) -> Any:
    """A canonical value as JSON has it: tuples are lists."""
    return list(value) if isinstance(value, tuple) else value


def seconds(at: datetime | None) -> float | None:
    """An instant as seconds since the epoch."""
    return None if at is None else at.timestamp()


@lru_cache(maxsize=4096)  # of one record, every value came at the same instant
def instant(at: float | None) -> datetime | None:
    """Seconds since the epoch as an instant, UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


def held_text(held: Mapping[str, Held]) -> str:
    """An entity's values as JSON: those that came about alike together, for most came at first contact, all at once."""
    groups: dict[tuple[Any, ...], dict[str, Value]] = {}
    for name in sorted(held):
        own = held[name]
        groups.setdefault((own.ver, own.author, own.at, own.seq), {})[name] = own.value
    return dump([[ver, author, seconds(at), seq, own] for (ver, author, at, seq), own in groups.items()])


def held_from(text: str) -> dict[str, Held]:
    """An entity's values out of JSON, also of a store that has them field by field."""
    told = load(text)
    if isinstance(told, dict):
        return {
            name: Held(value_from(value), ver, author, instant(at), seq)
            for name, (value, ver, author, at, seq) in told.items()
        }
    held: dict[str, Held] = {}
    for ver, author, at, seq, own in told:
        when = instant(at)
        held.update({name: Held(value_from(value), ver, author, when, seq) for name, value in own.items()})
    return dict(sorted(held.items()))
