"""The change log in plain sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from syncd.console.status import moment
from syncd.core.record import EntityId, Ref
from syncd.store.values import Entry, Event

__all__ = ["Line", "line", "retold", "said", "short", "tell", "tell_field"]

_LONGEST: Final = 80
"""Characters of a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of the change log, with what it says in words."""

    seq: int
    at: datetime | None
    event: str
    sync: str
    entity: str
    app: str
    record: str
    """app/object/id, or ""."""
    fields: Mapping[str, Mapping[str, Any]]
    cause: int | None
    by: str
    note: str
    """What was noted, in words of syncd's or of an app's."""
    text: str


def line(entry: Entry) -> Line:
    """An entry for a person."""
    return Line(
        seq=entry.seq,
        at=moment(entry.at),
        event=entry.event.value,
        sync=entry.sync,
        entity=entry.entity or "",
        app=entry.app,
        record=str(entry.ref) if entry.ref else "",
        fields=entry.fields,
        cause=entry.cause,
        by=entry.by,
        note=entry.note,
        text=tell(entry),
    )


def retold(line: Line, *, fields: Mapping[str, Mapping[str, Any]], note: str, record: str) -> Line:
    """The same line with other things in these places, and so with another sentence."""
    entry = Entry(
        event=Event(line.event),
        sync=line.sync,
        entity=EntityId(line.entity) if line.entity else None,
        ref=Ref(*record.split("/", 2)) if record else None,
        app=line.app,
        fields=fields,
        note=note,
        by=line.by,
    )
    return replace(line, fields=fields, note=note, record=record, text=tell(entry))


def tell(entry: Entry) -> str:
    """What happened, in one sentence, with what became of each field."""
    who = str(entry.ref) if entry.ref else entry.app
    by = f" by {entry.by}" if entry.by else ""
    note = f": {entry.note}" if entry.note else ""
    match entry.event:
        case Event.LINKED:
            start = f"{who} was linked{note}"
        case Event.MERGED:
            start = f"{who} changed"
        case Event.SENT | Event.COERCED:
            start = f"{who} took {'an' if entry.note.startswith('u') else 'a'} {entry.note or 'write'}"
        case Event.REFUSED:
            start = f"{who} refused a write{note}"
        case Event.DOUBTED:
            start = f"whether {who} took a write is unknown{note}"
        case Event.RESOLVED:
            start = f"the doubt about {who} is settled{note}"
        case Event.OPTED_OUT:
            start = f"an opt-out was entered in the register, from {who}{note}"
        case Event.OPTED_IN:
            start = f"an opt-out was lifted from the register{by}{note}"
        case Event.GONE:
            start = f"{who} is gone{note}"
        case Event.REMOVED:
            start = f"syncd deleted {who}{note}"
        case Event.DECIDED:
            start = f"decided{by}{note}"
        case Event.UNDONE if entry.entity is None:
            return f"an undo{by}{note}"
        case Event.UNDONE:
            start = f"taken back{by}"
        case Event.BEGAN:
            return f"syncd {entry.note} began{by}"
        case Event.PAUSED | Event.RESUMED:
            start = f"{who} was {entry.event.value}{by}{note}"
        case Event.FORGETTING:
            return f"a person is to be forgotten{by}{note}"
        case Event.FORGOTTEN:
            return f"the person was forgotten{by}: the values of {_erased(entry)} entries are erased"
        case Event.EXPIRED:
            return f"the store let go of the values of {_erased(entry)} old entries"
        case Event.EXPORTED:
            return f"everything known of the person was exported{by}"
        case Event.SIGNED_IN | Event.SIGNED_OUT:
            return f"{entry.by or 'a person'} {entry.event.value.replace('_', ' ')}{note}"
        case Event.TRIED:
            return f"a change of the configuration was tried{by}; nothing was written"
        case Event.BROKEN:
            return f"{who}: a promise would have been broken{note}"
        case Event.SUSPECTED:
            start = f"somebody seems to have written to {who} just before syncd did{note}"
        case Event.SET_BACK:
            return f"the store was set back{note}"
        case Event.SAVED:
            return f"syncd's configuration was saved{by}{note}"
        case Event.APPLIED:
            start = f"the mapping {entry.sync} was put in force{by}"
        case _:
            start = f"{who or entry.sync}: {entry.event.value.replace('_', ' ')}{note}"
    if entry.event in (Event.GONE, Event.REMOVED):
        return start
    changes = [_change(name, what) for name, what in entry.fields.items()]
    return f"{start}; {', '.join(changes)}" if changes else start


def tell_field(entry: Entry, field: str, author_of: Callable[[int], str]) -> str:
    """What an entry says of one field, as a sentence. `author_of`: an entry's number to the app it was about."""
    what = entry.fields.get(field)
    if what is None:
        return tell(entry)
    new, old = said(what.get("new")), said(what.get("old"))
    since = what.get("from")
    whence = f"{old} (from {author_of(since) or 'syncd'}, entry {since})" if since else old
    rule, app = what.get("rule", ""), entry.app
    match what.get("verdict"):
        case "taken" if what.get("old") is None and not since:
            return f"{app} showed {new}; nothing was known before, so it was taken ({rule})"
        case "taken":
            return f"{app} showed {new}; it took the place of {whence} ({rule})"
        case "seeded":
            return f"{app} showed {new} on first contact; it took the place of {whence} ({rule})"
        case "agreed":
            return f"{app} showed {new}, as agreed already"
        case "lost":
            return f"{app} showed {new}; it lost against {whence} ({rule})"
        case "asked":
            return f"{app} showed {new}, agreed is {whence}; a person must say which stands ({rule})"
        case "held":
            return f"{app} showed {new} against {whence}; that waits for a person ({rule})"
        case "misfit":
            return f"{app} showed {new}, which makes no sense: {rule}"
    match entry.event:
        case Event.SENT:
            return f"{app} was sent {new} ({entry.note})"
        case Event.COERCED if "kept" in what:
            return f"{app} was sent {new} ({entry.note}) and keeps {said(what['kept'])}"
        case Event.COERCED:
            return f"{app} was sent {new} ({entry.note})"
        case Event.REFUSED:
            return f"{app} refused {new}: {entry.note}"
        case Event.DECIDED:
            return f"{entry.by or 'a person'} decided for {new} in place of {old}"
        case Event.UNDONE:
            return f"{entry.by or 'a person'} took {old} back, as of entry {what.get('undoes')}: {new} stands again"
        case Event.BROKEN:
            return tell(entry)
        case Event.SUSPECTED:
            lost = ", ".join(said(value) for value in what.get("overwritten", ()))
            known = f"and overwritten: {lost}" if lost else "and what they typed is not known"
            return f"{app} was sent {new} over {old}; somebody seems to have written just before {known}"
        case Event.GONE:
            return f"{entry.ref or app} is gone; {old} was agreed then"
        case _:
            return f"{tell(entry)}: {new}"


def said(value: Any) -> str:
    """A value as a person writes it; a long one is cut, and is whole among an answer's own values in JSON."""
    if value is None or value in ("", [], (), {}):
        return "blank"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return short(", ".join(said(item) for item in value))
    if isinstance(value, Mapping):
        return short(json.dumps(value, ensure_ascii=False, default=str))
    return f'"{short(value)}"' if isinstance(value, str) else short(str(value))


def short(text: str) -> str:
    """At most so many characters that a line stays a line."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _erased(entry: Entry) -> int:
    return int(entry.fields.get("erased", {}).get("count", 0))


def _change(name: str, what: Mapping[str, Any]) -> str:
    new = said(what.get("kept", what.get("new")))
    match what.get("verdict"):
        case "taken" | "seeded" if what.get("old") is not None:
            return f"{name} {said(what['old'])} → {new}"
        case "agreed" | "taken" | "seeded" | None:
            return f"{name} {new}"
        case verdict:
            return f"{name} {new} ({verdict}, {said(what.get('old'))} stands)"
