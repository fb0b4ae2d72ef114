"""The mapping of one story, drawn at random: policies, directions, filters, what becomes of deletes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from syncd.core.fieldmap import Blank, Deletion, FieldRule, Filter, Policy, Seed, Sync, Way
from syncd.core.guard import Limits
from syncd.core.record import Fields
from syncd.testing.simulator.app import FIELDS, SimApp
from syncd.testing.simulator.lens import Plain

__all__ = ["drawn_limits", "drawn_sync", "refiltered", "without_note"]

_GENEROUS: Final = Limits(deletes=1000, delete_share=1.0, changes=100_000, blanks=100_000, shrink=100_000)
_STRICT: Final = Limits(
    deletes=1, delete_share=0.2, changes=4, change_share=0.5, blanks=2, creates=100_000, shrink=100_000
)
_TIGHT: Final = Limits(
    deletes=1000, delete_share=1.0, changes=1, change_share=0.1, blanks=1, blank_share=0.1, creates=1, shrink=1
)


def drawn_sync(apps: Sequence[SimApp], chance: random.Random) -> Sync:
    """A sync of everybody in all the apps."""
    names = [app.name for app in apps]
    order = tuple(chance.sample(names, len(names)))
    declared = {(app.name, field): app.keeps[field] for app in apps for field in app.keeps if chance.random() < 0.4}
    notes = [Policy.PREFER, Policy.NEWEST, Policy.FILLED, Policy.MANUAL]
    policies = {"note": chance.choice(notes), "tags": chance.choice([Policy.UNION, Policy.PREFER])}
    blanks = {"note": chance.choice([Blank.PROPAGATE, Blank.PROPAGATE, Blank.HOLD, Blank.IGNORE])}
    believed = frozenset({chance.choice(names)} if chance.random() < 0.2 else ())
    ways = {(names[-1], "note"): chance.choice([Way.BOTH, Way.READ, Way.WRITE])} if len(names) > 2 else {}
    rules = {
        field: FieldRule(
            name=field,
            type={"out": "consent", "tags": "set"}.get(field, "text"),
            lenses={name: Plain(field, declared=declared.get((name, field))) for name in names},
            ways={name: ways.get((name, field), Way.BOTH) for name in names},
            policy=policies.get(field, Policy.PREFER),
            blank=blanks.get(field, Blank.PROPAGATE),
            order=order,
            consent=field == "out",
            consent_sources=believed if field == "out" else frozenset(),
            address="email" if field == "out" else "",
        )
        for field in FIELDS
    }
    sync = Sync(
        name="people",
        entity="person",
        apps=dict.fromkeys(names, "people"),
        rules=rules,
        match=(("email",),),
        seed=chance.choice([Seed.PREFER, Seed.PREFER, Seed.NEWEST, Seed.ASK]),
        seed_order=order,
        deletes=chance.choice(list(Deletion)),
        creates=frozenset(names) if chance.random() < 0.9 else frozenset(names[:1]),
    )
    return refiltered(sync, chance) if chance.random() < 0.25 else replace(sync, digest="0")


def drawn_limits(chance: random.Random) -> Limits:
    """Mostly such as never trip in so small a world; some hold deletes early, some trip at every turn."""
    roll = chance.random()
    return _STRICT if roll < 0.1 else _TIGHT if roll < 0.2 else _GENEROUS


def refiltered(sync: Sync, chance: random.Random) -> Sync:
    """The sync with a filter for one of its apps, or without any."""
    if sync.filters:
        return replace(sync, filters={}, digest="0")
    app, text = chance.choice(list(sync.apps)), chance.choice(["a", "b", "x"])
    return replace(sync, filters={app: _wants(text)}, digest=f"{app} wants {text}")


def without_note(sync: Sync, app: str) -> Sync:
    """The sync once the admin has taken the note of one app out of the mapping."""
    note = sync.rules["note"]
    lenses = {name: lens for name, lens in note.lenses.items() if name != app}
    rules = {**sync.rules, "note": replace(note, lenses=lenses)}
    return replace(sync, rules=rules, digest=f"{sync.digest}, no note in {app}")


def _wants(text: str) -> Filter:
    def wants(fields: Fields) -> bool:
        return text in (fields.get("tags") or ()) if text == "x" else fields.get("first") != text  # type: ignore[operator]

    return wants
