"""Raw values that suit a field by what is declared of it, and whether a raw value does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from syncd.core.record import ABSENT, Absent, Raw
from syncd.sdk.contract import Field, FieldType

__all__ = ["days", "is_blank", "moments", "same", "sample", "spoken", "suits", "twice"]

_DAY: Final = datetime(2026, 1, 15, tzinfo=UTC)
_MOMENTS: Final = (
    "2026-03-29T01:30:00+01:00",
    "2026-03-29T03:30:00+02:00",
    "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00",
    "2026-01-15T23:45:00-08:00",
    "2026-07-15T00:15:00+13:45",
)
_TWICE: Final = _MOMENTS[2:4]
_DAYS: Final = ("2026-03-29", "2026-10-25", "2026-12-31", "2026-01-01", "2026-07-01")


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
        case FieldType.CHOICES if field.open_options and not field.codec:
            return [f"Sample {number}"]
    return ABSENT


def spoken(field: Field, values: Sequence[str]) -> Raw:
    """Several options in the form of the field's codec."""
    return field.codec.removeprefix("sep:").join(values) if field.codec.startswith("sep:") else list(values)


def moments(field: Field) -> list[Raw]:
    """Instants around the hours that summer time skips and repeats, in several zones, in the form of the field."""
    return [_time(field, datetime.fromisoformat(text)) for text in _MOMENTS]


def twice(field: Field) -> list[Raw]:
    """Those in the hour that a wall clock shows twice: an app that keeps times by one may refuse them."""
    return [_time(field, datetime.fromisoformat(text)) for text in _TWICE]


def days(field: Field) -> list[Raw]:
    """Days on which a clock that is wrong by some hours shows another one."""
    return [_time(field, datetime.fromisoformat(f"{text}T00:00:00+00:00")) for text in _DAYS]


def is_blank(raw: Raw) -> bool:
    """Whether nothing is in there. A no and a zero are something."""
    return raw is None or raw in ("", [], {})


def same(field: Field, sent: Raw, kept: Raw) -> bool:
    """Whether a value is what was sent: to the letter for text, in its meaning for what an app may word otherwise."""
    if is_blank(kept) or not suits(field, kept):
        return is_blank(sent) and is_blank(kept)
    match field.type:
        case FieldType.EMAIL:
            return str(sent).casefold() == str(kept).casefold()
        case FieldType.PHONE:
            return _digits(sent) == _digits(kept)
        case FieldType.INTEGER | FieldType.DECIMAL:
            return Decimal(str(sent)) == Decimal(str(kept))
        case FieldType.INSTANT:
            return _moment(field, sent) == _moment(field, kept)
        case FieldType.CHOICES:
            return _several(field, sent) == _several(field, kept)
    return bool(sent == kept)


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


def _digits(raw: Raw) -> str:
    return "".join(char for char in str(raw) if char.isdecimal())


def _moment(field: Field, raw: Raw) -> float:
    return int(str(raw)) / 1000 if field.codec == "epoch-ms" else datetime.fromisoformat(str(raw)).timestamp()


def _several(field: Field, raw: Raw) -> list[str]:
    return sorted(str(raw).split(field.codec.removeprefix("sep:")) if isinstance(raw, str) else map(str, _list(raw)))


def _list(raw: Raw) -> list[Any]:
    return raw if isinstance(raw, list) else []


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
