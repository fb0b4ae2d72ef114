"""The types of canonical fields: what a value of each looks like, and which app fields can carry it.

    text        NFC, no white space around it            date       "2024-01-31"
    email       lower case                               instant    "2024-01-31T12:00:00Z", UTC
    phone       "+442071838750", also "... ext. 5"       choice     one of the options
    integer     int                                      choices    sorted tuple of str
    decimal     "1234.5", no exponent, no idle zeros     reference  an id; the engine ties it to the record
    boolean     True, False                              address    canonical JSON text of an object
    consent     True: opted out, may not be mailed       json       canonical JSON text

Every type has blank, `None`; an empty text is blank too, unless the field says `empty = "distinct"`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import email_validator
import phonenumbers

from syncd.core.fieldmap import Policy
from syncd.core.lens import Misfit
from syncd.core.record import Value
from syncd.mapping.codec import decimal_text, instant_text, json_text
from syncd.sdk.contract import FieldType as F

__all__ = ["TYPES", "Kind", "Options"]

_ANY: Final = frozenset({Policy.PREFER, Policy.NEWEST, Policy.FILLED, Policy.MANUAL})
_ORDERED: Final = _ANY | {Policy.MAX, Policy.MIN}
_PLAIN_EMAIL = re.compile(r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Options:
    """What a field's table may say about its type."""

    region: str = ""
    """For phone: the country of numbers without one, as ISO 3166 ("GB")."""
    zone: str = "UTC"
    """For date and instant: where a day begins, and the zone of times without an offset."""
    distinct: bool = False
    """For text: "" is a value of its own and not blank."""

    @property
    def tz(self) -> tzinfo:
        """The zone, ready to use."""
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)


@dataclass(frozen=True, slots=True)
class Kind:
    """One canonical type."""

    name: str
    clean: Callable[[Value, Options], Value | Misfit]
    """The canonical form of a plain value. Cleaning twice is cleaning once."""
    carriers: frozenset[F]
    """App field types that carry it as it is."""
    samples: tuple[Value, ...]
    """Edge cases on which the laws are tried."""
    policies: frozenset[Policy] = _ANY
    more: Callable[[Value, Value], bool] | None = None


def _text(value: Value, options: Options) -> Value | Misfit:
    match value:
        case None:
            return None
        case bool():
            text = "true" if value else "false"
        case int():
            text = str(value)
        case str():
            text = (value if value.isascii() else unicodedata.normalize("NFC", value)).strip()
        case _:
            return Misfit("expected one text", _found(value))
    if not text.isascii() and any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        return Misfit("has half a character in it", "")
    return text if text or options.distinct else None


def _as_text(value: Value) -> str | None:
    text = _text(value, Options())
    return text if isinstance(text, str) else None


def _email(value: Value, _: Options) -> Value | Misfit:
    if (text := _as_text(value)) is None:
        return None if value is None or isinstance(value, str) else Misfit("expected an address", _found(value))
    lower = unicodedata.normalize("NFC", text.lower())
    # The validator takes about 120 microseconds; nearly all addresses are plain and need none of its care.
    if _PLAIN_EMAIL.fullmatch(lower) and len(lower) <= 254 and lower.index("@") <= 64:
        return lower
    try:
        parsed = email_validator.validate_email(lower, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError as error:
        return Misfit(f"is no e-mail address: {error}", lower)
    return unicodedata.normalize("NFC", parsed.normalized.lower())


def _phone(value: Value, options: Options) -> Value | Misfit:
    if (text := _as_text(value)) is None:
        return None
    canonical = _dialled(text, options.region)
    # For some numbers that nobody has (+31 0000000) the library's own form is read as yet another number.
    if isinstance(canonical, str) and canonical != text and _dialled(canonical, "") != canonical:
        return Misfit("is no phone number", text)
    return canonical


def _dialled(text: str, region: str) -> str | Misfit:
    """A number as E.164, with its extension."""
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        hint = "" if region else '; numbers without a country code need region = "GB" or the like'
        return Misfit(f"is no phone number{hint}", text)
    if not phonenumbers.is_possible_number(number):
        return Misfit("is too short or too long for a phone number", text)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164} ext. {number.extension}" if number.extension else e164


def _integer(value: Value, _: Options) -> Value | Misfit:
    if value is None or value == "":
        return None
    try:
        text = decimal_text(value)
    except ValueError as error:
        return Misfit(f"{error}, expected a whole number", _found(value))
    if "." in text or abs(int(text)) >= 2**63:
        return Misfit("expected a whole number of at most 63 bits", text)
    return int(text)


def _decimal(value: Value, _: Options) -> Value | Misfit:
    if value is None or value == "":
        return None
    try:
        return decimal_text(value)
    except ValueError as error:
        return Misfit(f"{error}, expected a number", _found(value))


def _boolean(value: Value, _: Options) -> Value | Misfit:
    match value.strip().lower() if isinstance(value, str) else value:
        case None | "":
            return None
        case True | "true":
            return True
        case False | "false":
            return False
    return Misfit("expected true or false", _found(value))


def _date(value: Value, options: Options) -> Value | Misfit:
    if (text := _as_text(value)) is None:
        return None
    try:
        if "T" in text or " " in text:
            moment = datetime.fromisoformat(text)
            return (moment.astimezone(options.tz) if moment.tzinfo else moment).date().isoformat()
        return date.fromisoformat(text).isoformat()
    except (ValueError, OverflowError):
        return Misfit("expected a date such as 2024-01-31", _found(value))


def _instant(value: Value, options: Options) -> Value | Misfit:
    if (text := _as_text(value)) is None:
        return None
    try:
        return instant_text(text, options.tz)
    except (ValueError, OverflowError):
        return Misfit("expected a time such as 2024-01-31T12:00:00Z", _found(value))


def _choices(value: Value, _: Options) -> Value | Misfit:
    if value is None or value == "":
        return None
    items = value if isinstance(value, tuple) else (value,)
    texts = {text for item in items if (text := _as_text(item)) is not None}
    return tuple(sorted(texts)) or None


def _json(value: Value, _: Options) -> Value | Misfit:
    if value is None or value == "":
        return None
    try:
        parsed = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return Misfit("expected JSON", _found(value))
    if not isinstance(parsed, dict | list):
        return Misfit("expected a JSON object", _found(value))
    return json_text(parsed) if parsed else None


def _greater(a: Value, b: Value) -> bool:
    return Decimal(str(a)) > Decimal(str(b))


def _later(a: Value, b: Value) -> bool:
    return datetime.fromisoformat(str(a)) > datetime.fromisoformat(str(b))


def _found(value: object) -> str:
    return str(value)[:80]


_TEXT_SAMPLES: Final = (None, "a", "Zoë O'Brien", "two  words", "=1+1", "x" * 64, "日本", "👩\u200d👧", "0", "a\nb")

TYPES: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("text", _text, frozenset({F.TEXT, F.EMAIL, F.PHONE, F.CHOICE, F.REFERENCE}), _TEXT_SAMPLES),
        Kind("email", _email, frozenset({F.EMAIL, F.TEXT}), (None, "ada@example.com", "a.b+c@sub.example.com")),
        Kind("phone", _phone, frozenset({F.PHONE, F.TEXT}), (None, "+12025550123", "+442071838750 ext. 5")),
        Kind(
            "integer",
            _integer,
            frozenset({F.INTEGER, F.DECIMAL, F.TEXT}),
            (None, 0, 1, -1, 10**15),
            _ORDERED,
            _greater,
        ),
        Kind(
            "decimal",
            _decimal,
            frozenset({F.DECIMAL, F.INTEGER, F.TEXT}),
            (None, "0", "1.1", "-0.01", "1234567890.123", "0.1"),
            _ORDERED,
            _greater,
        ),
        Kind("boolean", _boolean, frozenset({F.BOOLEAN}), (None, True, False), _ANY | {Policy.OR}),
        Kind(
            "date",
            _date,
            frozenset({F.DATE, F.INSTANT, F.TEXT}),
            (None, "2024-02-29", "1999-12-31", "2024-03-31"),
            _ORDERED,
            _later,
        ),
        Kind(
            "instant",
            _instant,
            frozenset({F.INSTANT, F.DATE, F.TEXT}),
            (None, "2024-02-29T00:00:00Z", "2024-03-31T01:30:00Z", "1999-12-31T23:59:59Z"),
            _ORDERED,
            _later,
        ),
        Kind("choice", _text, frozenset({F.CHOICE, F.TEXT}), (None,)),
        Kind("choices", _choices, frozenset({F.CHOICES}), (None,), _ANY | {Policy.UNION}),
        Kind("reference", _text, frozenset({F.REFERENCE, F.TEXT, F.CHOICE}), (None, "1", "a-1")),
        Kind("consent", _boolean, frozenset({F.BOOLEAN}), (None, True, False), frozenset({Policy.OR})),
        Kind("address", _json, frozenset({F.ADDRESS, F.JSON}), (None, '{"city":"Lyon"}')),
        Kind("json", _json, frozenset({F.JSON, F.ADDRESS}), (None, '{"a":[1,2]}')),
    )
}
