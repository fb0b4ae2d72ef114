"""The lenses that a mapping can name. Each is a frozen value and obeys the laws in `core.lens`.

Two rules make the laws hold whatever an app's formats are, and they are the same in every lens:

- *put keeps what already says it.* If the raws that stand there already mean the value, they are returned as they
  are: a phone number stays as a person typed it, and `cleaned` stays `cleaned` when opted out is what is meant.
- *get keeps what the raw cannot carry.* If the entity's value would be written as something of the same meaning as
  the raw shown, the entity's value is the answer: a date-only field does not cost an instant its time, and one of
  several stages that an app calls `Lead` stays that stage.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nameparser import HumanName

from syncd.core.bounds import overlong
from syncd.core.lately import Lately
from syncd.core.lens import Misfit, View
from syncd.core.record import ABSENT, Fields, Raw, Raws, Value
from syncd.mapping.codec import decode, encode, json_text, short, too_long
from syncd.mapping.types import Kind, Options
from syncd.sdk.contract import Field

__all__ = ["Joined", "Part", "Single", "Words", "split_name"]


@dataclass(frozen=True, slots=True)
class Words:
    """What an app calls each canonical value.

    `raws` maps canonical to plain app value, one for each; `meanings` maps every app value that is understood to a
    canonical one, and `others`, unless None, is the meaning of all the rest.
    """

    raws: Mapping[Value, Value]
    meanings: Mapping[Value, Value]
    others: Value = None

    def meaning(self, plain: Value) -> Value | Misfit:
        """The canonical value of a plain app value."""
        if plain in self.meanings:
            return self.meanings[plain]
        if plain is None or plain == "":
            return None
        if self.others is not None:
            return self.others
        return Misfit(f"is not among the values mapped: {_listed(self.meanings)}", str(plain))

    def word(self, value: Value) -> Value | Misfit:
        """The plain app value of a canonical one."""
        if value in self.raws:
            return self.raws[value]
        if value is None:
            return None
        return Misfit(f"has no value in this app; there is one for: {_listed(self.raws)}", str(value))


@dataclass(frozen=True, slots=True)
class Single:
    """One canonical field in one app field, or at a path inside an app's object."""

    canonical: str
    field: Field
    kind: Kind
    options: Options = dataclasses.field(default_factory=Options)
    words: Words | None = None
    path: tuple[str, ...] = ()
    window: tuple[str, ...] = dataclasses.field(init=False, repr=False, compare=False)
    """The one app field."""
    _known: Lately[Raw, Value | Misfit] = dataclasses.field(
        default_factory=lambda: Lately(_REMEMBERED), init=False, repr=False, compare=False
    )
    """What raws were read as lately."""
    _views: Lately[tuple[Raw, Value], View] = dataclasses.field(
        default_factory=lambda: Lately(_REMEMBERED), init=False, repr=False, compare=False
    )
    """What was seen lately, by the raw and by what was agreed on: each is looked at five times on its way."""

    def __post_init__(self) -> None:
        """Asked for with every field that is looked at."""
        object.__setattr__(self, "window", (self.field.name,))

    def get(self, raws: Raws, entity: Fields) -> View:
        """The canonical value; see the second rule above."""
        (name,) = self.window
        if name not in raws:
            return ABSENT
        raw, held = raws[name], entity.get(self.canonical)
        if type(raw) not in _TOLD_APART or type(held) not in _TOLD_APART:
            return self._seen(raw, held)
        try:
            return self._views[raw, held]
        except KeyError:
            seen = self._seen(raw, held)
        return self._views.keep((raw, held), seen) if _is_kept(raw) and _is_kept(held) else seen

    def _seen(self, raw: Raw, held: Value) -> View:
        value = self._read(raw)
        if isinstance(value, Misfit) or _same(held, value):
            return value
        if held is None and value and self.words is None:
            return value  # a blank is never read as anything
        written = self._write(held, raw)
        return held if not isinstance(written, Misfit) and _same(self._read(written), value) else value

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        """The raw that carries the value; see the first rule above."""
        name = self.field.name
        standing = raws.get(name)
        written = self._write(value, standing)
        if name not in raws:
            return written if isinstance(written, Misfit) else {name: written}
        shown = self._read(standing)
        meant = value if isinstance(written, Misfit) else self._read(written)
        if not isinstance(shown, Misfit) and (_same(shown, value) or _same(shown, meant)):
            return {name: standing}
        return written if isinstance(written, Misfit) else {name: written}

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        """The raw in the form in which syncd would write its meaning; as it is where it has none."""
        name = self.field.name
        if name not in raws:
            return {}
        value = self._read(raws[name])
        written = value if isinstance(value, Misfit) else self._write(value, raws[name])
        return {name: raws[name] if isinstance(written, Misfit) else written}

    def _read(self, raw: Raw) -> Value | Misfit:
        if not _is_kept(raw):
            return self._made_of(raw)
        try:
            return self._known[raw]
        except KeyError:
            return self._known.keep(raw, self._made_of(raw))

    def _made_of(self, raw: Raw) -> Value | Misfit:
        if size := overlong(raw):
            return too_long(size)
        for part in self.path:
            raw = raw.get(part) if isinstance(raw, Mapping) else None
        plain = _leaf(raw) if self.path else decode(self.field, raw, self.options.tz)
        if isinstance(plain, Misfit):
            return plain
        if self.words is not None:
            plain = self.words.meaning(plain)
            if isinstance(plain, Misfit):
                return plain
        return self.kind.clean(plain, self.options)

    def _write(self, value: Value, standing: Raw) -> Raw | Misfit:
        plain: Value | Misfit = value if self.words is None else self.words.word(value)
        if isinstance(plain, Misfit):
            return plain
        if self.path:
            if size := overlong(standing):
                return too_long(size)  # the rest of the object is not known
            return _planted(standing, self.path, plain)
        return encode(self.field, plain, self.options.tz)


_REMEMBERED: Final = 2048
"""So many readings does a lens remember: those of two pages."""
_WORTH_REMEMBERING: Final = 1024
"""Characters of a text that is remembered."""


_TOLD_APART: Final = frozenset({str, bool, type(None)})
"""Values of these types are told from one another by a dictionary; a number is not told from a truth."""


def _is_kept(value: Raw) -> bool:
    """Whether what is read of a value is remembered."""
    return len(value) <= _WORTH_REMEMBERING if type(value) is str else type(value) in _TOLD_APART


def _same(a: Value | Misfit, b: Value | Misfit) -> bool:
    """Equal, and of one type: True is not 1."""
    return type(a) is type(b) and a == b


def _leaf(raw: Raw) -> Value | Misfit:
    """A value inside an object, which has no declared type: whatever it is, as text."""
    if raw is None or isinstance(raw, bool | str):
        return raw
    if isinstance(raw, int | float):
        return json_text(raw)
    return Misfit("is not one value", short(raw))


def _planted(standing: Raw, path: tuple[str, ...], plain: Value) -> dict[str, Any]:
    """A copy of the object with the value at the path; blank is the empty text there."""
    head, *rest = path
    copy: dict[str, Any] = dict(standing) if isinstance(standing, Mapping) else {}
    if rest:
        copy[head] = _planted(copy.get(head), tuple(rest), plain)
    else:
        copy[head] = "" if plain is None else list(plain) if isinstance(plain, tuple) else plain
    return copy


@dataclass(frozen=True, slots=True)
class Joined:
    """A full name that the app keeps in two fields."""

    canonical: str
    first: Field
    last: Field
    kind: Kind
    options: Options = dataclasses.field(default_factory=Options)

    @property
    def window(self) -> tuple[str, ...]:
        """Both fields, the first name's first."""
        return (self.first.name, self.last.name)

    def get(self, raws: Raws, entity: Fields) -> View:
        """Both names with a space between; ABSENT unless both were shown."""
        if self.first.name not in raws or self.last.name not in raws:
            return ABSENT
        value = self._read(raws)
        held = entity.get(self.canonical)
        if isinstance(value, Misfit) or held == value:
            return value
        written = self._write(held, {})
        return held if not isinstance(written, Misfit) and self._read(written) == value else value

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        """Both fields; a half that stands there and still fits stays whole."""
        if all(name in raws for name in self.window) and self._read(raws) == value:
            return {name: raws[name] for name in self.window}
        return self._write(value, raws)

    def _write(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        halves = (_plain(self.first, raws), _plain(self.last, raws))
        first, last = split_name(str(value or ""), *halves)
        patch = {}
        for app_field, half in ((self.first, first.strip()), (self.last, last.strip())):
            raw = encode(app_field, half or None)
            if isinstance(raw, Misfit):
                return raw
            patch[app_field.name] = raw
        return patch

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        """Each half in the form in which syncd would write it."""
        settled = {}
        for app_field in (self.first, self.last):
            if app_field.name in raws:
                plain = decode(app_field, raws[app_field.name])
                cleaned = plain if isinstance(plain, Misfit) else self.kind.clean(plain, self.options)
                raw = cleaned if isinstance(cleaned, Misfit) else encode(app_field, cleaned)
                settled[app_field.name] = raws[app_field.name] if isinstance(raw, Misfit) else raw
        return settled

    def _read(self, raws: Raws) -> Value | Misfit:
        halves = []
        for app_field in (self.first, self.last):
            plain = decode(app_field, raws[app_field.name])
            if isinstance(plain, Misfit):
                return plain
            halves.append(str(plain or "").strip())
        return self.kind.clean(" ".join(half for half in halves if half), self.options)


@dataclass(frozen=True, slots=True)
class Part:
    """The first or the last name out of an app's one field for the full name. Read only.

    The way back needs both canonical names at once, and is a computed field (see `fit.py`).
    """

    field: Field
    kind: Kind
    first: str
    last: str
    """The canonical fields that hold the two names."""
    wants_last: bool

    @property
    def window(self) -> tuple[str, ...]:
        """The app's field for the full name."""
        return (self.field.name,)

    def get(self, raws: Raws, entity: Fields) -> View:
        """One half; the entity's own names tell where the boundary is."""
        if self.field.name not in raws:
            return ABSENT
        plain = decode(self.field, raws[self.field.name])
        if isinstance(plain, Misfit):
            return plain
        cleaned = self.kind.clean(plain, Options())
        if isinstance(cleaned, Misfit):
            return cleaned
        halves = split_name(str(cleaned or ""), str(entity.get(self.first) or ""), str(entity.get(self.last) or ""))
        return self.kind.clean(halves[self.wants_last], Options())

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        """What stands there with this half replaced."""
        halves = list(split_name(_plain(self.field, raws)))
        halves[self.wants_last] = str(value or "")
        raw = encode(self.field, " ".join(half for half in halves if half) or None)
        return raw if isinstance(raw, Misfit) else {self.field.name: raw}

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        """As the app shows it."""
        return {name: raws[name] for name in self.window if name in raws}


def split_name(full: str, first: str = "", last: str = "") -> tuple[str, str]:
    """A full name as first and last, such that joining them by a space gives it back.

    Where a known first or last name still stands at its end of the full name, the boundary is there. Otherwise
    the last name begins where nameparser finds it ("de la Vega"), and what follows it ("Jr.") goes with it.
    """
    if not full or " " not in full or full in (first, last):
        return ("", full) if full and full == last != first else (full, "")
    if first and full.startswith(f"{first} "):
        return first, full[len(first) + 1 :]
    if last and full.endswith(f" {last}"):
        return full[: -len(last) - 1], last
    family = HumanName(full).last
    at = full.rfind(f" {family}") if family else -1
    if at < 1:
        at = full.rindex(" ")
    return full[:at], full[at + 1 :]


def _plain(app_field: Field, raws: Raws) -> str:
    plain = decode(app_field, raws.get(app_field.name))
    return "" if isinstance(plain, Misfit) or plain is None else str(plain).strip()


def _listed(values: Mapping[Value, Value]) -> str:
    return ", ".join(_quoted(value) for value in list(values)[:12])


def _quoted(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
