"""Cards as the simulated server's people see them: read and edited here by rules of its own, not by the connector's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncd.testing.population import Person

__all__ = ["edited", "flaw", "of", "seen"]

_PLACES: Final = {
    **{f"n.{part}": ("N", place) for place, part in enumerate(("family", "given", "additional", "prefix", "suffix"))},
    "org": ("ORG", 0),
    "org.unit": ("ORG", 1),
    **{f"adr.{part}": ("ADR", place) for place, part in enumerate(("street", "city", "region", "code", "country"), 2)},
}
_TEXTS: Final = {"fn": "FN", "email": "EMAIL", "tel": "TEL", "title": "TITLE", "note": "NOTE", "url": "URL"}
_MARKS: Final = (("\\\\", "\\"), ("\\n", "\n"), ("\\,", ","), ("\\;", ";"))


def of(who: Person, uid: str, *, sloppy: bool) -> str:
    """A card for one of the population; a sloppy one has a telephone in a local form and no parts of a name."""
    name = f"{who.first} {who.last}"
    tel = who.phone.removeprefix("+1") if sloppy else who.phone
    lines = [
        "VERSION:3.0",
        f"UID:{uid}",
        f"FN:{name.upper() if sloppy else name}",
        ";".join(["N:" if sloppy else f"N:{who.last}", "" if sloppy else who.first, "", "", ""]),
        f"item1.EMAIL;TYPE=INTERNET,pref:{who.email.title() if sloppy else who.email}",
        "item1.X-ABLabel:_$!<Work>!$_",
        f"TEL;TYPE=CELL:{tel}",
        f"ORG:{_written(who.company)}",
        f"ADR;TYPE=WORK:;;;{who.city};{who.region};{who.postcode};{who.country}",
        f"X-OPTED-OUT:{who.opted_out}",
        f"PHOTO;ENCODING=b;TYPE=PNG:{'iVBORw0KGgo' * 12}",
    ]
    return _text(lines)


def seen(text: str) -> dict[str, Any]:
    """What stands in a card, by the connector's field names. None: the field is empty."""
    values = dict(reversed(_pairs(text)))
    fields: dict[str, Any] = {name: _read(values.get(prop, "")) or None for name, prop in _TEXTS.items()}
    for name, (prop, place) in _PLACES.items():
        parts = _split(values.get(prop, ""), ";")
        fields[name] = (_read(parts[place]) or None) if place < len(parts) else None
    fields["uid"] = _read(values.get("UID", "")) or None
    fields["bday"] = values.get("BDAY") or None
    fields["categories"] = [_read(part) for part in _split(values.get("CATEGORIES", ""), ",") if part]
    return fields


def edited(text: str, fields: Mapping[str, Any]) -> str:
    """A card after a person has changed fields in it."""
    lines = _lines(text)
    for name, value in fields.items():
        if name in _PLACES:
            prop, place = _PLACES[name]
            parts = _split(next((v for p, v in _pairs(_text(lines)) if p == prop), ""), ";")
            parts += [""] * (place + 1 - len(parts))
            parts[place] = _written(value or "")
            _put(lines, prop, ";".join(parts) if any(parts) or prop == "N" else "")
        elif name == "categories":
            _put(lines, "CATEGORIES", ",".join(_written(one) for one in value or ()))
        elif name == "bday":
            _put(lines, "BDAY", value or "")
        else:
            _put(lines, _TEXTS[name], _written(value or ""))
    if not any(prop == "FN" for prop, _ in _pairs(_text(lines))):
        lines.append("FN:Somebody")
    return _text(lines)


def flaw(text: str) -> str:
    """What is wrong with a card, "" if nothing is: the properties that each must have."""
    if not text.startswith("BEGIN:VCARD\r\n") or not text.endswith("END:VCARD\r\n"):
        return "it is no card"
    there = {prop for prop, _ in _pairs(text)}
    missing = {"VERSION", "UID", "FN"} - there
    long = [line for line in text.split("\r\n") if len(line.encode()) > 75 and not line.startswith("PHOTO")]
    return f"it lacks {', '.join(sorted(missing))}" if missing else "a line is longer than 75 octets" if long else ""


def _text(lines: list[str]) -> str:
    return "\r\n".join(["BEGIN:VCARD", *(_fold(line) for line in lines), "END:VCARD", ""])


def _fold(line: str) -> str:
    pieces, width = [""], 0
    for char in line:
        size = len(char.encode())
        if width + size > 74:
            pieces.append("")
            width = 1
        pieces[-1] += char
        width += size
    return "\r\n ".join(pieces)


def _lines(text: str) -> list[str]:
    return [
        line for line in text.replace("\r\n ", "").split("\r\n") if line and line not in ("BEGIN:VCARD", "END:VCARD")
    ]


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(_property(line), line.partition(":")[2]) for line in _lines(text)]


def _property(line: str) -> str:
    return line.partition(":")[0].partition(";")[0].rpartition(".")[2].upper()


def _put(lines: list[str], prop: str, value: str) -> None:
    at = next((place for place, line in enumerate(lines) if _property(line) == prop), None)
    if at is None:
        lines += [f"{prop}:{value}"] if value else []
    elif value:
        lines[at] = f"{lines[at].partition(':')[0]}:{value}"
    else:
        del lines[at]


def _split(value: str, mark: str) -> list[str]:
    kept = value.replace("\\\\", "\x00").replace(f"\\{mark}", "\x01")
    return [part.replace("\x01", f"\\{mark}").replace("\x00", "\\\\") for part in kept.split(mark)] if value else []


def _read(value: str) -> str:
    kept = value.replace("\\\\", "\x00")
    for written, char in _MARKS[1:]:
        kept = kept.replace(written, char)
    return kept.replace("\x00", "\\")


def _written(text: str) -> str:
    for written, char in _MARKS:
        text = text.replace(char, written)
    return text
