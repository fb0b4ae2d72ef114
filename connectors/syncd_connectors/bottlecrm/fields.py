"""The fields of BottleCRM's objects, as its models and serializers have them.

The API describes nothing of itself (OPTIONS names no field), so the table stands here; it follows django-crm 1.35.0,
`contacts/models.py`, `accounts/models.py`, `leads/models.py` and the serializers beside them. The options of sources,
countries, industries, owners, teams and tags, and all custom fields, are the account's own and come from the API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from syncd.sdk.contract import Field, FieldType, Option

__all__ = ["ACCOUNT", "CONTACT", "CUSTOM", "LEAD", "TIES", "custom_field", "with_options"]

CUSTOM: Final = "custom_fields."
"""What the names of custom fields begin with."""

TIES: Final = ("assigned_to", "teams", "tags")
"""Fields that the app shows as lists of objects and takes as lists of ids; a record has the ids, sorted."""


def _text(name: str, label: str, most: int | None = 255, **facts: Any) -> Field:
    return Field(name=name, label=label, type=FieldType.TEXT, max_chars=most, **facts)


def _choice(name: str, label: str, *options: str, **facts: Any) -> Field:
    return Field(name=name, label=label, type=FieldType.CHOICE, options=tuple(map(Option, options)), **facts)


def _typed(type: FieldType, name: str, label: str, **facts: Any) -> Field:
    return Field(name=name, label=label, type=type, **facts)


def _shown(type: FieldType, name: str, label: str, **facts: Any) -> Field:
    return Field(name=name, label=label, type=type, writable=False, creatable=False, **facts)


_CURRENCIES: Final = "USD EUR GBP INR CAD AUD JPY CNY CHF SGD AED BRL MXN ZAR".split()

_EMAIL: Final = _typed(FieldType.EMAIL, "email", "E-mail", max_chars=254, personal=True)
_PHONE: Final = _typed(FieldType.PHONE, "phone", "Phone", max_chars=25, personal=True)
_PHONE_E164: Final = _shown(FieldType.PHONE, "phone_e164", "Phone, as the app understands it", personal=True)
_NOTES: Final = _text("description", "Notes", None, personal=True)
_ADDRESS: Final = (
    _text("address_line", "Address", personal=True),
    _text("city", "City", personal=True),
    _text("state", "State", personal=True),
    _text("postcode", "Postal code", 64, personal=True),
    _choice("country", "Country", max_chars=3),
)
_TIES: Final = (
    _typed(FieldType.CHOICES, "assigned_to", "Assigned to"),
    _typed(FieldType.CHOICES, "teams", "Teams"),
    _typed(FieldType.CHOICES, "tags", "Tags"),
)
_ACTIVE: Final = _typed(FieldType.BOOLEAN, "is_active", "Active", clearable=False)
_CREATED: Final = _shown(FieldType.INSTANT, "created_at", "Created")
_UPDATED: Final = _shown(FieldType.INSTANT, "updated_at", "Last changed")
_ORIGIN: Final = (
    _text("source_detail", "Sub-source", 100, blank=""),
    _text("source_ref", "Reference", blank=""),
)

CONTACT: Final = (
    _text("first_name", "First name", required=True, clearable=False, personal=True),
    _text("last_name", "Last name", required=True, clearable=False, personal=True),
    replace(_EMAIL, unique=True),
    _PHONE,
    _PHONE_E164,
    _text("organization", "Company"),
    _text("title", "Job title"),
    _text("department", "Department"),
    _typed(FieldType.BOOLEAN, "do_not_call", "Do not call", clearable=False),
    _text("linkedin_url", "LinkedIn address", 200, personal=True),
    *_ADDRESS,
    _NOTES,
    _choice("source", "Source", blank=""),
    *_ORIGIN,
    _typed(FieldType.REFERENCE, "account", "Primary account", refers="accounts"),
    *_TIES,
    _ACTIVE,
    _CREATED,
    _UPDATED,
)

ACCOUNT: Final = (
    _text("name", "Name", required=True, unique=True, clearable=False),
    _EMAIL,
    _PHONE,
    _text("website", "Website", 200),
    _choice("industry", "Industry"),
    _typed(FieldType.INTEGER, "number_of_employees", "Number of employees"),
    _typed(FieldType.DECIMAL, "annual_revenue", "Annual revenue"),
    _choice("currency", "Currency", *_CURRENCIES),
    *_ADDRESS,
    _NOTES,
    *_TIES,
    _ACTIVE,
    _CREATED,
)

LEAD: Final = (
    _text("title", "Title"),
    _text("salutation", "Salutation", 64),
    _text("first_name", "First name", personal=True),
    _text("last_name", "Last name", personal=True),
    replace(_EMAIL, unique=True),
    _PHONE,
    _PHONE_E164,
    _text("job_title", "Job title"),
    _text("company_name", "Company"),
    _text("website", "Website"),
    _text("linkedin_url", "LinkedIn address", 500, personal=True),
    _choice("status", "Status", "assigned", "in process", "converted", "recycled", "closed"),
    _choice("source", "Source"),
    *_ORIGIN,
    _choice("industry", "Industry"),
    _choice("rating", "Rating", "HOT", "WARM", "COLD"),
    _typed(FieldType.DECIMAL, "opportunity_amount", "Deal value"),
    _choice("currency", "Currency", *_CURRENCIES),
    _typed(FieldType.INTEGER, "probability", "Win probability, percent"),
    _typed(FieldType.DATE, "close_date", "Expected close date"),
    _typed(FieldType.DATE, "last_contacted", "Last contacted"),
    _typed(FieldType.DATE, "next_follow_up", "Next follow-up"),
    *_ADDRESS,
    _NOTES,
    *_TIES,
    _ACTIVE,
    _CREATED,
    _UPDATED,
)

_CUSTOM_TYPES: Final[Mapping[str, FieldType]] = {
    "text": FieldType.TEXT,
    "textarea": FieldType.TEXT,
    "number": FieldType.DECIMAL,
    "dropdown": FieldType.CHOICE,
    "date": FieldType.DATE,
    "checkbox": FieldType.BOOLEAN,
}


def custom_field(definition: Mapping[str, Any]) -> Field:
    """A field from a row of `/api/custom-fields/`. A retired one can be read and is no longer taken.

    A type that is not known yet is read as it stands and never written.
    """
    kind = _CUSTOM_TYPES.get(definition["field_type"])
    live = bool(definition["is_active"]) and kind is not None
    return Field(
        name=CUSTOM + definition["key"],
        label=definition["label"],
        type=kind or FieldType.JSON,
        writable=live,
        creatable=live,
        required=live and bool(definition["is_required"]),
        clearable=not definition["is_required"],
        options=tuple(Option(option["value"], option["label"]) for option in definition["options"] or ()),
    )


def with_options(fields: Sequence[Field], options: Mapping[str, Sequence[Option]]) -> Mapping[str, Field]:
    """The fields by name, with the options that the account has for them."""
    return {
        field.name: replace(field, options=tuple(options[field.name])) if field.name in options else field
        for field in fields
    }
