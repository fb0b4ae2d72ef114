"""What an audience's members look like, as the account itself says: merge fields, interests, tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from syncd.sdk import Capabilities, Deletes, Field, FieldType, Object, Option
from syncd_connectors.mailchimp.account import Api, Audience
from syncd_connectors.mailchimp.members import OBJECT

__all__ = ["BATCH", "PAGE", "members_object"]

PAGE: Final = 1000
"""The most rows in one answer (OpenAPI description 3.0.55, `count`)."""
BATCH: Final = 500
"""The most members in one batch subscribe call (the same, POST /lists/{list_id})."""

_TEXT_BYTES: Final = 255
"""Longer text is cut without a word (Mailchimp docs, merge-fields)."""

_STATUSES: Final = {
    "subscribed": "Subscribed",
    "unsubscribed": "Unsubscribed",
    "cleaned": "Cleaned (bounced)",
    "pending": "Pending confirmation",
    "transactional": "Not subscribed",
}
_BIRTHDAY: Final = "date:%m/%d"

_MERGE_TYPES: Final[Mapping[str, Field]] = {
    "text": Field(name="", type=FieldType.TEXT, max_bytes=_TEXT_BYTES, blank="", personal=True),
    "number": Field(name="", type=FieldType.DECIMAL, blank=""),
    "date": Field(name="", type=FieldType.DATE, blank="", personal=True),
    "birthday": Field(name="", type=FieldType.DATE, codec=_BIRTHDAY, blank="", personal=True),
    "address": Field(name="", type=FieldType.ADDRESS, blank="", personal=True),
    "phone": Field(name="", type=FieldType.PHONE, blank="", personal=True),
    "zip": Field(name="", type=FieldType.TEXT, blank="", personal=True),
    "url": Field(name="", type=FieldType.TEXT, blank=""),
    "imageurl": Field(name="", type=FieldType.TEXT, max_bytes=_TEXT_BYTES, blank=""),
    "dropdown": Field(name="", type=FieldType.CHOICE, blank=""),
    "radio": Field(name="", type=FieldType.CHOICE, blank=""),
}

_OWN: Final = (
    Field(
        name="email_address",
        type=FieldType.EMAIL,
        label="Email Address",
        required=True,
        unique=True,
        clearable=False,
        personal=True,
    ),
    Field(
        name="status",
        type=FieldType.CHOICE,
        label="Status",
        options=tuple(Option(value, label) for value, label in _STATUSES.items()),
        clearable=False,
        consent=True,
    ),
    Field(name="language", type=FieldType.TEXT, label="Language", blank=""),
    Field(name="vip", type=FieldType.BOOLEAN, label="VIP", blank=False),
    Field(
        name="email_type",
        type=FieldType.CHOICE,
        label="Preferred Format",
        options=(Option("html", "HTML"), Option("text", "Plain text")),
        clearable=False,
    ),
)

_READ_ONLY: Final[Mapping[str, FieldType]] = {
    "contact_id": FieldType.TEXT,
    "unique_email_id": FieldType.TEXT,
    "web_id": FieldType.INTEGER,
    "full_name": FieldType.TEXT,
    "member_rating": FieldType.INTEGER,
    "timestamp_signup": FieldType.INSTANT,
    "timestamp_opt": FieldType.INSTANT,
    "last_changed": FieldType.INSTANT,
    "source": FieldType.TEXT,
    "unsubscribe_reason": FieldType.TEXT,
    "marketing_permissions": FieldType.JSON,
}

_CAPABILITIES: Final = Capabilities(
    incremental=True,
    # Archiving, which is what the screens and this connector do, is told by the listing. A permanent deletion is
    # not: it shows in a read, in a webhook, and as an absence from a full listing.
    deletes=Deletes.TOLD,
    archives=True,
    unique=("email_address",),
    read_batch=1,
    write_batch=BATCH,
    page_size=PAGE,
    late_write=timedelta(minutes=5),
    granularity=timedelta(seconds=1),
)
_LATE_BATCH: Final = timedelta(hours=1)


def members_object(api: Api, audience: Audience, *, batches: bool) -> Object:
    """The one object of an audience, discovered. `batches`: writes may go by asynchronous batches, which end late."""
    fields = [*_OWN, *_merge_fields(api, audience), *_interests(api, audience), _tags(api, audience), *_read_only()]
    capabilities = replace(_CAPABILITIES, late_write=_LATE_BATCH) if batches else _CAPABILITIES
    return Object(OBJECT, {field.name: field for field in fields}, capabilities, label=f"Members of {audience.name}")


def _merge_fields(api: Api, audience: Audience) -> Iterator[Field]:
    """Required merge fields are not required here: that rule is for sign-up forms, and writes ask to skip it.

    Otherwise an opt-out could be refused because an address is missing.
    """
    for row in _rows(api, f"{audience.path}/merge-fields", "merge_fields"):
        kind = _MERGE_TYPES.get(row["type"])
        if kind is None:
            continue  # a type newer than this connector
        choices = (row.get("options") or {}).get("choices") or ()
        yield replace(
            kind,
            name=f"merge_fields.{row['tag']}",
            label=row.get("name", ""),
            options=tuple(Option(choice, choice) for choice in choices),
        )


def _interests(api: Api, audience: Audience) -> Iterator[Field]:
    root = f"{audience.path}/interest-categories"
    for category in _rows(api, root, "categories"):
        for interest in _rows(api, f"{root}/{category['id']}/interests", "interests"):
            label = f"{category['title']}: {interest['name']}"
            yield Field(name=f"interests.{interest['id']}", type=FieldType.BOOLEAN, label=label, blank=False)


def _tags(api: Api, audience: Audience) -> Field:
    rows = api.mapping("GET", f"{audience.path}/tag-search").get("tags") or ()
    options = tuple(Option(name, name) for name in sorted(row["name"] for row in rows))
    return Field(name="tags", type=FieldType.CHOICES, label="Tags", options=options, open_options=True, blank=[])


def _read_only() -> Iterator[Field]:
    for name, kind in _READ_ONLY.items():
        label = name.replace("_", " ").capitalize()
        personal = name in {"full_name", "unsubscribe_reason"}
        yield Field(name=name, type=kind, label=label, writable=False, creatable=False, personal=personal)


def _rows(api: Api, path: str, collection: str) -> list[Mapping[str, Any]]:
    return list(api.mapping("GET", path, params={"count": PAGE}).get(collection) or ())
