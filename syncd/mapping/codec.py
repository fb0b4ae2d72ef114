"""Raw values of an app's field, to and from plain canonical values, by the field's declared type and codec.

This is the one place that knows the codecs of `sdk.contract.Field`; canonical types (`types.py`) build on what
comes out: `None`, bool, int, str or a sorted tuple of str, with decimals, dates and instants as canonical strings
and objects as canonical JSON text.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from syncd.core.bounds import LONGEST, WHOLE, overlong
from syncd.core.lens import Misfit
from syncd.core.record import Raw, Value
from syncd.sdk.contract import Field, FieldType

__all__ = ["Unfit", "decimal_text", "decode", "encode", "instant_text", "json_text", "short", "too_long"]

_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.CHOICE, FieldType.REFERENCE})
_NO_YEAR: Final = "1604"
"""The year of a date whose year an app does not keep (a birthday): a leap year, and the one that vCards use."""
_MAX_EXPONENT: Final = 40
_BRIEF: Final = reprlib.Repr()


class Unfit(ValueError):
    """A value that is not what a type asks for; the message says what it is not."""


def decode(field: Field, raw: Raw, zone: tzinfo = UTC) -> Value | Misfit:
    """The plain value of a raw one. `zone` is that of times without an offset."""
    if size := overlong(raw):
        return too_long(size)
    if raw is None or (raw == "" and field.type not in _TEXTS):
        return None
    try:
        match field.type:
            case FieldType.INTEGER:
                return _whole(raw)
            case FieldType.DECIMAL:
                return decimal_text(raw)
            case FieldType.BOOLEAN:
                return _truth(raw, _truth_words(field))
            case FieldType.DATE:
                return _day(raw, field.codec)
            case FieldType.INSTANT:
                return _moment(raw, field.codec, zone)
            case FieldType.CHOICES:
                return _members(raw, field.codec)
            case FieldType.ADDRESS | FieldType.JSON:
                return _object(raw)
            case FieldType.REFERENCE:
                return str(raw) if _is_int(raw) else _text(raw)
            case _:
                return _text(raw)
    except RecursionError:
        return Misfit("is nested too deeply", short(raw))
    except (ValueError, ArithmeticError) as error:
        return Misfit(str(error), short(raw))


def too_long(size: str) -> Misfit:
    """What is said of a value that was not kept for its length."""
    return Misfit(f"is longer than the {LONGEST} characters that syncd keeps of a field", size)


def encode(field: Field, value: Value, zone: tzinfo = UTC) -> Raw | Misfit:
    """The raw value that carries a plain one; a Misfit where the field cannot hold it. Nothing is ever cut."""
    if value is None:
        if field.required or not field.clearable:
            return Misfit(f"{field.name} cannot be emptied")
        return [] if field.type is FieldType.CHOICES and not field.codec and field.blank is None else field.blank
    try:
        return _fits(field, _raw(field, value, zone))
    except RecursionError:
        return Misfit("is nested too deeply", short(value))
    except (ValueError, ArithmeticError) as error:
        return Misfit(str(error), short(value))


def _raw(field: Field, value: Value, zone: tzinfo) -> Raw:
    words = _truth_words(field)
    match field.type:
        case FieldType.INTEGER:
            number = _whole(value)
            return str(number) if field.codec == "string" else number
        case FieldType.DECIMAL:
            return _number(decimal_text(value), field.codec)
        case FieldType.BOOLEAN:
            truth = _truth(value, words)
            return truth if words is None else words[0] if truth else words[1]
        case FieldType.DATE:
            return _day_raw(_local_day(value, zone), field.codec)
        case FieldType.INSTANT:
            return _moment_raw(instant_text(value, zone), field.codec, zone)
        case FieldType.CHOICES:
            return _members_raw(value, field)
        case FieldType.ADDRESS | FieldType.JSON:
            return _object_raw(value)
        case _:
            if isinstance(value, bool):
                return "true" if value else "false"
            if isinstance(value, tuple):
                raise Unfit(f"{field.name} takes one value, not several")
            return str(value)


def _fits(field: Field, raw: Raw) -> Raw:
    """Refuse what the field would refuse or, worse, cut."""
    if isinstance(raw, str) and field.type in _TEXTS:
        if field.max_chars is not None and len(raw) > field.max_chars:
            raise Unfit(f"{field.name} holds {field.max_chars} characters, this has {len(raw)}")
        size = len(raw.encode(errors="surrogatepass"))
        if field.max_bytes is not None and size > field.max_bytes:
            raise Unfit(f"{field.name} holds {field.max_bytes} bytes, this has {size}")
    if field.type is FieldType.CHOICE and field.options and not field.open_options:
        known = [option.value for option in field.options]
        if raw not in known:
            raise Unfit(f"{field.name} has no option for it; it has {_listed(known)}")
    return raw


def _text(raw: Raw) -> str:
    if not isinstance(raw, str):
        raise Unfit("is not a text")
    return raw


def _is_int(raw: object) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool)


def _whole(raw: Raw) -> int:
    number = Decimal(decimal_text(raw))
    if number != number.to_integral_value() or abs(number) >= WHOLE:
        raise Unfit("is not a whole number of at most 63 bits")
    return int(number)


def decimal_text(raw: Raw) -> str:
    """The canonical text of a number: no exponent, no plus sign, no idle zeros. Raises Unfit."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise Unfit("is not a number")
    if isinstance(raw, int) and abs(raw) >= 10**_MAX_EXPONENT:
        raise Unfit("is out of range")
    try:
        number = Decimal(str(raw).strip())
    except InvalidOperation as error:
        raise Unfit("is not a number") from error
    if not number.is_finite() or len(number.as_tuple().digits) > 2 * _MAX_EXPONENT:
        raise Unfit("is not a number")
    if number and not -_MAX_EXPONENT <= number.adjusted() < _MAX_EXPONENT:
        raise Unfit("is out of range")
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if not number else text


def _number(text: str, codec: str) -> Raw:
    """As a JSON number where that keeps every digit."""
    if codec == "string":
        return text
    if "." not in text:
        whole = int(text)
        return whole if abs(whole) < WHOLE else text
    number = float(text)
    return number if math.isfinite(number) and decimal_text(number) == text else text


def _truth_words(field: Field) -> tuple[str, str] | None:
    if field.type is not FieldType.BOOLEAN:
        return None
    if field.codec == "string":
        return "true", "false"
    yes, slash, no = field.codec.partition("/")
    return (yes, no) if slash else None


def _truth(raw: Raw, words: tuple[str, str] | None) -> bool:
    if isinstance(raw, bool):
        return raw
    yes, no = words or ("true", "false")
    match raw.strip().casefold() if isinstance(raw, str) else raw:
        case word if word == yes.casefold():
            return True
        case word if word == no.casefold():
            return False
    raise Unfit(f"is neither {yes} nor {no}")


def _epoch(raw: Raw) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_whole(raw))


def _day(raw: Raw, codec: str) -> str:
    if codec == "epoch-ms":
        return _epoch(raw).date().isoformat()
    text = _text(raw).strip()
    if codec.startswith("date:"):
        form = codec.removeprefix("date:")
        if _has_no_year(form):
            text, form = f"{_NO_YEAR} {text}", f"%Y {form}"
        return datetime.strptime(text, form).replace(tzinfo=UTC).date().isoformat()
    return date.fromisoformat(text).isoformat()


def _has_no_year(form: str) -> bool:
    return not any(mark in form for mark in ("%Y", "%y", "%G"))


def _day_raw(day: str, codec: str) -> Raw:
    if day.startswith(_NO_YEAR) and not (codec.startswith("date:") and _has_no_year(codec)):
        raise Unfit(f"the year of {day.removeprefix(_NO_YEAR + '-')} is not known")
    if codec == "epoch-ms":
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
    if codec.startswith("date:"):
        return date.fromisoformat(day).strftime(codec.removeprefix("date:"))
    return day


def _local_day(value: Value, zone: tzinfo) -> str:
    """A date, or the date that an instant has in the zone."""
    text = _text(value)
    if len(text) == len("2024-01-31"):
        return date.fromisoformat(text).isoformat()
    return datetime.fromisoformat(text).astimezone(zone).date().isoformat()


def instant_text(value: Raw, zone: tzinfo = UTC) -> str:
    """An ISO date or time as the canonical instant: UTC, `Z`, fractions only where there are any. Raises Unfit."""
    moment = datetime.fromisoformat(_text(value).strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(raw: Raw, codec: str, zone: tzinfo) -> str:
    if codec == "epoch-ms":
        return instant_text(_epoch(raw).isoformat())
    if codec.startswith("date:"):
        moment = datetime.strptime(_text(raw), codec.removeprefix("date:")).replace(tzinfo=zone)
        return instant_text(moment.isoformat())
    return instant_text(raw, zone)


def _moment_raw(text: str, codec: str, zone: tzinfo) -> Raw:
    if codec == "epoch-ms":
        moment = datetime.fromisoformat(text)
        return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
    if codec.startswith("date:"):
        return datetime.fromisoformat(text).astimezone(zone).strftime(codec.removeprefix("date:"))
    return text


def _members(raw: Raw, codec: str) -> tuple[str, ...] | None:
    if codec.startswith("sep:"):
        items: Any = _text(raw).split(codec.removeprefix("sep:"))
    else:
        items = raw
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise Unfit("is not a list of texts")
    return tuple(sorted({stripped for item in items if (stripped := item.strip())})) or None


def _members_raw(value: Value, field: Field) -> Raw:
    items = list(value) if isinstance(value, tuple) else [str(value)]
    known = [option.value for option in field.options]
    strange = [item for item in items if known and item not in known]
    if strange and not field.open_options:
        raise Unfit(f"{field.name} has no option {_listed(strange)}; it has {_listed(known)}")
    if long := [item for item in items if field.max_chars is not None and len(item) > field.max_chars]:
        raise Unfit(f"{field.name} holds {field.max_chars} characters in a member, this has {len(long[0])}")
    if not field.codec.startswith("sep:"):
        return items
    separator = field.codec.removeprefix("sep:")
    if any(separator in item for item in items):
        raise Unfit(f"{field.name} cannot hold {separator!r} inside a member")
    return separator.join(items)


def json_text(value: object) -> str:
    """Canonical JSON: sorted keys, no idle space, no NaN. Raises Unfit."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _object(raw: Raw) -> str | None:
    if not isinstance(raw, Mapping | list):
        raise Unfit("is not an object")
    return json_text(raw) if raw else None


def _object_raw(value: Value) -> Raw:
    parsed = json.loads(_text(value))
    if not isinstance(parsed, dict | list):
        raise Unfit("is not an object")
    return parsed


def _listed(words: list[str]) -> str:
    shown = ", ".join(f'"{word}"' for word in words[:8])
    return f"{shown} and {len(words) - 8} more" if len(words) > 8 else shown or "none"


def short(value: object) -> str:
    """At most 80 characters that show a value, however large or deep it is."""
    text = value if isinstance(value, str) else _BRIEF.repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
