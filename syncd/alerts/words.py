"""A message in words and as data: names, counts and numbers of parked work, never a value of a record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from syncd.alerts.news import LOOKED, Heard, Item, Message, News
from syncd.destinations import Severity

__all__ = ["TEST", "as_data", "body", "line", "message_id", "subject"]

TEST: Final = Message(
    (
        Item(
            group="test",
            news=News.BEGUN,
            severity=Severity.NOTICE,
            since=0.0,
            text="this is a test: nothing is wrong",
            hint="what needs a person will be told here",
        ),
    )
)
"""What `syncd alerts test` sends."""

_AGAIN: Final = {News.BEGUN: "", News.MORE: "", News.STILL: "still: ", News.ENDED: "over: "}


def subject(message: Message) -> str:
    """The message in one line."""
    first, *more = message.items
    others = f" (and {len(more)} more)" if more else ""
    # What a server or a folder says of itself is in some, and may have more lines than a header can have.
    return " ".join(f"[syncd] {message.severity.word}: {_AGAIN[first.news]}{first.text}{others}".split())


def body(message: Message, place: str) -> str:
    """The message in full. `place`: which syncd says it."""
    parts = [f"{item.severity.word}: {line(item)}" for item in message.items]
    return "\n\n".join([*parts, f"-- \nsyncd on {place}; how things stand: syncd status"]) + "\n"


def line(item: Item) -> str:
    """One thing that is told, with what to do."""
    told = _AGAIN[item.news] + item.text
    if item.fresh:
        new = f"at least {LOOKED}" if item.fresh >= LOOKED else item.fresh
        told += f"; {new} new: {', '.join(f'#{number}' for number in item.numbers)}"
        told += ", ..." if item.fresh > len(item.numbers) else ""
    told += f" (since {_time(item.since)})" if item.since and item.news is not News.ENDED else ""
    return f"{told}\n  {item.hint}" if item.hint else told


def as_data(message: Message, place: str, at: float) -> dict[str, Any]:
    """The message as JSON, in the form that Standard Webhooks proposes."""
    items = [
        {**asdict(item), "severity": item.severity.word, "since": _time(item.since) if item.since else None}
        for item in message.items
    ]
    data = {"severity": message.severity.word, "place": place, "items": items}
    kind = "syncd.test" if message == TEST else "syncd.alert"
    return {"type": kind, "timestamp": _time(at), "text": subject(message), "data": data}


def message_id(destination: str, heard: Mapping[str, Heard], message: Message) -> str:
    """The same for every try to tell the same news, and for no other. `heard`: what was known when it was not told."""
    before = [asdict(heard[item.group]) for item in message.items if item.group in heard]
    told = json.dumps([destination, before, [asdict(item) for item in message.items]])
    return f"msg_{hashlib.blake2b(told.encode(), digest_size=12).hexdigest()}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
