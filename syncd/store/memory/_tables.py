"""The tables as dicts, and what to put back when a transaction fails."""

from __future__ import annotations

from typing import Any, TypeVar

from syncd.core.entity import Entity, Link
from syncd.core.match import Key
from syncd.core.record import EntityId, Ref
from syncd.store.chain import ChainEnd
from syncd.store.forgetting import Forgetting
from syncd.store.values import AppState, Delivery, Intent, OptOut, Parked, Progress

K = TypeVar("K")
V = TypeVar("V")

Name = tuple[str, Ref]
"""A link's: its sync and its record."""

_NOTHING: Any = object()


class Tables:
    """Everything that is kept. A table is changed by `put` and `drop` only, so that it can be put back.

    What is put is kept as it is, not as a copy: nobody may change it afterwards, as nobody changes any value.
    """

    def __init__(self) -> None:
        self.now = 0.0
        """When the transaction that is under way began."""
        self.entities: dict[EntityId, Entity] = {}
        self.keys: dict[EntityId, tuple[Key, ...]] = {}
        self.holders: dict[Key, dict[EntityId, None]] = {}
        self.links: dict[Name, Link] = {}
        self.links_of: dict[EntityId, dict[Name, Link]] = {}
        self.swept: dict[Name, int] = {}
        self.living: dict[tuple[EntityId, str], Name] = {}
        """The one link of an entity in an app that is not gone."""
        self.places: dict[Name, tuple[EntityId, str]] = {}
        """The same, by link."""
        self.unheld: dict[Name, Link] = {}
        """Links put and not yet held against the others."""
        self.hints: dict[Ref, tuple[float, int]] = {}
        self.cursors: dict[tuple[str, str], Progress] = {}
        self.deliveries: dict[tuple[str, str, EntityId], Delivery] = {}
        self.intents: dict[str, Intent] = {}
        self.parked: dict[int, Parked] = {}
        self.waiting: dict[str, int] = {}
        """Open parked work: its name to its number."""
        self.optouts: dict[tuple[str, str], OptOut] = {}
        self.apps: dict[str, AppState] = {}
        self.secrets: dict[tuple[str, str], str] = {}
        self.heard: dict[str, float] = {}
        self.meta: dict[str, str] = {}
        self.forgetting: dict[int, Forgetting] = {}
        self.forgotten: dict[str, int] = {}
        self.changes: dict[int, dict[str, Any]] = {}
        self.counted: dict[tuple[str, str, str], dict[int, float]] = {}
        """App, sync and event to the entries of the change log, each with its time."""
        self.end: dict[None, ChainEnd] = {}
        self._before: list[tuple[dict[Any, Any], Any, Any]] = []

    def put(self, table: dict[K, V], key: K, value: V) -> None:
        """Set one entry."""
        self._before.append((table, key, table.get(key, _NOTHING)))
        table[key] = value

    def drop(self, table: dict[K, V], key: K) -> None:
        """Remove one entry, if it is there."""
        if key in table:
            self._before.append((table, key, table.pop(key)))

    def land(self) -> None:
        """What was changed since the last landing stays."""
        self._before.clear()

    def put_back(self) -> None:
        """What was changed since the last landing is undone."""
        if not self._before and not self.unheld:
            return
        for table, key, value in reversed(self._before):
            if value is _NOTHING:
                del table[key]
            else:
                table[key] = value
        self._before.clear()
        self.unheld.clear()
