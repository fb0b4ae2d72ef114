"""A vCard as lines, of which one is changed and the others stay to the letter (RFC 2426, 6350).

Content lines, their parameters and their folding are icalendar's business: vCard and iCalendar write them alike. What
a value means is told here. Lines that make no sense are kept as any other that nobody asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from icalendar.parser import Contentline

from syncd.errors import BrokenProtocol

__all__ = ["Card", "Line", "escaped", "made", "parsed", "parts", "plain"]

_NAME: Final = re.compile(r"(?:[A-Za-z0-9-]+\.)?([A-Za-z0-9-]+)[;:]")
_LINE: Final = re.compile(r"\r\n|\n|\r")
_FOLD: Final = re.compile(r"(?:\r\n|\n|\r)[ \t]")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_WIDTH: Final = 75
"""Octets of a line, from which on it is folded (RFC 6350, section 3.2)."""
_LEAST: Final = 101
"""After the last of the hundred degrees of preference (RFC 6350, section 5.3)."""


@dataclass(frozen=True)
class Line:
    """One content line, as it stood in the card."""

    text: str
    """Folded as it was, without its end."""

    @cached_property
    def name(self) -> str:
        """The property, upper case, without its group; "" for a line that is no property."""
        found = _NAME.match(self.text)
        return found.group(1).upper() if found else ""

    @cached_property
    def value(self) -> str:
        """The value, unfolded, as it is written."""
        return self._whole[len(self.head) + 1 :]

    @cached_property
    def head(self) -> str:
        """What stands before the value, unfolded: group, name and parameters."""
        whole = self._whole
        at = whole.find(":") if '"' not in whole else _line(whole).value_separator_index()
        return whole[:at]

    @cached_property
    def params(self) -> Mapping[str, str | Sequence[str]]:
        """The parameters, names in upper case; none where they make no sense."""
        if ";" not in self.head:
            return {}
        try:
            _, params, _ = _line(f"{self.head}:").raw_parts()
        except ValueError:  # bare types, as in vCard 2.1
            return {}
        return {name.upper(): value for name, value in params.items()}

    @property
    def rank(self) -> int:
        """The degree of preference; 1 is the most preferred."""
        degree, kinds = self.params.get("PREF"), self.params.get("TYPE", ())
        if isinstance(degree, str) and degree.isdecimal():
            return int(degree)
        kinds = kinds.split(",") if isinstance(kinds, str) else kinds
        return 1 if any(kind.lower() == "pref" for kind in kinds) else _LEAST

    @cached_property
    def _whole(self) -> str:
        return _FOLD.sub("", self.text) if "\r\n" in self.text else self.text


@dataclass(frozen=True, slots=True)
class Card:
    """A card: everything between its BEGIN and its END."""

    lines: tuple[Line, ...]

    def all(self, name: str) -> list[Line]:
        """The lines of a property, in their order."""
        return [line for line in self.lines if line.name == name]

    def best(self, name: str) -> Line | None:
        """The preferred line of a property, or the first."""
        return min(self.all(name), key=lambda line: line.rank, default=None)

    def put(self, name: str, value: str | None, *, head: str = "", at: Line | None = None) -> Card:
        """With this value, as it is to be written, in the place of `at` or else of the best; None takes it out.

        `head`: group, name and parameters, instead of those that the line has.
        """
        old = at or self.best(name)
        if value is None:
            return self if old is None else replace(self, lines=tuple(line for line in self.lines if line is not old))
        new = _folded(head or (old.head if old else name), value)
        if old is None:
            return replace(self, lines=(*self.lines, new))
        return replace(self, lines=tuple(new if line is old else line for line in self.lines))

    def only(self, name: str, keep: Line | None) -> Card:
        """Without the lines of a property but one."""
        return replace(self, lines=tuple(line for line in self.lines if line.name != name or line is keep))

    @property
    def version(self) -> str:
        """The version of vCard it is written in."""
        line = self.best("VERSION")
        return line.value.strip() if line else "3.0"

    def text(self) -> str:
        """As it is sent."""
        return "\r\n".join(["BEGIN:VCARD", *(line.text for line in self.lines), "END:VCARD", ""])


def parsed(text: str) -> Card:
    """A card as a server shows it. Raises BrokenProtocol for what is none."""
    physical: list[str] = []
    for piece in _LINE.split(text):
        if piece[:1] in (" ", "\t") and physical:
            physical[-1] += f"\r\n{piece}"
        elif piece:
            physical.append(piece)
    whole = [line.strip().upper() for line in (physical[:1] + physical[-1:])]
    if whole != ["BEGIN:VCARD", "END:VCARD"]:
        raise BrokenProtocol("the server shows a card that does not begin and end as a vCard does")
    return Card(tuple(Line(line) for line in physical[1:-1]))


def made(lines: Iterable[tuple[str, str]]) -> Card:
    """A new card of properties and their values, as they are to be written."""
    return Card(tuple(_folded(name, value) for name, value in lines))


def plain(value: str) -> str:
    """Text as a person reads it (RFC 6350, section 3.4)."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: "\n" if found.group(1) in "nN" else found.group(1), value)


def escaped(text: str) -> str:
    """Text as it is written into a card."""
    for char, written in (("\\", "\\\\"), ("\n", "\\n"), (",", "\\,"), (";", "\\;")):
        text = text.replace(char, written)
    return text


def parts(value: str, separator: str = ";") -> list[str]:
    """The parts of a value that is made of several, each as it is written."""
    if separator not in value:
        return [value]
    found, start, at = [], 0, 0
    while at < len(value):
        if value[at] == separator:
            found.append(value[start:at])
            start = at + 1
        at += 2 if value[at] == "\\" else 1
    return [*found, value[start:]]


def _folded(head: str, value: str) -> Line:
    text = f"{head}:{value}"
    if len(text) >= _WIDTH or not text.isascii():
        text = _line(text).to_ical().decode()  # type: ignore[no-untyped-call]
    return Line(text)


def _line(text: str) -> Contentline:
    return Contentline(text)  # type: ignore[no-untyped-call]
