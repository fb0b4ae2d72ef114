"""The properties a HubSpot portal is born with, and what the portal makes of a value that somebody writes.

Sources: HubSpot docs, crm-properties (types, options, read-only) and "default contact properties"; the spec
`CRM/Properties/v3`; error codes as in error-handling and in public reports of the API's answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["Invalid", "Property", "born_with", "instant", "stored"]

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TEXT_LIMIT: Final = 65_536  # HubSpot docs, crm-properties: the longest text value


@dataclass(frozen=True, slots=True)
class Invalid:
    """Why a value cannot stand: the API's own code, and words."""

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of an object type."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    options: tuple[tuple[str, str], ...] = ()
    """Value and label of each admissible value."""
    read_only: bool = False
    calculated: bool = False
    unique: bool = False
    hidden: bool = False
    refers: str = ""
    defined_by_vendor: bool = True

    def as_json(self) -> dict[str, Any]:
        """As `GET /crm/v3/properties/{type}` shows it."""
        described: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": "",
            "groupName": "information",
            "options": [
                {"label": label, "value": value, "displayOrder": place, "hidden": False}
                for place, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": bool(self.refers),
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "hubspotDefined": self.defined_by_vendor,
            "formField": not self.read_only,
            "modificationMetadata": {
                "archivable": not self.defined_by_vendor,
                "readOnlyDefinition": self.defined_by_vendor,
                "readOnlyOptions": self.defined_by_vendor,
                "readOnlyValue": self.read_only,
            },
            "archived": False,
            "createdAt": "2020-01-01T00:00:00.000Z",
            "updatedAt": "2020-01-01T00:00:00.000Z",
        }
        return described | ({"referencedObjectType": self.refers} if self.refers else {})

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Property:
        """From the body of `POST /crm/v3/properties/{type}`. Raises KeyError where a part is missing."""
        return cls(
            name=body["name"],
            label=body["label"],
            type=body["type"],
            field_type=body["fieldType"],
            options=tuple((option["value"], option["label"]) for option in body.get("options", ())),
            unique=bool(body.get("hasUniqueValue", False)),
            hidden=bool(body.get("hidden", False)),
            defined_by_vendor=False,
        )


def stored(known: Property, value: object, before: str) -> str | Invalid:
    """What comes to stand when `value` is written over `before`: trimmed, folded, normalised; or why not."""
    if value is None or isinstance(value, list | dict):
        return Invalid(known.name, "INVALID_STRING", f"{value} was not a valid string.")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not text:
        return ""
    match known.type:
        case "enumeration" if known.field_type == "checkbox":
            return _choices(known, text, before)
        case "enumeration" | "bool":
            return _choice(known, text)
        case "number":
            return _number(known, text)
        case "date" | "datetime":
            return _time(known, text)
    if known.name == "email":
        return _email(known, text)
    if len(text) > _TEXT_LIMIT:
        return Invalid(known.name, "INVALID_STRING", f"{known.name} is longer than {_TEXT_LIMIT} characters")
    return text


def instant(milliseconds: int) -> str:
    """Epoch milliseconds as the API writes instants."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{at.isoformat(timespec='milliseconds')[:-6]}Z"


def _email(known: Property, text: str) -> str | Invalid:
    folded = text.strip().lower()
    if _EMAIL.fullmatch(folded):
        return folded
    return Invalid(known.name, "INVALID_EMAIL", f"Email address {text} is invalid")


def _choice(known: Property, text: str) -> str | Invalid:
    if known.type == "bool":
        folded = text.lower()
        return folded if folded in ("true", "false") else _not_allowed(known, text)
    if known.refers:
        return text
    return text if any(text == value for value, _ in known.options) else _not_allowed(known, text)


def _choices(known: Property, text: str, before: str) -> str | Invalid:
    allowed = {value for value, _ in known.options}
    added = [part for part in text.split(";") if part]
    for part in added:
        if part not in allowed:
            return _not_allowed(known, part)
    kept = [part for part in before.split(";") if part] if text.startswith(";") else []
    return ";".join(dict.fromkeys([*kept, *added]))


def _not_allowed(known: Property, text: str) -> Invalid:
    values = [value for value, _ in known.options] or ["true", "false"]
    return Invalid(
        known.name,
        "INVALID_OPTION",
        f"{text} was not one of the allowed options: [{', '.join(values)}]",
    )


def _number(known: Property, text: str) -> str | Invalid:
    try:
        float(text)
    except ValueError:
        return Invalid(known.name, "INVALID_INTEGER", f"{text} was not a valid number.")
    return text.strip()


def _time(known: Property, text: str) -> str | Invalid:
    wrong = Invalid(known.name, "INVALID_DATE", f"{text} was not a valid {known.type}.")
    try:
        if text.lstrip("-").isdigit():
            at = datetime.fromtimestamp(int(text) / 1000, UTC)
        else:
            at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return wrong
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if known.type == "datetime":
        return instant(round(at.timestamp() * 1000))
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{at:%Y-%m-%d}" if at == midnight else wrong


def _text(name: str, label: str, field_type: str = "text") -> Property:
    return Property(name=name, label=label, field_type=field_type)


def _kept(name: str, label: str, type: str = "string", field_type: str = "text") -> Property:
    """A property that only the portal itself writes."""
    return Property(name=name, label=label, type=type, field_type=field_type, read_only=True)


def _select(name: str, label: str, *values: str, field_type: str = "select") -> Property:
    options = tuple((value, value.replace("_", " ").capitalize()) for value in values)
    return Property(name=name, label=label, type="enumeration", field_type=field_type, options=options)


_OWNER: Final = Property(
    name="hubspot_owner_id", label="Owner", type="enumeration", field_type="select", refers="OWNER"
)
_OWN_BOOKS: Final = (
    _kept("hs_object_id", "Record ID", "number", "number"),
    _kept("createdate", "Create date", "datetime", "date"),
    _kept("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox"),
)
_STAGES: Final = (
    "subscriber lead marketingqualifiedlead salesqualifiedlead opportunity customer evangelist other".split()
)

_CONTACTS: Final = (
    *_OWN_BOOKS,
    _kept("lastmodifieddate", "Last modified date", "datetime", "date"),
    _text("email", "Email"),
    _text("firstname", "First name"),
    _text("lastname", "Last name"),
    _text("phone", "Phone number", "phonenumber"),
    _text("mobilephone", "Mobile phone number", "phonenumber"),
    _text("company", "Company name"),
    _text("jobtitle", "Job title"),
    _text("address", "Street address"),
    _text("city", "City"),
    _text("state", "State/Region"),
    _text("zip", "Postal code"),
    _text("country", "Country/Region"),
    _text("website", "Website URL"),
    _text("message", "Message", "textarea"),
    _select("lifecyclestage", "Lifecycle stage", *_STAGES, field_type="radio"),
    _select("hs_lead_status", "Lead status", "NEW", "OPEN", "IN_PROGRESS", "UNQUALIFIED", field_type="radio"),
    _OWNER,
    Property(name="associatedcompanyid", label="Primary company ID", type="number", field_type="number"),
    _kept("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox"),
    _kept("hs_calculated_merged_vids", "Merged contact IDs with timestamps"),
    _kept("hs_email_optout", "Unsubscribed from all email", "bool", "booleancheckbox"),
    _kept("hs_email_optout_101", "Opted out of email: Newsletter", "bool", "booleancheckbox"),
    _kept("hs_email_optout_102", "Opted out of email: Product news", "bool", "booleancheckbox"),
    Property(
        name="num_associated_deals",
        label="Number of associated deals",
        type="number",
        field_type="number",
        calculated=True,
        read_only=True,
    ),
    Property(name="hs_analytics_source", label="Original source", hidden=True, read_only=True),
    Property(name="customer_number", label="Customer number", unique=True, defined_by_vendor=False),
    Property(name="birthday", label="Birthday", defined_by_vendor=False),
    Property(name="score", label="Score", type="number", field_type="number", defined_by_vendor=False),
    Property(name="vip", label="VIP", type="bool", field_type="booleancheckbox", defined_by_vendor=False),
    Property(name="member_since", label="Member since", type="date", field_type="date", defined_by_vendor=False),
    Property(name="last_seen_at", label="Last seen", type="datetime", field_type="date", defined_by_vendor=False),
    Property(
        name="interests",
        label="Interests",
        type="enumeration",
        field_type="checkbox",
        options=(("news", "News"), ("events", "Events"), ("offers", "Offers")),
        defined_by_vendor=False,
    ),
)
_COMPANIES: Final = (
    *_OWN_BOOKS,
    _kept("hs_lastmodifieddate", "Last modified date", "datetime", "date"),
    _text("name", "Company name"),
    _text("domain", "Company domain name"),
    _text("phone", "Phone number", "phonenumber"),
    _text("website", "Website URL"),
    _text("description", "Description", "textarea"),
    _text("address", "Street address"),
    _text("city", "City"),
    _text("state", "State/Region"),
    _text("zip", "Postal code"),
    _text("country", "Country/Region"),
    Property(name="numberofemployees", label="Number of employees", type="number", field_type="number"),
    _select("industry", "Industry", "COMPUTER_SOFTWARE", "FOOD_PRODUCTION", "LOGISTICS", "TEXTILES"),
    _select("lifecyclestage", "Lifecycle stage", *_STAGES, field_type="radio"),
    _OWNER,
)
_DEALS: Final = (
    *_OWN_BOOKS,
    _kept("hs_lastmodifieddate", "Last modified date", "datetime", "date"),
    _text("dealname", "Deal name"),
    Property(name="amount", label="Amount", type="number", field_type="number"),
    Property(name="closedate", label="Close date", type="datetime", field_type="date"),
    _select("pipeline", "Pipeline", "default"),
    _select(
        "dealstage",
        "Deal stage",
        "appointmentscheduled",
        "qualifiedtobuy",
        "contractsent",
        "closedwon",
        "closedlost",
        field_type="radio",
    ),
    _text("description", "Description", "textarea"),
    _OWNER,
)


def born_with() -> Mapping[str, Sequence[Property]]:
    """Object type to the properties of a new portal, with a handful of custom ones on contacts."""
    return {"contacts": _CONTACTS, "companies": _COMPANIES, "deals": _DEALS}
