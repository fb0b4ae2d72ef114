"""Records of which a person has said that they are not somebody's, though they show that one's match key.

Such a record is left alone for as long as the other has the key and a record of their own in the app. Once the other
has none there, it is a question again: nobody is given a record by their key against what a person has said.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Final

from syncd.core.fieldmap import Sync
from syncd.core.record import EntityId, Record, Ref
from syncd.engine.ours import made_by
from syncd.store.ports import Transaction
from syncd.store.values import Intent, Parked, ParkedKind

__all__ = ["age_of", "any_strange", "ask_whose", "befriend", "estrange", "is_strange", "made_for"]

_SAID: Final = "said"


def estrange(tx: Transaction, sync: Sync, ref: Ref, entity: EntityId, created: float | None) -> None:
    """The record is not theirs. `created`: when it came to be, where that is known."""
    tx.meta.put(_some(sync, ref.app), _SAID)
    tx.meta.put(_pair(sync, ref, entity), _SAID if created is None else f"{_SAID} {created!r}")


def befriend(tx: Transaction, sync: Sync, ref: Ref, entity: EntityId) -> None:
    """It is theirs after all."""
    if is_strange(tx, sync, ref, entity):
        tx.meta.put(_pair(sync, ref, entity), "")


def is_strange(tx: Transaction, sync: Sync, ref: Ref, entity: EntityId, created: datetime | None = None) -> bool:
    """A person has said that it is not theirs. `created`: its age; of a newer record with its id nothing was said."""
    said, _, age = (tx.meta.get(_pair(sync, ref, entity)) or "").partition(" ")
    newer = created is not None and age and created.timestamp() > float(age)
    return said == _SAID and not newer


def age_of(fact: Record) -> dict[str, float]:
    """When a record came to be, for the detail of a question about it; empty where the app does not say."""
    return {} if fact.created is None else {"created": fact.created.timestamp()}


def made_for(tx: Transaction, sync: Sync, create: Intent, fact: Record) -> bool:
    """Whether a create in doubt may have made the record: not one that was said not to be theirs for whom it was."""
    return made_by(sync, create, fact) and not is_strange(tx, sync, fact.ref, create.entity, fact.created)


def any_strange(tx: Transaction, sync: Sync, app: str) -> bool:
    """It was said of any record of the app, once."""
    return tx.meta.get(_some(sync, app)) is not None


def ask_whose(tx: Transaction, sync: Sync, ref: Ref, entity: EntityId, by: str) -> None:
    """Whose is it? They have no other record there now. `by`: what the two have in common."""
    reason = f"it was said not to be that of the one with the same {by}, who has no other record in {ref.app} now"
    parked = Parked(kind=ParkedKind.AMBIGUOUS, sync=sync.name, app=ref.app, ref=ref, reason=reason)
    tx.parked.park(replace(parked, detail={"entities": [entity], "by": by}))


def _some(sync: Sync, app: str) -> str:
    return f"strange:{sync.name}:{app}"


def _pair(sync: Sync, ref: Ref, entity: EntityId) -> str:
    # Of a record's id, which may be an address, no more is kept than tells it from others.
    id = hashlib.blake2b(f"{ref.object}/{ref.id}".encode(), digest_size=16).hexdigest()
    return f"{_some(sync, ref.app)}:{id}:{entity}"
