"""The full comparison, made by the daemon now and then, in a thread of its own: its figures are kept for the trend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from syncd.daemon.footing import Footing
from syncd.daemon.lanes import Lane
from syncd.engine.audit import audit
from syncd.engine.mending import keep, trend
from syncd.engine.world import World
from syncd.errors import StoreError

__all__ = ["Auditor"]

_LATER: Final = 60.0
"""Seconds until another look, where the time has come and it cannot be done yet."""
_SELDOM: Final = 3600.0


class Auditor:
    """Makes an audit of every sync in force, as often as `every`, counted from the last one that was kept.

    The first waits until everything has been listed once. One of which an app was left out is not kept, and is tried
    again.
    """

    def __init__(self, world: World, footing: Footing, every: timedelta, ended: Callable[[str], None]) -> None:
        self.lane = Lane("audit", self.step, ended)
        self._world = world
        self._footing = footing
        self._every = every.total_seconds()

    def step(self) -> float:
        """Make an audit if it is due. Seconds until the next look."""
        with self._footing.working() as firm:
            if not firm:
                return _LATER
            try:
                rest = self._due()
                return rest if rest > 0 else self._audit()
            except StoreError as failed:
                self._footing.fails(failed.message)
                return _LATER

    def _due(self) -> float:
        """Seconds until the next one; it is asked for anew at least every hour."""
        world = self._world
        with world.store.read() as tx:
            made = trend(tx)
            places = [(name, app) for name, sync in world.syncs.items() for app in sync.apps]
            if not made:
                listed = places and all(tx.cursors.get(name, app).listed_at for name, app in places)
                return 0.0 if listed else _LATER
            return min(_SELDOM, made[-1].at + self._every - tx.now)

    def _audit(self) -> float:
        found = audit(self._world, list(self._world.syncs))
        if found.unseen:
            self._world.log.warning("audit not finished", apps=found.unseen)
            return _LATER
        figures = keep(self._world, found)[-1]
        counts = {"records": figures.records, "differences": figures.differences, "unexplained": figures.unexplained}
        self._world.log.info("audit made", **counts)
        return min(_SELDOM, self._every)
