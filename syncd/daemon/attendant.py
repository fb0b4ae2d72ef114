"""Looking after one app: list what has changed when asked, settle, read and deliver whenever something is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from syncd.core import lately
from syncd.daemon.footing import Footing
from syncd.daemon.lanes import Lane
from syncd.daemon.meter import Meter
from syncd.engine.cycle import pull_app, tend
from syncd.engine.remedies import paused
from syncd.engine.world import Tally, World
from syncd.errors import ConnectorError, StoreError

__all__ = ["GLANCE", "Attendant", "Desk"]

GLANCE: Final = 3.0
"""Seconds between two looks at whether something has fallen due, or a person has resumed the app."""
_NEVER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What attendants share."""

    world: World
    footing: Footing
    meter: Meter
    listed: Callable[[str, Tally], None]
    """Called after a listing that went well."""
    moved: Callable[[str], None]
    """Called after a stage at this app after which others may be owed something."""


class Attendant:
    """Looks after one app, in one thread: a sweep must not see records come that it has listed past already.

    A poll waits for one batch of writes at most, however many are owed.
    """

    def __init__(
        self, app: str, desk: Desk, ended: Callable[[str], None], *, subscribe: Callable[[], None] | None = None
    ) -> None:
        self.app = app
        self.lane = Lane(app, self._step, ended)
        self._desk = desk
        self._subscribe = subscribe
        self._tried = False
        self._unlisted = False
        self._lock = threading.Lock()
        self._asked: set[str] = {"poll"}
        self._alone_until = 0.0

    def poll(self) -> None:
        """Ask for what has changed, soon."""
        self._ask("poll")

    def sweep(self) -> None:
        """Compare everything, soon."""
        self._ask("sweep")

    def poke(self) -> None:
        """Something may be due."""
        self.lane.poke()

    # --- its thread --------------------------------------------------------------------------------------------

    def _ask(self, wish: str) -> None:
        with self._lock:
            self._asked.add(wish)
        self.lane.poke()

    def _step(self) -> float:
        rest = self._alone_until - time.monotonic()
        if rest > 0:
            return rest
        if self._unlisted:  # a listing that fails every time keeps no delivery waiting
            self._unlisted = False
            self._tend()
            if self._alone_until > time.monotonic():
                return self._alone_until - time.monotonic()
        with self._lock:
            asked, self._asked = self._asked, set()
        if asked:
            rest = self._list(whole="sweep" in asked)
            if rest:
                self._unlisted = True
                with self._lock:
                    self._asked |= asked
                return rest
        return self._tend()

    def _list(self, *, whole: bool) -> float:
        world = self._desk.world
        tally, rest = self._stage("sweep" if whole else "poll", lambda: pull_app(world, self.app, whole=whole))
        if not rest:
            self._desk.listed(self.app, tally)
            if self._subscribe is not None and (whole or not self._tried):
                self._stage("subscribe", self._register)
        return rest

    def _tend(self) -> float:
        world = self._desk.world
        try:
            before, _ = self._due()
            tally, rest = self._stage("tend", lambda: tend(world, self.app))
            if rest:
                return rest
            after, soonest = self._due()
        except StoreError as failed:
            self._desk.footing.fails(failed.message)
            return GLANCE
        if tally != Tally() or after != before:
            return 0.0
        lately.clear()
        # What is due and yet not done belongs to a mapping that is not in force, or to an app that is only read.
        return min(GLANCE, soonest) if soonest > 0 else GLANCE

    def _stage(self, stage: str, work: Callable[[], tuple[Tally, float]]) -> tuple[Tally, float]:
        """Do a stage, if the store holds. What it did, and how many seconds to leave the app alone."""
        desk = self._desk
        with desk.footing.working() as firm:
            if not firm:
                return Tally(), GLANCE
            begun = time.monotonic()
            try:
                tally, rest = work()
                if rest and paused(desk.world, self.app):
                    rest = GLANCE
            except StoreError as failed:
                desk.footing.fails(failed.message)
                return Tally(), GLANCE
        if rest:
            self._alone_until = time.monotonic() + rest
        else:
            desk.meter.stage(self.app, stage, time.monotonic() - begun, tally)
        if tally.but(read=0) != Tally():
            counts = {name: count for name, count in asdict(tally).items() if count}
            desk.world.log.info("stage done", app=self.app, stage=stage, **counts)
            desk.moved(self.app)
        return tally, rest

    def _due(self) -> tuple[tuple[int, int], float]:
        """How much waits, and in how many seconds the earliest delivery falls due."""
        with self._desk.world.store.read() as tx:
            soonest = tx.deliveries.next_due(self.app)
            waiting = (tx.deliveries.count(self.app), tx.hints.count(self.app))
            return waiting, _NEVER if soonest is None else soonest - tx.now

    def _register(self) -> tuple[Tally, float]:
        """Have the app call us; after every sweep until it does. It is polled all the same: a refusal stops nothing."""
        self._tried = True
        try:
            if self._subscribe is not None:
                self._subscribe()
            self._subscribe = None
        except ConnectorError as failed:
            self._desk.world.log.warning("webhooks not registered", app=self.app, reason=failed.message)
        return Tally(), 0.0
