"""Telling people: looks at what stands, and tells each destination what is news to it. It stops nothing but itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from syncd.alerts.kept import STANDING, Standing, from_json, name_of, to_json
from syncd.alerts.news import Heard, Terms, Trouble, tell
from syncd.alerts.senders import NotTold, Sender
from syncd.alerts.words import message_id, subject
from syncd.daemon.lanes import Lane
from syncd.daemon.meter import Meter
from syncd.daemon.standing import store_down, store_lost
from syncd.destinations import Alerts
from syncd.engine.world import World
from syncd.errors import StoreError

__all__ = ["Crier", "terms_of"]

_LOOK: Final = 5.0
"""Seconds between two looks."""
_AGAIN: Final = 30.0
"""Seconds before a destination that failed is tried again; twice as long each time, up to an hour."""
_LONGEST: Final = 3600.0
_DECENT: Final = 15.0
"""Seconds for which a process that goes waits for its last word to be said."""


def terms_of(alerts: Alerts, destination: str) -> Terms:
    """What a destination wants to hear."""
    return Terms(
        least=alerts.to[destination].floor,
        gather=alerts.gather.total_seconds(),
        every=alerts.every.total_seconds(),
        repeat=alerts.repeat.total_seconds(),
        quiet=alerts.hours,
    )


@dataclass(slots=True)
class _Ear:
    """One destination: what it was told, and how it goes with telling it."""

    terms: Terms
    send: Sender
    heard: Mapping[str, Heard] = field(default_factory=dict)
    kept: Mapping[str, Heard] = field(default_factory=dict)
    """What of that is in the store."""
    failing: str = ""
    failed: int = 0
    until: float = 0.0


class Crier:
    """Tells the destinations, in one thread. What they were told is in the store; while that is down, in memory.

    `look` says what stands now, and raises StoreError where that cannot be said.
    """

    def __init__(
        self,
        world: World,
        alerts: Alerts,
        senders: Mapping[str, Sender],
        look: Callable[[], Sequence[Trouble]],
        meter: Meter,
    ) -> None:
        self._world = world
        self._look = look
        self._meter = meter
        self._ears = {name: _Ear(terms_of(alerts, name), send) for name, send in senders.items()}
        for name in senders:
            meter.expects(name)
        self._begun = False
        self._last = ""
        """Why the process goes, and there is no later; "" while it stays."""
        self._done = threading.Event()
        self._seen: Sequence[Trouble] = ()
        self._said: Any = None
        self.lane = Lane("alerts", self.step, self._ended)

    @property
    def failing(self) -> Mapping[str, bool]:
        """Which destinations cannot be reached now."""
        return {name: bool(ear.failing) for name, ear in self._ears.items()}

    def last_word(self, why: str) -> None:
        """Tell at once that the store is lost and the process goes. Waits for that, but no longer than is decent."""
        if self.lane.alive:
            self._last = why
            self.lane.poke()
            self._done.wait(_DECENT)

    def step(self) -> float:
        """Look, tell and remember once. Seconds until the next time."""
        now = self._world.clock.now()
        if self._last:
            self._seen = [store_lost(self._last)]
            for name, ear in self._ears.items():
                ear.terms, ear.until = replace(ear.terms, gather=0.0), 0.0
                self._tell(name, ear, now)
            self.lane.stop()
            self._done.set()
            return _LOOK
        try:
            if not self._begun:
                self._begin()
            self._seen = self._look()
        except StoreError as failed:
            # What else stood is taken to stand still: nobody can say that it does not.
            others = [trouble for trouble in self._seen if trouble.group != "store"]
            self._seen = [store_down(failed.message), *others]
        for name, ear in self._ears.items():
            self._tell(name, ear, now)
        self._keep(now)
        return _LOOK

    def _begin(self) -> None:
        with self._world.store.read() as tx:
            for name, ear in self._ears.items():
                ear.heard = ear.kept = from_json(tx.meta.get(name_of(name)))
        self._begun = True

    def _tell(self, name: str, ear: _Ear, now: float) -> None:
        message, told, untold = tell(self._seen, ear.heard, ear.terms, now)
        ear.heard = untold
        if message is None or now < ear.until:
            return
        log = self._world.log
        try:
            ear.send(message, message_id(name, untold, message), now)
        except NotTold as failed:
            ear.failing, ear.failed = failed.message, ear.failed + 1
            ear.until = now + min(_LONGEST, _AGAIN * 2 ** (ear.failed - 1))
            self._meter.told(name, "failed")
            log.warning("alert not told", to=name, reason=failed.message, tries=ear.failed)
            return
        ear.heard, ear.failing, ear.failed, ear.until = told, "", 0, 0.0
        self._meter.told(name, "told")
        log.info("alert told", to=name, about=subject(message))

    def _keep(self, now: float) -> None:
        """Make durable what has changed. Where that fails it is tried again at the next look."""
        failing = {name: ear.failing for name, ear in self._ears.items() if ear.failing}
        said = (self._seen, failing)
        changed = {name: ear for name, ear in self._ears.items() if ear.heard != ear.kept}
        if not self._begun or (said == self._said and not changed):
            return
        try:
            with self._world.store.begin() as tx:
                tx.meta.put(STANDING, Standing(at=now, troubles=self._seen, failing=failing).json())
                for name, ear in changed.items():
                    tx.meta.put(name_of(name), to_json(ear.heard))
        except StoreError as failed:
            self._world.log.warning("alerts not kept", reason=failed.message)
            return
        self._said = said
        for ear in changed.values():
            ear.kept = ear.heard

    def _ended(self, name: str) -> None:
        """The others go on without it; health says that it is gone."""
        if not self.lane.leaving:
            self._world.log.error("nobody is told any more", part=name)
