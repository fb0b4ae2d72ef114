"""One cell of a mapping, an app's line in a canonical field's table, made into a lens against the app's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from syncd.core.fieldmap import Way
from syncd.core.lens import Lens, Misfit, View
from syncd.core.record import Fields, Raw, Raws, Value
from syncd.mapping.codec import decode
from syncd.mapping.lenses import Joined, Single, Words
from syncd.mapping.shape import Cell, Scalar
from syncd.mapping.types import Kind, Options
from syncd.sdk.contract import Field, FieldType, Object
from syncd.spelling import suggest
from syncd.toml import Key

__all__ = ["Fault", "Once", "Spot", "lens_of", "property_of", "way_of", "words_of"]

Fault = tuple[Key, str, str]
"""Where, from the cell on; what is wrong; and a hint."""

_WORDED = frozenset(
    {FieldType.TEXT, FieldType.CHOICE, FieldType.BOOLEAN, FieldType.INTEGER, FieldType.REFERENCE, FieldType.EMAIL}
)
"""App field types that a table of values can be about."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A cell and all that is needed to make sense of it."""

    app: str
    canonical: str
    cell: Cell
    kind: Kind
    options: Options
    object: Object


@dataclass(frozen=True, slots=True)
class Once:
    """A lens for what is written when a record is made, and left alone from then on."""

    lens: Lens

    @property
    def window(self) -> tuple[str, ...]:
        """The same as without."""
        return self.lens.window

    def get(self, raws: Raws, entity: Fields) -> View:
        """The same as without."""
        return self.lens.get(raws, entity)

    def put(self, value: Value, raws: Raws) -> Mapping[str, Raw] | Misfit:
        """What stands there; on a record that is being made, the value."""
        standing = {name: raws[name] for name in self.window if name in raws}
        return standing or self.lens.put(value, raws)

    def settles(self, raws: Raws) -> Mapping[str, Raw]:
        """The same as without."""
        return self.lens.settles(raws)


def property_of(name: str, object: Object) -> tuple[Field, tuple[str, ...]] | None:
    """The app's field of this name and the path inside it: `address.city` is `city` in `address`."""
    if name in object.fields:
        return object.fields[name], ()
    head, dot, rest = name.rpartition(".")
    path: tuple[str, ...] = ()
    while dot:
        path = (rest, *path)
        if head in object.fields and object.fields[head].type in {FieldType.ADDRESS, FieldType.JSON}:
            return object.fields[head], path
        head, dot, rest = head.rpartition(".")
    return None


def way_of(cell: Cell) -> Way:
    """In which direction the cell goes."""
    return Way.WRITE if cell.write_once else Way(cell.way)


def lens_of(spot: Spot, faults: Callable[[Key, str, str], None]) -> Lens | None:
    """The lens that a cell describes, or None after telling `faults` what is wrong."""
    cell = spot.cell
    names = list(cell.join or [cell.field])
    found: list[tuple[Field, tuple[str, ...]]] = []
    for index, name in enumerate(names):
        at: Key = ("join", index) if cell.join else ("field",)
        resolved = property_of(name, spot.object)
        if resolved is None:
            faults(at, f'{spot.app} has no property "{name}" in {spot.object.name}', suggest(name, spot.object.fields))
            return None
        found.append(resolved)
    for index, (app_field, path) in enumerate(found):
        for message, hint in _misfits(spot, app_field, path):
            faults(("join", index) if cell.join else ("field",), message, hint)
            return None
    if cell.join:
        (first, _), (last, _) = found
        return Joined(spot.canonical, first, last, spot.kind, spot.options)
    app_field, path = found[0]
    words = None
    if cell.values is not None or cell.also or cell.others is not None:
        words = words_of(spot, app_field, faults)
        if words is None:
            return None
    single = Single(spot.canonical, app_field, spot.kind, spot.options, words, path)
    return Once(single) if cell.write_once else single


def _misfits(spot: Spot, app_field: Field, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Whether the app's field can carry the canonical type in the way that is asked."""
    cell, kind = spot.cell, spot.kind
    worded = cell.values is not None
    if path:
        if kind.name in {"choices", "address", "json"}:
            yield f"{kind.name} cannot be at a path inside {app_field.name}", ""
    elif worded and app_field.type not in _WORDED:
        yield f"{app_field.name} is of type {app_field.type}, which takes no values table", ""
    elif not worded and app_field.type not in kind.carriers:
        need = " or ".join(sorted(kind.carriers))
        mapped = kind.name in {"boolean", "consent", "choice"} and app_field.type in _WORDED
        hint = "say which value means what: values = { ... }" if mapped else f"{kind.name} needs {need}"
        yield f"{app_field.name} is of type {app_field.type}, which does not carry {kind.name}", hint
    if app_field.consent and cell.way != "read" and kind.name != "consent":
        what = f"{app_field.name} says whether somebody may be mailed, and {kind.name} would let it be taken back"
        yield what, 'say type = "consent", or way = "read"'
    if cell.write_once:
        if not app_field.creatable:
            yield f"{app_field.name} cannot be given when a record is made", ""
    elif cell.way != "read" and not app_field.writable:
        hint = "write_once = true" if app_field.creatable and not app_field.writable else 'way = "read"'
        yield f"{app_field.name} is read-only in {spot.app}", f"say {hint}"


def words_of(spot: Spot, app_field: Field, faults: Callable[[Key, str, str], None]) -> Words | None:
    """The table of values, checked against the app's options."""
    cell = spot.cell
    raws: dict[Value, Value] = {}
    meanings: dict[Value, Value] = {}
    sound = True

    def fault(at: Key, message: str, hint: str = "") -> None:
        nonlocal sound
        sound = False
        faults(at, message, hint)

    for name, scalar in (cell.values or {}).items():
        value = _canonical(spot, name, ("values", name), fault)
        plain = _plain(app_field, scalar, ("values", name), fault)
        if value is None or plain is None:
            continue
        if plain in meanings and not cell.lossy:
            hint = "say lossy = true if several values may look the same here"
            fault(("values", name), f'"{_word(scalar)}" stands for "{_word(meanings[plain])}" already', hint)
        raws[value] = plain
        meanings.setdefault(plain, value)
    for name, scalars in cell.also.items():
        value = _canonical(spot, name, ("also", name), fault)
        for scalar in scalars:
            plain = _plain(app_field, scalar, ("also", name), fault)
            if value is None or plain is None:
                continue
            if meanings.get(plain, value) != value:
                fault(("also", name), f'"{_word(scalar)}" stands for "{_word(meanings[plain])}" already')
            meanings[plain] = value
    others = None
    if cell.others is not None:
        others = _canonical(spot, _word(cell.others), ("others",), fault)
    return Words(raws, meanings, others) if sound else None


def _canonical(spot: Spot, name: str, at: Key, fault: Callable[[Key, str], None]) -> Value:
    value = spot.kind.clean(name, spot.options)
    if isinstance(value, Misfit) or value is None:
        fault(at, f'"{name}" is no {spot.kind.name}: {value.reason if value else "it is blank"}')
        return None
    return value


def _plain(app_field: Field, scalar: Scalar, at: Key, fault: Callable[..., None]) -> Value:
    plain = decode(app_field, scalar)
    if isinstance(plain, Misfit):
        fault(at, f"{_word(scalar)} does not fit {app_field.name}: {plain.reason}")
        return None
    options = [option.value for option in app_field.options]
    if app_field.type is FieldType.CHOICE and options and not app_field.open_options and plain not in options:
        fault(at, f'{app_field.name} has no option "{plain}"', suggest(str(plain), options))
        return None
    return plain


def _word(scalar: Value) -> str:
    return str(scalar).lower() if isinstance(scalar, bool) else str(scalar)
