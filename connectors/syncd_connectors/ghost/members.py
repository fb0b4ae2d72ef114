"""Members as Ghost shows them and as we show them: fields, rows to records, patches to bodies.

Learnt from Ghost 6.65 (SQLite), and held by the tests that run against a real one:

- `newsletters` are told apart by slug here. A body must name them by id: an unknown name is silently nothing.
  Archived newsletters are not shown, and subscribing somebody to one shows nothing either.
- `subscribed` is true if there is any active newsletter. Writing false empties the list; writing true to a member
  without any subscribes to the newsletters that are marked for new members, and to a member with some does nothing.
- A member that is made without a word about newsletters is subscribed to those defaults. Nobody asked for that, so
  a create that carries no consent says `subscribed: false`.
- An unknown key in a body is ignored with a 200; null for name or note is refused, "" clears it and is shown as null.
- Labels keep their first spelling: case-insensitively the same name is the same label. New names make new labels.
  They are shown in the order they were written in; here they are sorted, since the order means nothing.
- E-mail and name are kept as written: no trimming, no folding. An address with spaces around it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from syncd.core.record import Raw, Raws, Record, Ref, Version
from syncd.errors import BrokenProtocol, Rejected
from syncd.sdk.contract import Field, FieldType, Option

__all__ = ["ID", "OBJECT", "Newsletters", "body", "fields", "record"]

OBJECT: Final = "members"
ID: Final = re.compile(r"[0-9a-f]{24}")
"""What an id looks like; Ghost answers any other with 422."""

_SHOWN: Final = (
    *("email", "name", "note", "subscribed", "status", "comped", "uuid", "geolocation"),
    *("email_count", "email_opened_count", "email_open_rate", "last_seen_at", "created_at", "updated_at"),
)
"""The fields that are taken over as they are."""
_TEXTS: Final = frozenset({"email", "name", "note"})


@dataclass(frozen=True, slots=True)
class Newsletters:
    """The active newsletters of the site, by slug and by id."""

    rows: tuple[Mapping[str, Any], ...] = ()

    def slug(self, id: str) -> str | None:
        """The slug of a newsletter; None for one that is not known."""
        return next((row["slug"] for row in self.rows if row["id"] == id), None)

    def id(self, slug: str) -> str | None:
        """The id of a newsletter; None for a slug that is not known."""
        return next((row["id"] for row in self.rows if row["slug"] == slug), None)

    def options(self) -> tuple[Option, ...]:
        """As the options of a choice."""
        return tuple(Option(row["slug"], row["name"]) for row in self.rows)


def fields(newsletters: Newsletters, labels: tuple[Option, ...]) -> Mapping[str, Field]:
    """The fields of a member in this account. Lengths are those of Ghost's own JSON schema `members`."""
    kinds = FieldType
    known = (
        Field(
            name="email",
            type=kinds.EMAIL,
            label="Email",
            required=True,
            unique=True,
            clearable=False,
            max_chars=191,
            personal=True,
        ),
        Field(name="name", type=kinds.TEXT, label="Name", max_chars=191, blank="", personal=True),
        Field(name="note", type=kinds.TEXT, label="Note", max_chars=2000, blank="", personal=True),
        Field(name="labels", type=kinds.CHOICES, label="Labels", options=labels, open_options=True, blank=[]),
        Field(
            name="newsletters",
            type=kinds.CHOICES,
            label="Newsletters",
            options=newsletters.options(),
            blank=[],
            consent=True,
        ),
        Field(name="subscribed", type=kinds.BOOLEAN, label="Subscribed", clearable=False, consent=True),
        _shown("email_suppression.suppressed", kinds.BOOLEAN, "Suppressed after a bounce or a complaint"),
        _shown("status", kinds.CHOICE, "Status", *map(Option, ("free", "paid", "comped", "gift"))),
        _shown("comped", kinds.BOOLEAN, "Complimentary"),
        _shown("uuid", kinds.TEXT, "UUID"),
        _shown("geolocation", kinds.TEXT, "Place of sign-up"),
        _shown("email_count", kinds.INTEGER, "E-mails received"),
        _shown("email_opened_count", kinds.INTEGER, "E-mails opened"),
        _shown("email_open_rate", kinds.INTEGER, "Open rate, per cent"),
        _shown("last_seen_at", kinds.INSTANT, "Last seen"),
        _shown("created_at", kinds.INSTANT, "Created"),
        _shown("updated_at", kinds.INSTANT, "Updated"),
    )
    return {field.name: field for field in known}


def _shown(name: str, type: FieldType, label: str, *options: Option) -> Field:
    return Field(name=name, type=type, label=label, options=options, writable=False, creatable=False, clearable=False)


def record(app: str, row: Mapping[str, Any], slug: Callable[[str], str | None]) -> Record:
    """A member as a record. `slug` tells the slug of a newsletter's id. Raises BrokenProtocol for another shape."""
    try:
        ref = Ref(app, OBJECT, row["id"])
        shown: dict[str, Raw] = {name: row[name] for name in _SHOWN}
        shown["labels"] = sorted(label["name"] for label in row["labels"])
        slugs = (slug(newsletter["id"]) for newsletter in row["newsletters"])
        shown["newsletters"] = sorted(known for known in slugs if known is not None)
        shown["email_suppression.suppressed"] = row["email_suppression"]["suppressed"]
        return Record(ref, shown, Version(at=_instant(row["updated_at"])), _instant(row["created_at"]))
    except (KeyError, TypeError, ValueError) as odd:
        raise BrokenProtocol(f"{app}: a member does not have the shape that Ghost documents ({odd!r})") from odd


def body(patch: Raws, newsletter_id: Callable[[str], str | None]) -> Mapping[str, Raw]:
    """The changes as Ghost takes them; empty where there is nothing to say.

    Raises Rejected, with the field, for what Ghost would ignore or answer oddly: a field that cannot be written, a
    newsletter that does not exist. An opt-out beats a list of newsletters in the same patch.
    """
    said: dict[str, Raw] = {}
    for name, value in patch.items():
        if name in _TEXTS:
            said[name] = "" if value is None else value
        elif name == "labels":
            said[name] = list(value or ())
        elif name == "newsletters":
            said[name] = [{"id": _known(slug, newsletter_id)} for slug in value or ()]
        elif name == "subscribed":
            said |= {} if value is None else {name: value}
        else:
            raise Rejected(f"{name} cannot be written to a member", field=name, code="read_only")
    if said.get("subscribed") is False:
        said.pop("newsletters", None)
    return said


def _known(slug: str, newsletter_id: Callable[[str], str | None]) -> str:
    found = newsletter_id(slug)
    if found is None:
        raise Rejected(f"there is no active newsletter {slug!r}", field="newsletters", code="unknown_newsletter")
    return found


def _instant(shown: str | None) -> datetime | None:
    return None if shown is None else datetime.fromisoformat(shown)
