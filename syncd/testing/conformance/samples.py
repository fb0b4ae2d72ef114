"""Raw values that suit a field by what is declared of it, and whether a raw value does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from syncd.core.record import ABSENT, Absent, Raw
from syncd.sdk.contract import Field, FieldType

__all__ = ["sample", "suits"]

_DAY: Final = datetime(2026, 1, 15, tzinfo=UTC)


def sample(field: Field, number: int) -> Raw | Absent:
    """A value for the field, another for another number; ABSENT where only the app could know one."""
    match field.type:
        case FieldType.TEXT:
            text = f"Sample {number}"
            return text if field.max_chars is None else text[-field.max_chars :]
        case FieldType.EMAIL:
            return f"sample.{number}@example.com"
        case FieldType.PHONE:
            return f"+1202555{100 + number % 100:04d}"
        case FieldType.INTEGER:
            return _number(field, number)
        case FieldType.DECIMAL:
            return _number(field, number + 0.5)
        case FieldType.BOOLEAN:
            return "true" if field.codec else True
        case FieldType.DATE | FieldType.INSTANT:
            return _time(field, _DAY + timedelta(days=number % 300))
        case FieldType.CHOICE if field.options:
            return field.options[number % len(field.options)].value
        case FieldType.CHOICES if field.options:
            value = field.options[number % len(field.options)].value
            return value if field.codec.startswith("sep:") else [value]
    return ABSENT


def suits(field: Field, raw: Raw) -> bool:
    """Whether a raw value has the form that the field's type and codec promise. Blanks suit every field."""
    if raw is None or raw == "":
        return True
    match field.type:
        case FieldType.TEXT | FieldType.EMAIL | FieldType.PHONE | FieldType.REFERENCE:
            return isinstance(raw, str)
        case FieldType.INTEGER:
            return not isinstance(raw, bool) and (isinstance(raw, int) or _parses(int, raw))
        case FieldType.DECIMAL:
            return not isinstance(raw, bool) and (isinstance(raw, int | float) or _parses(Decimal, raw))
        case FieldType.BOOLEAN:
            return raw in {"true", "false"} if field.codec else isinstance(raw, bool)
        case FieldType.DATE | FieldType.INSTANT:
            return _is_time(field, raw)
        case FieldType.CHOICE:
            return isinstance(raw, str)
        case FieldType.CHOICES:
            joined = field.codec.startswith("sep:")
            return isinstance(raw, str) if joined else isinstance(raw, list) and all(isinstance(v, str) for v in raw)
        case FieldType.ADDRESS | FieldType.JSON:
            return isinstance(raw, dict | list)


def _number(field: Field, number: float) -> Raw:
    return str(number) if field.codec == "string" else number


def _time(field: Field, moment: datetime) -> Raw:
    if field.codec == "epoch-ms":
        return int(moment.timestamp() * 1000)
    if field.codec.startswith("date:"):
        return moment.strftime(field.codec.removeprefix("date:"))
    return moment.date().isoformat() if field.type is FieldType.DATE else moment.isoformat()


def _is_time(field: Field, raw: Raw) -> bool:
    if field.codec == "epoch-ms":
        return isinstance(raw, int) or _parses(int, raw)
    if not isinstance(raw, str):
        return False
    if field.codec.startswith("date:"):
        return _parses(lambda text: datetime.strptime(text, field.codec.removeprefix("date:")), raw)  # noqa: DTZ007
    if field.type is FieldType.DATE:
        return _parses(lambda text: datetime.strptime(text, "%Y-%m-%d"), raw)  # noqa: DTZ007
    return _parses(datetime.fromisoformat, raw) and datetime.fromisoformat(raw).tzinfo is not None


def _parses(parse: Any, raw: Raw) -> bool:
    try:
        parse(raw)
    except (ValueError, TypeError, InvalidOperation):
        return False
    return True
