"""The laws of lenses (`core.lens`), tried on samples. A breach is data: `syncd check` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from syncd.core.fieldmap import FieldRule, Way
from syncd.core.lens import Lens, Misfit
from syncd.core.record import Absent, Raws, Value
from syncd.mapping.cells import Once
from syncd.mapping.lenses import Single
from syncd.mapping.types import TYPES

__all__ = ["Breach", "breaches"]


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that does not hold: what was written or shown, and what came back."""

    app: str
    field: str
    law: str
    given: str
    got: str

    def __str__(self) -> str:
        told = "would be read back as" if self.law == "PutGet" else "would be written back as"
        return f"{self.app}, {self.field}: {self.given} {told} {self.got} (the law {self.law})"


def breaches(rule: FieldRule, app: str, samples: Iterable[Raws] = ()) -> Iterator[Breach]:
    """Try the laws on the type's edge cases and on `samples`, raws of real records."""
    lens, way = rule.lenses[app], rule.ways[app]
    shown = tuple(samples)
    values: dict[Value, None] = dict.fromkeys((*TYPES[rule.type].samples, *_options(lens)))
    for raws in shown:
        value = lens.get(raws, {})
        if not isinstance(value, Misfit | Absent):
            values.setdefault(value)
    if way is not Way.READ:
        for value in values:
            for raws in ({},) if isinstance(lens, Once) else ({}, *shown):
                yield from _put_get(rule, app, value, raws)
    for raws in shown:
        yield from _get_put(rule, app, raws)


def _put_get(rule: FieldRule, app: str, value: Value, raws: Raws) -> Iterator[Breach]:
    lens = rule.lenses[app]
    patch = lens.put(value, raws)
    if isinstance(patch, Misfit):
        return
    settled = lens.settles({**raws, **patch})
    got = lens.get(settled, {rule.name: value})
    if got != value:
        yield Breach(app, rule.name, "PutGet", _said(value), _said(got))


def _get_put(rule: FieldRule, app: str, raws: Raws) -> Iterator[Breach]:
    lens = rule.lenses[app]
    settled = lens.settles(raws)
    if lens.settles(settled) != settled:
        yield Breach(app, rule.name, "stable", _said(dict(settled)), _said(dict(lens.settles(settled))))
    value = lens.get(raws, {})
    if rule.ways[app] is not Way.BOTH or isinstance(value, Misfit | Absent):
        return
    patch = lens.put(value, raws)
    if isinstance(patch, Misfit):
        yield Breach(app, rule.name, "GetPut", _said(value), patch.reason)
    elif lens.settles({**raws, **patch}) != settled:
        yield Breach(app, rule.name, "GetPut", _said(dict(settled)), _said(dict(patch)))


def _options(lens: Lens) -> tuple[Value, ...]:
    """The canonical values that are particular to this lens."""
    if not isinstance(lens, Single):
        return ()
    if lens.words is not None:
        return (*lens.words.raws, *lens.words.meanings.values())
    many = lens.kind.name == "choices"
    return tuple((option.value,) if many else option.value for option in lens.field.options)


def _said(value: object) -> str:
    return "blank" if value is None else repr(value)
