"""While writes are held, since the store was set back: everything is read once, and what would be written counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncd.daemon.footing import Footing
from syncd.daemon.lanes import Lane
from syncd.engine.plan import make_plan
from syncd.engine.setback import Compared, keep_comparison, setback
from syncd.engine.world import World
from syncd.errors import Halted, StoreError

__all__ = ["Comparison"]

_AGAIN: Final = 60.0
"""Seconds before a comparison that failed is tried again."""
_REST: Final = 3600.0


class Comparison:
    """Compares in a thread of its own, and keeps the counts in the store for whoever asks for the status."""

    def __init__(self, world: World, footing: Footing, ended: Callable[[str], None]) -> None:
        self._world = world
        self._footing = footing
        self.lane = Lane("comparison", self._step, ended)

    def _step(self) -> float:
        """Seconds until there may be something to do."""
        try:
            with self._world.store.read() as tx:
                back = setback(tx)
            if back is None or back.compared is not None:
                return _REST
            return self._compare()
        except StoreError as failed:
            self._footing.fails(failed.message)
            return _AGAIN

    def _compare(self) -> float:
        log = self._world.log
        log.warning("comparing, since the store was set back: everything is read, nothing is written")
        try:
            plan = make_plan(self._world)
        except Halted as halted:
            log.warning("not compared", reason=halted.message)
            return _AGAIN
        found = Compared(at=plan.made, writes=plan.counts, parked=plan.parked)
        with self._world.store.begin() as tx:
            keep_comparison(tx, found)
        log.warning("compared", writes=plan.counts, parked=plan.parked, hint="syncd status says how to go on")
        return _REST
