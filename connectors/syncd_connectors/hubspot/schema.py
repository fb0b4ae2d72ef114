"""From HubSpot's properties to fields (spec `CRM/Properties/v3`; HubSpot docs, crm-properties)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from syncd.core.record import Raw
from syncd.errors import BrokenProtocol
from syncd.sdk.contract import Capabilities, Deletes, Field, FieldType, Object, Option
from syncd_connectors.hubspot.api import BATCH, PAGE

__all__ = ["CONSENT", "described", "modified_property"]

CONSENT: Final = "hs_email_optout"
"""The property that says that a contact opted out of all mail. Read as a property, written by other calls."""

_BLANK: Final[Raw] = ""
_LABELS: Final = {"contacts": "Contacts", "companies": "Companies", "deals": "Deals"}
_PERSONAL: Final = frozenset(
    "email hs_additional_emails firstname lastname phone mobilephone fax address city state zip country jobtitle "
    "date_of_birth website company hs_email_optout twitterhandle hs_linkedin_url".split()
)
_REQUIRED: Final[Mapping[str, str]] = {"deals": "dealname"}
_KEPT_UNIQUE: Final[Mapping[str, str]] = {"contacts": "email"}  # though `hasUniqueValue` is false for it
_LONGEST_TEXT: Final = 65_536
_TYPES: Final[Mapping[str, tuple[FieldType, str]]] = {
    "string": (FieldType.TEXT, ""),
    "phone_number": (FieldType.PHONE, ""),
    "number": (FieldType.DECIMAL, "string"),
    "bool": (FieldType.BOOLEAN, "string"),
    "date": (FieldType.DATE, ""),
    "datetime": (FieldType.INSTANT, ""),
    "enumeration": (FieldType.CHOICE, ""),
    "json": (FieldType.TEXT, ""),
    "object_coordinates": (FieldType.TEXT, ""),
}
_BY_FIELD_TYPE: Final[Mapping[tuple[str, str], tuple[FieldType, str]]] = {
    ("enumeration", "checkbox"): (FieldType.CHOICES, "sep:;"),
    ("enumeration", "booleancheckbox"): (FieldType.BOOLEAN, "string"),
    ("string", "phonenumber"): (FieldType.PHONE, ""),
}


def modified_property(object: str) -> str:
    """The property with the time of the last change: contacts have a name of their own for it."""
    return "lastmodifieddate" if object == "contacts" else "hs_lastmodifieddate"


def described(object: str, listed: Sequence[Mapping[str, Any]], *, consent: bool) -> Object:
    """An object type from the account's list of its properties.

    `consent`: whether the account lets us write who may be mailed. Hidden and archived properties are left out.
    Raises BrokenProtocol for a property without name or type.
    """
    shown = [row for row in listed if not row.get("hidden") and not row.get("archived")]
    fields = {made.name: made for made in (_field(object, row) for row in shown)}
    if object == "contacts" and CONSENT in fields:
        fields[CONSENT] = replace(
            fields[CONSENT], type=FieldType.BOOLEAN, codec="string", consent=True, writable=consent, creatable=consent
        )
    return Object(
        name=object,
        label=_LABELS.get(object, object),
        fields=fields,
        capabilities=Capabilities(
            incremental=True,
            # A list of archived records has no "since" and search never shows them: only a full listing tells.
            deletes=Deletes.ABSENT,
            archives=True,
            unique=tuple(made.name for made in fields.values() if made.unique),
            read_batch=BATCH,
            write_batch=BATCH,
            page_size=PAGE,
            list_lag=timedelta(minutes=2),
        ),
    )


def _field(object: str, row: Mapping[str, Any]) -> Field:
    match row:
        case {"name": str(name), "type": str(kind)}:
            pass
        case _:
            raise BrokenProtocol(f"HubSpot described a property of {object} without name or type")
    type_, codec = _BY_FIELD_TYPE.get((kind, str(row.get("fieldType"))), _TYPES.get(kind, (FieldType.TEXT, "")))
    if name == "email" and object == "contacts":
        type_ = FieldType.EMAIL
    refers = _referred(row)
    if refers and type_ is FieldType.CHOICE:
        type_ = FieldType.REFERENCE
    writable = not (row.get("calculated") or _metadata(row).get("readOnlyValue"))
    return Field(
        name=name,
        type=type_,
        label=str(row.get("label") or ""),
        codec=codec,
        writable=writable,
        creatable=writable,
        required=_REQUIRED.get(object) == name,
        unique=bool(row.get("hasUniqueValue")) or _KEPT_UNIQUE.get(object) == name,
        options=_options(row) if type_ in (FieldType.CHOICE, FieldType.CHOICES) else (),
        open_options=bool(row.get("externalOptions")),
        max_chars=_LONGEST_TEXT if type_ is FieldType.TEXT else None,
        refers=refers,
        blank=_BLANK,
        consent=name.startswith(f"{CONSENT}_"),
        personal=object == "contacts" and (name in _PERSONAL or name.startswith(CONSENT)),
    )


def _options(row: Mapping[str, Any]) -> tuple[Option, ...]:
    listed = [option for option in row.get("options") or () if isinstance(option, dict) and "value" in option]
    return tuple(Option(str(option["value"]), str(option.get("label") or "")) for option in listed)


def _referred(row: Mapping[str, Any]) -> str:
    return {"OWNER": "owners", "CONTACT": "contacts", "COMPANY": "companies", "DEAL": "deals"}.get(
        str(row.get("referencedObjectType") or ""), ""
    )


def _metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    told = row.get("modificationMetadata")
    return told if isinstance(told, dict) else {}
