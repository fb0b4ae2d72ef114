"""Values in old entries of the change log are erased after a while, in small parts; what is still agreed stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from syncd.engine.world import World
from syncd.store.chain import Erasable
from syncd.store.ports import Transaction
from syncd.store.values import QUOTING, Entry, Event

__all__ = ["expire"]

_PART: Final = 1000
"""Entries that are looked at in one transaction: a writer waits for no longer than that takes."""
_REACHED: Final = "expired_to"
_ROUND: Final = "expired_at"
_QUOTED: Final[Sequence[Erasable]] = ("fields", "note")
_PLAIN: Final[Sequence[Erasable]] = ("fields",)
_EVERY: Final = timedelta(days=1)
"""From the end of a round to the next, for a round looks at every old entry."""


def expire(world: World, keep: timedelta) -> int:
    """Erase the values of some entries that are older than `keep`; how many. There is a round a day; 0 between two.

    The entry that set a value which is still agreed keeps it, for that is why the value is what it is. The register of
    opt-outs, links and agreed values are never touched.
    """
    with world.store.read() as tx:
        ended = tx.meta.get(_ROUND)
        if ended and tx.now < float(ended) + _EVERY.total_seconds():
            return 0
    with world.store.erasing() as tx:
        reached = int(tx.meta.get(_REACHED) or 0)
        found = tx.log.aged(tx.now - keep.total_seconds(), reached, _PART)
        over = len(found) < _PART
        tx.meta.put(_REACHED, str(0 if over else found[-1].seq))
        tx.meta.put(_ROUND, str(tx.now) if over else "")
        tx.entities.load([entry.entity for entry in found if entry.entity is not None])
        old = [entry for entry in found if not _agreed(tx, entry)]
        quoting = [entry.seq for entry in old if entry.event in QUOTING]
        plain = [entry.seq for entry in old if entry.event not in QUOTING]
        for seqs, columns in ((quoting, _QUOTED), (plain, _PLAIN)):
            if seqs:
                tx.log.erase(seqs, columns, Entry(event=Event.EXPIRED))
        return len(old)


def _agreed(tx: Transaction, entry: Entry) -> bool:
    """Whether a value that the entry set still stands."""
    if entry.entity is None:
        return False
    entity = tx.entities.get(entry.entity)
    return not entity.deleted and any(held.seq == entry.seq for held in entity.held.values())
