"""From the app's rows to records, from patches to bodies, and from its refusals to outcomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from syncd.core.record import Raws, Record, Ref, Refused, Version
from syncd.errors import BrokenProtocol
from syncd.sdk.contract import Field
from syncd_connectors.bottlecrm.fields import CUSTOM, TIES
from syncd_connectors.bottlecrm.kinds import Kind

__all__ = ["body", "place", "record", "refusal", "says_taken", "unfit"]

_TAKEN: Final = re.compile(r"\balready (exists|uses)\b")


def record(app: str, kind: Kind, fields: Mapping[str, Field], row: Mapping[str, Any]) -> Record:
    """The record that a row shows: every field of the schema, and nothing else.

    A custom field without a value is missing from the row; here it is None, so that clearing one is seen. Raises
    BrokenProtocol for a row that lacks a field.
    """
    try:
        custom = row["custom_fields"]
        raws = {
            name: custom.get(name.removeprefix(CUSTOM)) if name.startswith(CUSTOM) else _raw(name, row[name])
            for name in fields
        }
        changed = row.get("updated_at")  # accounts have none
        return Record(
            ref=Ref(app, kind.name, row["id"]),
            fields=raws,
            version=Version(changed, _instant(changed)) if changed else Version(),
            created=_instant(row["created_at"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as lack:
        raise BrokenProtocol(f"a row of {kind.name} is not as BottleCRM shows one: {lack!r}") from lack


def _raw(name: str, value: Any) -> Any:
    if name not in TIES:
        return value
    # A contact's tags are bare ids, everything else is an object with an id.
    return sorted(tie["id"] if isinstance(tie, Mapping) else tie for tie in value)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def place(kind: Kind, row: Mapping[str, Any]) -> Any:
    """Where a row stands in the app's own order of listings."""
    return _instant(row["created_at"]) if kind.order == "created_at" else row[kind.order]


def body(patch: Raws) -> dict[str, Any]:
    """What to send for a patch: the app keeps custom fields that are not named."""
    custom = {n.removeprefix(CUSTOM): value for n, value in patch.items() if n.startswith(CUSTOM)}
    plain = {name: value for name, value in patch.items() if not name.startswith(CUSTOM)}
    return {**plain, "custom_fields": custom} if custom else plain


def unfit(kind: Kind, fields: Mapping[str, Field], patch: Raws, key: str) -> Refused | None:
    """A refusal of our own, where the app would answer 200 and do nothing, or do too much."""
    for name, value in patch.items():
        field = fields.get(name)
        if field is None or not field.writable:
            # Fields that it does not know or does not take the app drops without a word.
            return Refused(key, f"{kind.name} take no field {name}", name, "unwritable")
        if name in kind.one_way and value in kind.one_way[name]:
            return Refused(key, f"syncd does not write {value!r}: {kind.one_way[name][value]}", name, "one way")
    return None


def refusal(key: str, status: int, answer: Any) -> Refused:
    """The app's refusal of one record. It comes in three shapes (see `_complaints`)."""
    for field, reason in _complaints(answer):
        return Refused(key, reason, field, str(status))
    return Refused(key, "BottleCRM refused the record and did not say why", None, str(status))


def says_taken(kind: Kind, answer: Any) -> bool:
    """Whether the app refuses because its unique field has this value in another record."""
    return any(field == kind.unique and _TAKEN.search(reason) for field, reason in _complaints(answer))


def _complaints(answer: Any) -> Iterator[tuple[str | None, str]]:
    """Field and reason, from `{"errors": {field: [reasons]}}`, `{"errors": text}` and `{field: [reasons]}`.

    The complaints about custom fields are nested once more, one text each.
    """
    found = answer.get("errors", answer) if isinstance(answer, Mapping) else answer
    if isinstance(found, str):
        yield None, found
    if not isinstance(found, Mapping):
        return
    for name, reasons in found.items():
        if isinstance(reasons, Mapping):
            yield from ((CUSTOM + key, str(reason)) for key, reason in reasons.items())
        elif name in ("detail", "non_field_errors"):
            yield None, str(reasons)
        elif isinstance(reasons, list):
            yield from ((name, str(reason)) for reason in reasons)
