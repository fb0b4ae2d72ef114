"""What Mailchimp makes of the values it is given: what it takes, what it rewrites, what it refuses.

Sources: Mailchimp docs, merge-fields (types, 255 bytes of text, blank address), methods-and-parameters (statuses),
and the published OpenAPI description 3.0.55.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

__all__ = [
    "CREATE_STATUSES",
    "PATCH_STATUSES",
    "MergeField",
    "Trouble",
    "email_address",
    "interests_of",
    "merge_value",
]

CREATE_STATUSES: Final = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
PATCH_STATUSES: Final = ("subscribed", "unsubscribed", "cleaned", "pending")
TEXT_BYTES: Final = 255
_ADDRESS_NEEDS: Final = ("addr1", "city", "state", "zip")
_ROLES: Final = frozenset({"abuse", "hostmaster", "noc", "postmaster", "root", "spam", "webmaster"})
_FAKE_DOMAINS: Final = frozenset({"fake.test", "email.test", "nowhere.test"})
_EMAIL: Final = re.compile(r"[^@\s,;<>\"()]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(slots=True, eq=False)
class Trouble(Exception):
    """A refusal: the problem document's title and detail, and the fields it names."""

    title: str
    detail: str
    fields: tuple[tuple[str, str], ...] = ()
    status: int = 400


@dataclass(frozen=True, slots=True)
class MergeField:
    """One merge field of an audience."""

    merge_id: int
    tag: str
    name: str
    type: str
    choices: tuple[str, ...] = ()
    phone_format: str = "none"
    default_country: str = "US"

    def wire(self, list_id: str) -> dict[str, Any]:
        """As the API shows it."""
        options: dict[str, Any] = {}
        if self.type == "text":
            options["size"] = 25
        elif self.type in {"dropdown", "radio"}:
            options["choices"] = list(self.choices)
        elif self.type == "phone":
            options["phone_format"] = self.phone_format
        elif self.type == "date":
            options["date_format"] = "MM/DD/YYYY"
        elif self.type == "birthday":
            options["date_format"] = "MM/DD"
        elif self.type == "address":
            options["default_country"] = 164
        return {
            "merge_id": self.merge_id,
            "tag": self.tag,
            "name": self.name,
            "type": self.type,
            "required": False,
            "default_value": "",
            "public": True,
            "display_order": self.merge_id + 1,
            "options": options,
            "help_text": "",
            "list_id": list_id,
        }


def email_address(value: Any) -> str:
    """The address as stored: as it was written, spaces around it gone. Raises Trouble for one that is not taken."""
    text = value.strip() if isinstance(value, str) else ""
    local, _, domain = text.rpartition("@")
    if not _EMAIL.fullmatch(text) or local.lower() in _ROLES or domain.lower() in _FAKE_DOMAINS:
        raise Trouble("Invalid Resource", f"{value} looks fake or invalid, please enter a real email address.")
    return text


def merge_value(field: MergeField, value: Any) -> Any:
    """What stands in the record after `value` was sent for `field`. Raises Trouble for a value that is not taken."""
    if value is None or value == "":
        return ""
    match field.type:
        case "text" | "imageurl":
            text = value if isinstance(value, str) else str(value)
            return text if len(text) <= TEXT_BYTES // 4 else _cut(text)
        case "number":
            return _number(field, value)
        case "date":
            return _date(field, value).isoformat()
        case "birthday":
            return _birthday(field, value)
        case "address":
            return _address(field, value)
        case "dropdown" | "radio":
            if value not in field.choices:
                raise _invalid(field, f"Value must be one of: {', '.join(field.choices)}")
            return value
        case "zip":
            if not re.fullmatch(r"\d{5}", str(value)):
                raise _invalid(field, "Please enter a valid zip code")
            return str(value)
        case "url":
            if not str(value).startswith(("http://", "https://")):
                raise _invalid(field, "Please enter a valid URL")
            return str(value)
        case "phone":
            if field.phone_format == "US" and len(re.sub(r"\D", "", str(value))) != 10:
                raise _invalid(field, "Please enter a valid US phone number")
            return str(value)
    raise _invalid(field, f"no such type {field.type}")


def _cut(text: str) -> str:
    return text.encode()[:TEXT_BYTES].decode(errors="ignore")


def _number(field: MergeField, value: Any) -> int | float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _invalid(field, "Please enter a number") from None
    return int(number) if number.is_integer() else number


def _date(field: MergeField, value: Any) -> date:
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(str(value), form).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise _invalid(field, "Please enter the date as YYYY-MM-DD")


def _birthday(field: MergeField, value: Any) -> str:
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})", str(value))
    month, day = (int(part) for part in found.groups()) if found else (0, 0)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise _invalid(field, "Please enter the birthday as MM/DD")
    return f"{month:02d}/{day:02d}"


def _address(field: MergeField, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(value.get(need), str) for need in _ADDRESS_NEEDS):
        raise _invalid(field, "Please enter a complete address")
    return {
        "addr1": value["addr1"],
        "addr2": value.get("addr2") or "",
        "city": value["city"],
        "state": value["state"],
        "zip": value["zip"],
        "country": value.get("country") or field.default_country,
    }


def _invalid(field: MergeField, message: str) -> Trouble:
    detail = "Your merge fields were invalid."
    return Trouble("Invalid Resource", detail, ((field.tag, message),))


def interests_of(given: Any, known: Sequence[str]) -> dict[str, bool]:
    """The interests named in a request. Raises Trouble for an id that the audience does not have."""
    named = dict(given) if isinstance(given, Mapping) else {}
    for interest in named:
        if interest not in known:
            raise Trouble("Invalid Resource", "Invalid interest ID.", (("interests", f"no interest {interest}"),))
    return {interest: bool(value) for interest, value in named.items()}
