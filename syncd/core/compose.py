"""From what is owed to what is written: the patch that brings one record up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.core.entity import Entity, Link, base
from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.lens import Misfit
from syncd.core.record import Fields, Raw, Raws, Value

__all__ = ["Composed", "composed", "first_fields", "settled"]


@dataclass(frozen=True, slots=True)
class Composed:
    """A write in the making.

    `patch`: the app's fields to change, with their new raw values. `goal`: the canonical values that the record will
    carry once the patch is applied, also where no raw value had to change for it. `misfits`: what cannot be carried.
    """

    patch: Raws
    goal: Fields
    misfits: Mapping[str, Misfit]


def first_fields(entity: Entity, sync: Sync, app: str) -> Fields:
    """What a new record in `app` is given: every agreed value that is not blank, defaults, computed values."""
    wanted: dict[str, Value] = {}
    for rule in sync.mapped(app):
        if rule.ways[app] is Way.READ:
            continue
        value = rule.computed.compute(entity.fields) if rule.computed else entity.value(rule.name)
        if value is None:
            value = rule.default
        if value is not None and not isinstance(value, Misfit):
            wanted[rule.name] = value
    return wanted


def composed(
    entity: Entity, sync: Sync, app: str, current: Raws, wanted: Fields, parked: frozenset[str] = frozenset()
) -> Composed:
    """Make the patch that carries `wanted`, given the raw values that stand in the app now ({} for a new record).

    Fields in `parked` wait for a person: they stay as they are, also where they share a raw field with a wanted one.
    """
    raws: dict[str, Raw] = dict(current)
    misfits: dict[str, Misfit] = {}
    for rule, value in _together(entity, sync, app, wanted, parked):
        put = rule.lenses[app].put(value, raws)
        if isinstance(put, Misfit):
            if rule.name in wanted:
                misfits[rule.name] = put
            continue
        raws.update(put)
    patch = {name: raw for name, raw in raws.items() if name not in current or not _equal(current[name], raw)}
    goal = {name: value for name, value in wanted.items() if name not in misfits}
    return Composed(patch, goal, misfits)


def settled(entity: Entity, link: Link, sync: Sync, goal: Fields) -> tuple[Fields, Fields]:
    """After a write: the new `sent` of the link, and the goals that the app keeps in a form of its own.

    `link.seen` already holds what the app kept.
    """
    sent = dict(link.sent)
    coerced: dict[str, Value] = {}
    for name, value in goal.items():
        sent.pop(name, None)
        kept = base(sync.rules[name], link, {**entity.fields, name: value})
        if kept != value:
            sent[name] = value
            coerced[name] = None if not isinstance(kept, str | int | bool | tuple) else kept
    return sent, coerced


def _together(
    entity: Entity, sync: Sync, app: str, wanted: Fields, parked: frozenset[str]
) -> list[tuple[FieldRule, Value]]:
    """The wanted fields, and those that live in the same raw field as one of them (first and last in a full name)."""
    names = {name for field in wanted for name in sync.rules[field].lenses[app].window}
    pairs: list[tuple[FieldRule, Value]] = []
    for rule in sync.mapped(app):
        if rule.name in wanted:
            pairs.append((rule, wanted[rule.name]))
        elif (
            rule.ways[app] is not Way.READ
            and rule.name not in parked
            and not rule.consent
            and rule.computed is None
            and rule.name in entity.held
            and names.intersection(rule.lenses[app].window)
        ):
            pairs.append((rule, entity.value(rule.name)))
    return pairs


def _equal(a: Raw, b: Raw) -> bool:
    """Equal as JSON: True is not 1."""
    return type(a) is type(b) and a == b
