"""By which mapping a value came to stand: which version of it, put in force when and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from syncd.console.status import moment
from syncd.store.chain import DIGITS
from syncd.store.ports import Transaction
from syncd.store.values import Entry

__all__ = ["Version", "Versions"]

_NAMED: Final = 8
"""So many digits of a digest name a mapping to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A mapping by which something was done."""

    mapping: str
    """How a digest of it begins; no other of the sync's mappings has the same."""
    put_in_force: int
    """The entry that tells of it; 0 where none does."""
    at: datetime | None
    by: str
    now: bool
    """It is the one in force."""
    steps: tuple[int, ...] = ()
    """The entries that are asked about and came of it."""


class Versions:
    """The mappings of a sync that were ever put in force."""

    def __init__(self, tx: Transaction, sync: str) -> None:
        self._told: Sequence[Entry] = tx.log.put_in_force(sync)

    def of(self, entry: Entry) -> Version | None:
        """By which an entry came about; None where none had a part in it.

        The first sync tells of its mapping once all of it is written, so there it is the next one that is told of.
        """
        if not entry.mapping:
            return None
        own = entry.mapping[:DIGITS]  # an older log has all of them
        same = [told for told in self._told if told.mapping[:DIGITS] == own]
        told = next((told for told in reversed(same) if told.seq < entry.seq), same[0] if same else None)
        return Version(
            mapping=entry.mapping[:_NAMED],
            put_in_force=told.seq if told else 0,
            at=moment(told.at) if told else None,
            by=told.by if told else "",
            now=told is not None and self._told[-1].mapping[:DIGITS] == own,
        )

    def among(self, entries: Iterable[Entry]) -> tuple[Version, ...]:
        """Those by which these entries came about, in the order in which they did, each with its entries."""
        steps: dict[Version, list[int]] = {}
        for entry in entries:
            version = self.of(entry)
            if version is not None:
                steps.setdefault(version, []).append(entry.seq)
        return tuple(replace(version, steps=tuple(own)) for version, own in steps.items())
