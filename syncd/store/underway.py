"""What a store promises of work on its way: hints, cursors, deliveries, intents."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from syncd.core.record import EntityId, Ref
from syncd.store.values import Delivery, Intent, IntentState, Progress

__all__ = ["Cursors", "Deliveries", "Hints", "Intents"]


class Hints(Protocol):
    """The inbox: records that should be read again, each at most once."""

    def add(self, refs: Iterable[Ref], due: float) -> None:
        """Note records to be read at or after `due`; tries that failed stay counted."""

    def due(self, app: str, object: str, now: float, limit: int) -> Sequence[Ref]:
        """Records to read now."""

    def between(self, app: str, object: str, since: float, until: float) -> Collection[Ref]:
        """The records that somebody has hinted at later than `since`, and no later than `until`."""

    def drop(self, refs: Sequence[Ref], read_at: float) -> None:
        """These were read at or after `read_at`, and what they showed is stored; a hint that came later stays."""

    def postpone(self, ref: Ref, until: float) -> None:
        """The record could not be read: try again at or after `until`; one more try is counted."""

    def tries(self, ref: Ref) -> int:
        """How often the record could not be read since it was last read."""

    def count(self, app: str) -> int:
        """How many wait."""


class Cursors(Protocol):
    """Where to resume."""

    def get(self, sync: str, app: str) -> Progress:
        """How far we are; all None before the first page."""

    def put(self, sync: str, app: str, progress: Progress) -> None:
        """Move on; in the same transaction as what the cursor covers."""


class Deliveries(Protocol):
    """Who is owed something."""

    def owe(self, delivery: Delivery) -> None:
        """Note a debt; one that is noted already becomes due the earlier, stays urgent, and keeps its attempts.

        It keeps what brought it about, too, where the new one does not say.
        """

    def due(self, app: str, now: float, limit: int, *, sync: str = "") -> Sequence[Delivery]:
        """What to bring up to date now: opt-outs first, then by time."""

    def get(self, sync: str, app: str, entity: EntityId) -> Delivery | None:
        """The debt, or None."""

    def postpone(self, delivery: Delivery, until: float) -> None:
        """Try again later; one more attempt is counted."""

    def settle(self, delivery: Delivery) -> None:
        """The app is up to date about this entity, or its debt has become parked work."""

    def count(self, app: str, *, sync: str = "", until: float | None = None, most: int | None = None) -> int:
        """How much an app is owed, in all or by one sync, and until a time; no more than `most` are counted."""

    def removals(self, app: str, sync: str) -> int:
        """How many debts of an app are about entities that are deleted: records that one sync is to remove there."""

    def next_due(self, app: str) -> float | None:
        """When the earliest debt falls due."""

    def flush(self) -> None:
        """Write what was noted."""


class Intents(Protocol):
    """Writes on their way, and those whose outcome is unknown. They are few: all of an app's are read at once."""

    def put(self, intents: Sequence[Intent]) -> None:
        """Make writes durable before they are sent, or note that they are in doubt."""

    def drop(self, keys: Sequence[str]) -> None:
        """Their outcome is stored in this same transaction."""

    def get(self, app: str, key: str) -> Intent | None:
        """An open write of an app as it is by now; None once its outcome is stored."""

    def of_entities(self, entities: Sequence[EntityId], app: str) -> dict[EntityId, Intent]:
        """The open write for each entity in an app."""

    def of_refs(self, app: str, refs: Sequence[Ref]) -> dict[Ref, Intent]:
        """The open write for each record."""

    def open(self, app: str = "", state: IntentState | None = None) -> Sequence[Intent]:
        """Every open write."""

    def keys(self, app: str) -> Collection[str]:
        """The keys of an app's open writes, as they stand in the store itself."""

    def flush(self) -> None:
        """Write what was dropped."""
