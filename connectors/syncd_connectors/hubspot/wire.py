"""From HubSpot's JSON to records and outcomes, and from raw values to what HubSpot takes. Nothing here talks.

Shapes: specs `CRM/Contacts/v3` (`SimplePublicObject`, `Error`, `StandardError`) and HubSpot docs, error-handling.
All parts of an error body are optional there, and are so here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from syncd.core.record import Create, Exists, Outcome, Raw, Record, Ref, Refused, Stale, Unsent, Version, Write
from syncd.errors import BrokenProtocol

__all__ = ["Trouble", "merged_ids", "milliseconds", "outcome", "record", "rows", "text", "trouble"]

_EXISTING: Final = re.compile(r"Existing ID: (\d+)|(\d+) already has that value")
_BAD_VALUES: Final = "Property values were not valid: "
_LONGEST_REASON: Final = 300
_TAKEN: Final = frozenset({"CONFLICT", "OBJECT_ALREADY_EXISTS"})
_LATER: Final = frozenset({"RATE_LIMITS", "RATE_LIMIT"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What HubSpot says is wrong with one record, or with a whole call."""

    category: str
    message: str
    field: str | None = None
    code: str = ""
    traces: tuple[str, ...] = ()
    """The trace ids of the writes it is about."""
    ids: tuple[str, ...] = ()
    """The record ids it is about."""
    existing: str = ""
    """The id of the record that stands in the way."""


def rows(body: Any) -> Sequence[Mapping[str, Any]]:
    """The `results` of an answer. Raises BrokenProtocol where there are none."""
    match body:
        case {"results": list() as results} if all(isinstance(row, dict) for row in results):
            return results
    raise BrokenProtocol("HubSpot answered without a list of results")


def record(app: str, object: str, row: Mapping[str, Any]) -> Record:
    """A record as HubSpot shows it. What was never filled (null) and what was emptied ("") are one blank: "".

    Raises BrokenProtocol where id, properties or the time of change are missing.
    """
    match row:
        case {"id": str(id_), "properties": dict() as properties, "updatedAt": str(updated)}:
            created = row.get("createdAt")
            return Record(
                ref=Ref(app, object, id_),
                fields={name: "" if value is None else value for name, value in properties.items()},
                version=Version(updated, _instant(updated)),
                created=_instant(created) if isinstance(created, str) else None,
            )
    raise BrokenProtocol(f"HubSpot showed one of the {object} without id, properties or updatedAt")


def merged_ids(row: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the records that went into this one: hs_merged_object_ids "1;2", hs_calculated_merged_vids "1:t;2:t"."""
    properties = row.get("properties", {})
    listed = (properties.get(name) or "" for name in ("hs_merged_object_ids", "hs_calculated_merged_vids"))
    return frozenset(part.partition(":")[0] for ids in listed for part in ids.split(";") if part)


def milliseconds(told: str) -> int:
    """A time as HubSpot tells it, ISO 8601 or epoch milliseconds, as epoch milliseconds."""
    return int(told) if told.isdigit() else round(_instant(told).timestamp() * 1000)


def text(raw: Raw) -> str:
    """A raw value as HubSpot takes it: always a string, "" for a blank (null is not a way to clear)."""
    match raw:
        case None:
            return ""
        case bool():
            return "true" if raw else "false"
        case list() | tuple():
            return ";".join(text(part) for part in raw)
    return str(raw)


def trouble(body: Any) -> Trouble:
    """The parts of an error body, or of one entry of the `errors` of a 207."""
    if not isinstance(body, dict):
        return Trouble("", "HubSpot did not say why")
    context = _context(body)
    message = str(body.get("message") or "HubSpot did not say why")
    code, field_, reason = _first_error(body, message)
    existing = _EXISTING.search(message)
    return Trouble(
        category=str(body.get("category") or ""),
        message=(reason or message)[:_LONGEST_REASON],
        field=field_,
        code=code or str(body.get("category") or ""),
        traces=_strings(context, "objectWriteTraceId"),
        ids=_strings(context, "ids"),
        existing=next(iter(_strings(context, "existingId")), "") or (_found(existing) if existing else ""),
    )


def outcome(wrong: Trouble, write: Write) -> Outcome:
    """What a trouble with one record means for the write of it."""
    if wrong.category in _LATER:
        return Unsent(write.key, wrong.message)
    if isinstance(write, Create):
        if wrong.existing or wrong.category in _TAKEN:
            known = Ref(write.app, write.object, wrong.existing) if wrong.existing else None
            return Exists(write.key, known)
    elif wrong.category == "OBJECT_NOT_FOUND":
        return Stale(write.key)
    return Refused(write.key, wrong.message, wrong.field, wrong.code)


def _first_error(body: Mapping[str, Any], message: str) -> tuple[str, str | None, str]:
    """Code, property and words of the first thing that HubSpot finds wrong with the values."""
    for detail in body.get("errors") or ():
        if isinstance(detail, dict):
            names = (*_strings(_context(detail), "propertyName"), str(detail.get("in") or ""))
            return str(detail.get("code") or ""), next(filter(None, names), None), str(detail.get("message") or "")
    if message.startswith(_BAD_VALUES):
        try:
            told = json.loads(message.removeprefix(_BAD_VALUES))
        except ValueError:
            return "", None, ""
        if isinstance(told, list) and told and isinstance(told[0], dict):
            return str(told[0].get("error") or ""), told[0].get("name"), str(told[0].get("message") or "")
    return "", None, ""


def _found(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)


def _context(told: Mapping[str, Any]) -> Mapping[str, Any]:
    found = told.get("context")
    return found if isinstance(found, dict) else {}


def _strings(context: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = context.get(name)
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _instant(told: str) -> datetime:
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        raise BrokenProtocol("HubSpot told a time that is not ISO 8601") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
