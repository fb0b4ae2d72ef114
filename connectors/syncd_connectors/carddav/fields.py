"""The fields of a card: which property each stands for, how it is read, and how it is written.

Names are those of vCard, dotted where a property has parts. What vCard leaves open is settled here:

- Of several lines of a property the preferred one counts, or else the first.
- `fn` follows the parts of the name as long as it says just what they say: it must be there (RFC 6350, section 6.2.1),
  and nobody wants to keep it by hand.
- A birthday without a year is no date. It is not shown, which is something else than being blank.
- Text is kept to the letter. What no card or XML document can carry, such as control characters, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from syncd.core.record import ABSENT, Absent, Raw, Raws
from syncd.errors import Rejected
from syncd.sdk.contract import Field, FieldType
from syncd_connectors.carddav import card as cards
from syncd_connectors.carddav.card import Card

__all__ = ["FIELDS", "OBJECT", "changed", "new", "shown"]

OBJECT: Final = "contacts"
_KINDS: Final = FieldType
_NAMED: Final = ("n.prefix", "n.given", "n.additional", "n.family", "n.suffix")
"""The parts of a name in the order in which a name is written out."""
_DATE: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T.*)?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_ADDRESS: Final = re.compile(r"[^\s@]+@[^\s@]+")
_TEL: Final = "tel:"


@dataclass(frozen=True, slots=True)
class _Trait:
    """One field: its declaration, and how it is read from a card and written into one."""

    field: Field
    read: Callable[[Card], Raw | Absent]
    write: Callable[[Card, Raw], Card] | None = None


def _text(name: str, label: str, *, type: FieldType = _KINDS.TEXT, clearable: bool = True) -> _Trait:
    """A property that is one text."""
    prop = name.upper()

    def read(card: Card) -> Raw:
        line = card.best(prop)
        return (cards.plain(line.value) or None) if line else None

    def write(card: Card, value: Raw) -> Card:
        return card.put(prop, cards.escaped(value) if value else None)

    return _Trait(Field(name=name, type=type, label=label, clearable=clearable, personal=True), read, write)


def _part(name: str, prop: str, place: int, label: str) -> _Trait:
    """One of the parts of a property; the others stay."""

    def read(card: Card) -> Raw:
        line = card.best(prop)
        found = cards.parts(line.value) if line else []
        return (cards.plain(found[place]) or None) if place < len(found) else None

    def write(card: Card, value: Raw) -> Card:
        line = card.best(prop)
        found = cards.parts(line.value) if line else []
        found += [""] * (place + 1 - len(found))
        found[place] = cards.escaped(value or "")
        if line is not None and not any(found) and prop != "N":
            return card.put(prop, None)
        if line is None and not value:
            return card
        width = _WIDTHS.get(prop, 0)
        return card.put(prop, ";".join(found + [""] * (width - len(found))))

    return _Trait(Field(name=name, type=_KINDS.TEXT, label=label, personal=True), read, write)


def _phone() -> _Trait:
    def read(card: Card) -> Raw:
        line = card.best("TEL")
        return (cards.plain(line.value).removeprefix(_TEL) or None) if line else None

    def write(card: Card, value: Raw) -> Card:
        line = card.best("TEL")
        address = line is not None and line.value.startswith(_TEL) and re.fullmatch(r"\+?[0-9().-]+", value or "")
        if line is not None and value and not address and "VALUE" in line.params:
            head = ";".join(part for part in line.head.split(";") if not part.upper().startswith("VALUE="))
            return card.put("TEL", cards.escaped(value), head=head)
        written = f"{_TEL}{value}" if address else cards.escaped(value or "")
        return card.put("TEL", written or None)

    return _Trait(Field(name="tel", type=_KINDS.PHONE, label="Telephone", personal=True), read, write)


def _email() -> _Trait:
    plain = _text("email", "E-mail", type=_KINDS.EMAIL)

    def write(card: Card, value: Raw) -> Card:
        if value and not _ADDRESS.fullmatch(value):
            raise Rejected("that is no e-mail address", field="email", code="invalid")
        line = card.best("EMAIL")
        first = "EMAIL;TYPE=INTERNET" if line is None and card.version.startswith("3") else ""
        return card.put("EMAIL", cards.escaped(value) if value else None, head=first)

    return _Trait(plain.field, plain.read, write)


def _url() -> _Trait:
    """An address of the web is no text: nothing in it is escaped, though some programs do so all the same."""
    plain = _text("url", "Web page")

    def write(card: Card, value: Raw) -> Card:
        if value and ("\n" in value or "\\" in value):
            raise Rejected("a web address has no line break and no backslash", field="url", code="invalid")
        return card.put("URL", value or None)

    return _Trait(plain.field, plain.read, write)


def _birthday() -> _Trait:
    def read(card: Card) -> Raw | Absent:
        line = card.best("BDAY")
        if line is None or not line.value.strip():
            return None
        found = _DATE.fullmatch(line.value.strip())
        if found is None or line.params.get("X-APPLE-OMIT-YEAR") == found.group(1):
            return ABSENT
        return "-".join(found.groups())

    def write(card: Card, value: Raw) -> Card:
        if not value:
            return card.put("BDAY", None)
        try:
            day = date.fromisoformat(value).isoformat()
        except ValueError:
            raise Rejected("that is no date", field="bday", code="invalid") from None
        return card.put("BDAY", day if card.version.startswith("3") else day.replace("-", ""), head="BDAY")

    return _Trait(Field(name="bday", type=_KINDS.DATE, label="Birthday", personal=True), read, write)


def _categories() -> _Trait:
    def read(card: Card) -> Raw:
        listed = [part for line in card.all("CATEGORIES") for part in cards.parts(line.value, ",")]
        return list(dict.fromkeys(cards.plain(part).strip() for part in listed if part.strip()))

    def write(card: Card, value: Raw) -> Card:
        first = next(iter(card.all("CATEGORIES")), None)
        joined = ",".join(cards.escaped(one) for one in value or ())
        return card.only("CATEGORIES", first).put("CATEGORIES", joined or None, at=first)

    field = Field(
        name="categories", type=_KINDS.CHOICES, label="Categories", open_options=True, blank=[], personal=True
    )
    return _Trait(field, read, write)


def _uid(card: Card) -> Raw:
    line = card.best("UID")
    return cards.plain(line.value).strip() or None if line else None


def _kind(card: Card) -> Raw:
    line = card.best("KIND") or card.best("X-ADDRESSBOOKSERVER-KIND")
    return line.value.strip().lower() if line else "individual"


_WIDTHS: Final[Mapping[str, int]] = {"N": 5, "ADR": 7}
"""How many parts a property has (RFC 6350, sections 6.2.2 and 6.3.1)."""
_TRAITS: Final = (
    _Trait(Field(name="uid", type=_KINDS.TEXT, label="UID", writable=False, clearable=False), _uid),
    _Trait(Field(name="kind", type=_KINDS.TEXT, label="Kind", writable=False, creatable=False), _kind),
    _text("fn", "Displayed name", clearable=False),
    _part("n.family", "N", 0, "Family name"),
    _part("n.given", "N", 1, "Given name"),
    _part("n.additional", "N", 2, "Additional names"),
    _part("n.prefix", "N", 3, "Prefix"),
    _part("n.suffix", "N", 4, "Suffix"),
    _email(),
    _phone(),
    _part("org", "ORG", 0, "Organisation"),
    _part("org.unit", "ORG", 1, "Department"),
    _text("title", "Job title"),
    _text("note", "Note"),
    _url(),
    _birthday(),
    _part("adr.street", "ADR", 2, "Street"),
    _part("adr.city", "ADR", 3, "City"),
    _part("adr.region", "ADR", 4, "Region"),
    _part("adr.code", "ADR", 5, "Postal code"),
    _part("adr.country", "ADR", 6, "Country"),
    _categories(),
)
_BY_NAME: Final = {trait.field.name: trait for trait in _TRAITS}
FIELDS: Final[Mapping[str, Field]] = {trait.field.name: trait.field for trait in _TRAITS}
"""The fields of every address book: CardDAV has no others to discover."""


def shown(card: Card) -> Raws:
    """What a card shows."""
    read = {name: trait.read(card) for name, trait in _BY_NAME.items()}
    return {name: value for name, value in read.items() if not isinstance(value, Absent)}


def changed(card: Card, patch: Raws) -> Card:
    """The card with other values in some fields. Raises Rejected, with the field, for what no card can hold."""
    named = _written_out(card)
    follows = not patch.get("fn") and "fn" not in patch and _BY_NAME["fn"].read(card) in (named, None)
    for name, value in patch.items():
        trait = _BY_NAME.get(name)
        if trait is None or trait.write is None:
            raise Rejected(f"{name} cannot be written to a card", field=name, code="read_only")
        if name == "fn" and not value:
            raise Rejected("a card must have a displayed name", field="fn", code="required")
        card = trait.write(card, _fit(trait.field, value))
    renamed = _written_out(card)
    if follows and renamed not in ("", named):
        card = card.put("FN", cards.escaped(renamed))
    return card


def new(fields: Raws, uid: str, version: str) -> Card:
    """A new card. Raises Rejected as `changed` does."""
    start = [("VERSION", version), ("UID", cards.escaped(uid)), ("N", ";;;;")]
    given = {name: value for name, value in fields.items() if name != "uid" and not (name == "fn" and not value)}
    card = changed(cards.made(start), given)
    if card.best("FN") is None:
        named = next((str(fields[name]) for name in ("org", "email", "tel") if fields.get(name)), "Unnamed")
        card = card.put("FN", cards.escaped(named))
    return card


def _written_out(card: Card) -> str:
    """The parts of the name, as one writes a name."""
    said = (_BY_NAME[name].read(card) for name in _NAMED)
    return " ".join(part for part in said if isinstance(part, str))


def _fit(field: Field, value: Raw) -> Raw:
    """The value, if a card can carry it."""
    texts = value if field.type is FieldType.CHOICES and isinstance(value, list) else [value]
    kept = []
    for text in texts:
        if text is not None and not isinstance(text, str):
            raise Rejected(f"{field.name} takes text", field=field.name, code="invalid")
        plain = (text or "").replace("\r\n", "\n")
        if _CONTROL.search(plain):
            raise Rejected("the text holds characters that a card cannot", field=field.name, code="invalid")
        kept.append(plain)
    return [text for text in kept if text] if field.type is FieldType.CHOICES else kept[0]
