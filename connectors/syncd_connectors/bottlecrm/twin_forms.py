"""What BottleCRM's forms take and how they complain, as django-crm 1.35.0 does over Django REST framework."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from syncd.sdk.contract import Field, FieldType

__all__ = ["FormError", "clean", "clean_custom", "clean_ties", "e164"]

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE: Final = re.compile(r"[\d\s\-().+]{7,25}")
_URL: Final = re.compile(r"https?://[^\s/.]+(\.[^\s/.]+)+(/\S*)?")
_URLS: Final = frozenset({("contacts", "linkedin_url"), ("leads", "linkedin_url"), ("accounts", "website")})
_NOT_BLANK: Final = frozenset({("leads", "first_name"), ("leads", "last_name")})
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "probability": (0, 100),
    "number_of_employees": (0, 2_147_483_647),
    "opportunity_amount": (0, 10**10),
}
_YES: Final = frozenset({"true", "1", "yes", "on"})
_NO: Final = frozenset({"false", "0", "no", "off"})


class FormError(Exception):
    """What the app says of one field that it does not take."""


def clean(object: str, field: Field, value: Any) -> Any:
    """The value as the app stores it. Raises FormError."""
    if value is None:
        if field.blank is None and field.clearable:
            return None
        raise FormError("This field may not be null.")
    match field.type:
        case FieldType.BOOLEAN:
            return _boolean(value, "Must be a valid boolean.")
        case FieldType.INTEGER:
            return _integer(field.name, value)
        case FieldType.DECIMAL:
            return _decimal(field.name, value)
        case FieldType.DATE:
            return _date(value, "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")
        case FieldType.CHOICE:
            return _choice(field, value)
        case FieldType.REFERENCE if not _is_uuid(value):
            raise FormError(f"“{value}” is not a valid UUID.")
    text = _text(field, value)
    if text:
        _well_formed(object, field, text)
    elif not field.clearable or (object, field.name) in _NOT_BLANK:
        raise FormError("This field may not be blank.")
    return text


def _text(field: Field, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FormError("Not a valid string.")
    text = str(value).strip()
    if "\0" in text:
        raise FormError("Null characters are not allowed.")
    if field.max_chars is not None and len(text) > field.max_chars:
        raise FormError(f"Ensure this field has no more than {field.max_chars} characters.")
    return text


def _well_formed(object: str, field: Field, text: str) -> None:
    if field.type is FieldType.EMAIL and not _EMAIL.fullmatch(text):
        raise FormError("Enter a valid email address.")
    if field.type is FieldType.PHONE and not _PHONE.fullmatch(text):
        raise FormError("Enter a valid phone number (7-25 characters, digits and separators only)")
    if (object, field.name) in _URLS and not _URL.fullmatch(text):
        raise FormError("Enter a valid URL.")


def _choice(field: Field, value: Any) -> str:
    if value == "" or value in {option.value for option in field.options}:
        return str(value)
    if field.name == "source":
        raise FormError("Choose one of your lead sources.")
    raise FormError(f'"{value}" is not a valid choice.')


def _boolean(value: Any, words: str) -> bool:
    lowered = str(value).lower()
    if lowered not in _YES | _NO:
        raise FormError(words)
    return lowered in _YES


def _integer(name: str, value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise FormError("A valid integer is required.") from None
    _within(name, number)
    return number


def _decimal(name: str, value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise FormError("A valid number is required.") from None
    if name == "annual_revenue" and number < 0:
        raise FormError("Annual revenue cannot be negative.")
    _within(name, number)
    if number != round(number, 2):
        raise FormError("Ensure that there are no more than 2 decimal places.")
    return f"{number:.2f}"


def _within(name: str, number: int | Decimal) -> None:
    least, most = _RANGES.get(name, (number, number))
    if number < least:
        raise FormError(f"Ensure this value is greater than or equal to {least}.")
    if number > most:
        raise FormError(f"Ensure this value is less than or equal to {most}.")


def _date(value: Any, words: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise FormError(words) from None


def clean_ties(value: Any, known: Container[str]) -> list[str]:
    """Ids of a list; those that the organisation does not have are dropped without a word. Raises FormError."""
    items = [item["id"] if isinstance(item, Mapping) else item for item in value or ()]
    for item in items:
        if not _is_uuid(item):
            raise FormError(f"'{item}' is not a valid id.")
    return [item for item in items if item in known]


def clean_custom(definition: Mapping[str, Any], raw: Any) -> Any:
    """The value of a custom field as it is stored; None for a blank, which is not. Raises FormError."""
    if raw is None or raw == "":
        return None
    match definition["field_type"]:
        case "number":
            try:
                return float(str(raw))
            except ValueError:
                raise FormError("must be a number") from None
        case "checkbox":
            return _boolean(raw, "must be a boolean")
        case "date":
            return _date(raw, "must be a YYYY-MM-DD date")
        case "dropdown":
            allowed = sorted(option["value"] for option in definition["options"])
            if str(raw) not in allowed:
                raise FormError(f"must be one of {allowed}")
    return str(raw)


def e164(phone: str | None) -> str:
    """What the app derives from a phone number: nothing, unless it names its country."""
    text = re.sub(r"[^\d+]", "", phone or "")
    return text if re.fullmatch(r"\+\d{7,15}", text) else ""


def _is_uuid(value: Any) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
