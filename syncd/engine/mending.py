"""What follows from an audit: drift is brought back the ordinary way, and the figures are kept for the trend."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from syncd.core.record import EntityId, Ref
from syncd.engine.debts import note_debts, unreckoned
from syncd.engine.findings import Audit, Cause
from syncd.engine.world import World
from syncd.store.codec import dump
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event

__all__ = ["Figures", "figures", "keep", "mend", "trend"]

_MENDED: Final = (Cause.DRIFT, Cause.EDITED, Cause.MISSING)
"""What is worth looking at again; all else is on its way, waits for a person, or is as it should be."""
_KEPT: Final = 200
_NAME: Final = "audits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One audit in numbers."""

    at: float
    records: int
    differences: int
    unexplained: int
    causes: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    invalid: int = 0
    options: int = 0
    filled: float = 0.0
    """The share of values that are there, over all fields and apps."""


def figures(found: Audit) -> Figures:
    """An audit in numbers."""
    values = sum(one.records for one in found.coverage)
    return Figures(
        at=found.at,
        records=sum(count for apps in found.records.values() for count in apps.values()),
        differences=len(found.differences),
        unexplained=found.causes.get(Cause.DRIFT.value, 0),
        causes=found.causes,
        duplicates=len(found.duplicates),
        invalid=len(found.invalid),
        options=len(found.options),
        filled=round(sum(one.filled for one in found.coverage) / values, 4) if values else 0.0,
    )


def keep(world: World, found: Audit) -> Sequence[Figures]:
    """Keep the figures of an audit beside those before it. All of them, the oldest first."""
    with world.store.begin() as tx:
        kept = [*trend(tx), figures(found)][-_KEPT:]
        tx.meta.put(_NAME, dump([asdict(one) for one in kept]))
    return kept


def trend(tx: Transaction) -> Sequence[Figures]:
    """The figures of the audits that were made, the oldest first."""
    text = tx.meta.get(_NAME)
    told: list[dict[str, Any]] = json.loads(text) if text else []
    return [Figures(**one) for one in told]


def mend(world: World, found: Audit, most: int, *, by: str) -> int:
    """Have at most so many records that have drifted looked at again, and owe their apps what they lack.

    What is shown is then merged, and what is owed delivered, like anything else. How many records that is.
    """
    places = [(one.sync, one.entity, one.record) for one in found.differences if one.cause in _MENDED]
    chosen = list(dict.fromkeys(places))[:most]
    with world.store.begin() as tx:
        for name, id, record in chosen:
            entity, ref = EntityId(id), Ref(*record.split("/", 2)) if record else None
            seq = tx.log.append(
                Entry(event=Event.DECIDED, sync=name, entity=entity, ref=ref, by=by, note="looked at again by an audit")
            )
            unreckoned(tx, world.syncs[name])
            note_debts(tx, world.syncs[name], tx.entities.get(entity), seq)
            if ref is not None:
                tx.hints.add([ref], tx.now)
    return len(chosen)
