"""Members on the wire: rows to records, and writes to bodies.

A record's id is Mailchimp's contact id. It stays when the address changes, while the subscriber hash (MD5 of the
address) does not; the API takes either in the path of GET, PATCH, PUT and DELETE (OpenAPI description 3.0.55,
`subscriber_hash`). Only the calls that give tags want the hash, which every answer carries as `id`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from syncd.sdk import BrokenProtocol, Field, FieldType, Gone, Raw, Raws, Record, Ref, Rejected, Version

__all__ = [
    "HIDDEN",
    "OBJECT",
    "Body",
    "address_hash",
    "body_of",
    "email_key",
    "fields_of",
    "is_id",
    "record_of",
    "tags_of",
]

OBJECT: Final = "members"

HIDDEN: Final = ("_links", "stats", "location", "ip_signup", "ip_opt", "last_note", "email_client")
"""What nobody maps, and what makes up half of a row."""

_PLAIN: Final = (
    "email_address",
    "status",
    "language",
    "vip",
    "email_type",
    "contact_id",
    "unique_email_id",
    "web_id",
    "full_name",
    "member_rating",
    "timestamp_signup",
    "timestamp_opt",
    "last_changed",
    "source",
    "unsubscribe_reason",
    "marketing_permissions",
)
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESS_PARTS: Final = ("addr1", "city", "state", "zip")


def email_key(email: str) -> str:
    """The form in which Mailchimp compares addresses."""
    return email.strip().lower()


def address_hash(email: str) -> str:
    """The subscriber hash: MD5 of the address in lower case (Mailchimp docs, methods-and-parameters)."""
    return hashlib.md5(email_key(email).encode(), usedforsecurity=False).hexdigest()


def is_id(text: str) -> bool:
    """Whether a text can be a contact id; any other would be a path of its own, or an address."""
    return _ID.fullmatch(text) is not None


def tags_of(row: Mapping[str, Any]) -> list[str] | None:
    """The names of a member's tags, sorted; None where the row does not show all: it shows 50 at most."""
    tags = row.get("tags")
    if not isinstance(tags, list) or row.get("tags_count", len(tags)) > len(tags):
        return None
    return sorted(tag["name"] for tag in tags)


def fields_of(row: Mapping[str, Any]) -> dict[str, Raw]:
    """The fields that a row shows, by dotted name."""
    fields: dict[str, Raw] = {name: row[name] for name in _PLAIN if name in row}
    for tag, value in (row.get("merge_fields") or {}).items():
        fields[f"merge_fields.{tag}"] = value
    for interest, value in (row.get("interests") or {}).items():
        fields[f"interests.{interest}"] = value
    tags = tags_of(row)
    if tags is not None:
        fields["tags"] = tags
    return fields


def record_of(app: str, row: Mapping[str, Any]) -> Record | Gone:
    """A row as a record; an archived member is gone, and Mailchimp says so.

    Raises BrokenProtocol for a row without a contact id. `created` stays unknown: a contact id is never used again,
    and Mailchimp's `timestamp_signup` moves.
    """
    contact = row.get("contact_id")
    if not isinstance(contact, str) or not contact:
        raise BrokenProtocol("Mailchimp shows a member without a contact_id", hint="the API key may be a very old one")
    ref = Ref(app, OBJECT, contact)
    if row.get("status") == "archived":
        return Gone(ref, told=True)
    changed = row.get("last_changed")
    return Record(ref, fields_of(row), Version(at=datetime.fromisoformat(changed) if changed else None))


@dataclass(frozen=True, slots=True)
class Body:
    """A write in Mailchimp's words. Tags go by a call of their own, except with a new member."""

    json: dict[str, Any]
    tags: tuple[str, ...] | None = None

    @property
    def email(self) -> str:
        """The address in the body, as Mailchimp compares it."""
        return email_key(str(self.json.get("email_address", "")))


def body_of(patch: Raws, fields: Mapping[str, Field]) -> Body:
    """The body that carries a patch. Raises Rejected, naming the field, for what Mailchimp would cut or ignore."""
    json: dict[str, Any] = {}
    tags: tuple[str, ...] | None = None
    for name, value in patch.items():
        field = fields.get(name)
        if field is None or not field.writable:
            why = "does not exist in this audience" if field is None else "is kept by Mailchimp itself"
            raise Rejected(f"the field {name} {why}", field=name, code="no-such-field")
        sent = _sent(field, value)
        group, dot, key = name.partition(".")
        if name == "tags":
            tags = tuple(sent)
        elif dot:
            json.setdefault(group, {})[key] = sent
        else:
            json[name] = sent
    return Body(json, tags)


def _sent(field: Field, value: Raw) -> Raw:
    if field.type is FieldType.ADDRESS:
        return _address(value)
    if value is None:
        return field.blank
    if field.max_bytes is not None and isinstance(value, str) and len(value.encode()) > field.max_bytes:
        length = len(value.encode())
        why = f"{field.name} holds {length} bytes; Mailchimp keeps {field.max_bytes} and would cut the rest"
        raise Rejected(why, field=field.name, code="too-long")
    return value


def _address(value: Raw) -> Raw:
    """All parts that Mailchimp demands, empty where there is nothing to say; blank is "" and never an object."""
    if not isinstance(value, Mapping) or not any(value.get(part) for part in (*_ADDRESS_PARTS, "addr2")):
        return ""
    return {**dict.fromkeys(_ADDRESS_PARTS, ""), **{part: text for part, text in value.items() if text is not None}}
