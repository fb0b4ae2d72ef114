"""What every stage of the engine is handed: the store, the apps, the syncs, time and chance."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from operator import add, attrgetter
from typing import Any, Protocol

from syncd.core.fieldmap import Sync
from syncd.core.guard import Limits
from syncd.core.record import EntityId
from syncd.engine.recent import Recent
from syncd.sdk.contract import Clock, Connector, Object
from syncd.sdk.pace import Gate
from syncd.sdk.spans import SILENT, Spans
from syncd.store.ports import Storage

__all__ = ["App", "Counts", "Safety", "Tally", "Uncounted", "World"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """Waits and bounds. The defaults are the careful ones."""

    skew: timedelta = timedelta(seconds=120)
    """How far two apps' clocks may be apart."""
    second_look: timedelta = timedelta(minutes=10)
    """Between the two reads that must both miss a record before it counts as deleted."""
    late_write: timedelta | None = None
    """Instead of what the connector says of how late a write may still be applied."""
    loop_window: timedelta = timedelta(minutes=10)
    loop_turns: int = 3
    """How often the author of a field may alternate within the window before the field is frozen."""
    attempts: int = 5
    """How often a delivery is tried before it is parked."""
    limits: Limits = field(default_factory=Limits)
    own_limits: Mapping[tuple[str, str], Limits] = field(default_factory=dict)
    """App and object to bounds of their own, in place of `limits`."""


@dataclass(frozen=True, slots=True)
class App:
    """One app: its connector, what was discovered in it, and its turn (one stage at a time)."""

    name: str
    connector: Connector
    objects: Mapping[str, Object]
    read_only: bool = False
    turn: threading.RLock = field(default_factory=threading.RLock)
    gate: Gate | None = None
    """What keeps to the app's budget of calls; None where nobody counts."""


class Counts(Protocol):
    """Who counts what no tally of a stage tells."""

    def broken(self, app: str, promise: str) -> None:
        """A promise would have been broken."""
        ...

    def gap(self, app: str, seconds: float) -> None:
        """A write without a condition was answered, so long after its record was read."""
        ...

    def suspected(self, app: str) -> None:
        """Somebody seems to have been in that gap."""
        ...

    def mirrored(self, app: str, seconds: float) -> None:
        """An app has taken an edit, so long after it was seen in another."""
        ...


class Uncounted:
    """Nobody counts."""

    def broken(self, app: str, promise: str) -> None:
        """Nothing."""

    def gap(self, app: str, seconds: float) -> None:
        """Nothing."""

    def suspected(self, app: str) -> None:
        """Nothing."""

    def mirrored(self, app: str, seconds: float) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything the engine may touch."""

    store: Storage
    apps: Mapping[str, App]
    syncs: Mapping[str, Sync]
    clock: Clock
    chance: random.Random
    log: Any
    safety: Safety = field(default_factory=Safety)
    counts: Counts = field(default_factory=Uncounted)
    recent: Recent = field(default_factory=Recent)
    """Whom guards have counted by now."""
    spans: Spans = SILENT
    """Who is told what goes on within what."""

    def new_entity(self) -> EntityId:
        """An id that nobody has."""
        return EntityId(f"e{self.chance.getrandbits(80):020x}")

    def new_key(self) -> str:
        """A name for a write."""
        return f"w{self.chance.getrandbits(80):020x}"

    def object(self, sync: Sync, app: str) -> Object:
        """The object that a sync keeps in an app, as discovered."""
        return self.apps[app].objects[sync.apps[app]]

    def limits(self, sync: Sync, app: str) -> Limits:
        """The bounds of an app's guards, for the object that a sync keeps there."""
        return self.safety.own_limits.get((app, sync.apps[app]), self.safety.limits)

    def late(self, sync: Sync, app: str) -> float:
        """Seconds after which a write whose outcome is unknown can no longer be applied."""
        return (self.safety.late_write or self.object(sync, app).capabilities.late_write).total_seconds()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a stage did, in counts."""

    read: int = 0
    changed: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    refused: int = 0
    doubted: int = 0
    parked: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*map(add, _COUNTS(self), _COUNTS(other)))

    @property
    def written(self) -> int:
        """Writes that an app took."""
        return self.created + self.updated + self.deleted

    def but(self, **counts: int) -> Tally:
        """The same with some counts replaced."""
        return replace(self, **counts)


_COUNTS = attrgetter(*Tally.__slots__)
