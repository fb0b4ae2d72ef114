"""The running process: lock, migrate, recover, serve, drain, release, in that order and back."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

from starlette.routing import BaseRoute

from syncd.alerts.news import Trouble
from syncd.alerts.senders import opened
from syncd.app import Assembly
from syncd.daemon import memory
from syncd.daemon.attendant import Attendant, Desk
from syncd.daemon.auditor import Auditor
from syncd.daemon.comparison import Comparison
from syncd.daemon.crier import Crier
from syncd.daemon.door import Door, application
from syncd.daemon.footing import Footing
from syncd.daemon.health import Health, Signs, examine, lame
from syncd.daemon.intake import Intake
from syncd.daemon.lanes import Lane
from syncd.daemon.leaving import Leaving
from syncd.daemon.lock import BEAT, Heart, Held
from syncd.daemon.meter import Meter
from syncd.daemon.notify import notify
from syncd.daemon.renewal import Renewal
from syncd.daemon.schedule import Pace, Schedule
from syncd.daemon.signing_off import sign_off
from syncd.daemon.space import Space
from syncd.daemon.standing import Patience, standing
from syncd.engine.cycle import began
from syncd.engine.plan import unapplied
from syncd.engine.rehearsal import clear_rehearsals
from syncd.engine.resolve import recover
from syncd.engine.setback import setback
from syncd.engine.tidy import tidy
from syncd.engine.world import Tally, World
from syncd.errors import StoreError
from syncd.sdk.contract import Connector, Subscribes
from syncd.store.generation import advance, generation_file

__all__ = ["GRACE", "Daemon", "Pages", "no_pages"]

GRACE: Final = timedelta(seconds=30)
_MENDING: Final = 3.0
"""Seconds between two tries of a store that has failed."""
_TIDIED: Final = timedelta(minutes=1)
_TRIMMED: Final = timedelta(minutes=10)
_HEARD: Final = timedelta(days=7)
"""Longer than any vendor goes on trying to deliver a webhook."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """Somebody asks the daemon to stop, and perhaps what is to be begun with then."""

    then: Renewal | None = None


@dataclass(frozen=True, slots=True)
class _Ailing:
    """The store has failed."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A thread has ended."""

    name: str


Pages = Callable[[World], Sequence[BaseRoute]]
"""What else the door shows: routes that are made with the daemon's own world, and so share its store."""


def no_pages(_: World) -> Sequence[BaseRoute]:
    """Webhooks, health and figures alone."""
    return ()


class Daemon:
    """Recovers, serves and drains one assembly. `run` blocks; everything else may be called from any thread."""

    def __init__(
        self, assembly: Assembly, held: Held, *, grace: timedelta = GRACE, pages: Pages = no_pages, anew: bool = False
    ) -> None:
        self._config = assembly.config
        self._space = Space(assembly.world.store.folder, self._config.daemon.memory * 1024 * 1024)
        self._generation = generation_file(assembly.config.store.url)
        self._unreachable = assembly.unreachable
        self._held = held
        self._grace = grace.total_seconds()
        self._leaving = threading.Event()
        self._anew = anew
        self.renewal: Renewal | None = None
        """What is to be taken up once this daemon has come to rest; None where the process is to end."""
        self._waiting = unapplied(assembly.world)
        self._connectors = {name: app.connector for name, app in assembly.world.apps.items()}
        self._meter = Meter(assembly.gates)
        self._world = replace(_in_force(assembly.world, self._waiting, self._leaving), counts=self._meter)
        self._log = self._world.log
        self._world.store.on_commit = held.check  # who has lost the lock commits, and so writes, nothing more
        self._heart = Heart(self._world.store, held.holder, self._world.clock, self._waiting)
        # A signal handler may only do what can interrupt itself; putting into a SimpleQueue can.
        self._inbox: queue.SimpleQueue[_Stop | _Ailing | _Ended] = queue.SimpleQueue()
        self._footing = Footing(lambda: self._inbox.put(_Ailing()))
        self._schedule = Schedule()
        self._started = self._world.clock.now()
        used = [name for name in self._world.apps if any(name in s.apps for s in self._world.syncs.values())]
        self._paces = {name: Pace.of(self._config.apps[name].poll.total_seconds()) for name in used}
        desk = Desk(self._world, self._footing, self._meter, self._listed, self._moved)
        self._attendants = {
            name: Attendant(name, desk, self._ended, subscribe=self._subscription(name, self._connectors[name]))
            for name in used
        }
        every = self._config.audit.every
        auditors = [] if every is None else [Auditor(self._world, self._footing, every, self._ended)]
        intake = Intake(
            self._world,
            self._connectors,
            self._footing,
            self._meter,
            self._heard,
            public_url=self._config.daemon.public_url,
            space=self._space,
            ends=self._config.hooks,
        )
        self._closing = ExitStack()
        alerts = self._config.alerts
        senders = opened(alerts.to, self._world.clock, self._closing)
        self._crier = Crier(self._world, alerts, senders, self._stands, self._meter)
        with self._world.store.read() as tx:
            back = setback(tx)
        comparison = Comparison(self._world, self._footing, self._ended)
        self._sides = [
            *([self._crier.lane] if alerts.to else []),
            *([comparison.lane] if back else []),
            *(auditor.lane for auditor in auditors),
        ]
        self._door = Door(
            application(self._config.daemon, intake, self.health, self._figures, pages(self._world)),
            self._config.daemon,
            self._ended,
        )

    @property
    def port(self) -> int:
        """Where the door listens."""
        return self._door.port

    def stop(self) -> None:
        """Ask for a clean stop. Safe in a signal handler; asking again cuts the grace short."""
        self._inbox.put(_Stop())

    def renew(self, renewal: Renewal) -> None:
        """Ask for a clean stop, and for another mapping to be taken up after it; a mere stop goes before."""
        self._inbox.put(_Stop(renewal))

    def run(self) -> int:
        """Serve until asked to stop, or until a part dies. The exit code. Raises StoreError if it cannot even begin."""
        try:
            self._begin()
            code = self._watch()
            self._drain()
        finally:
            self._schedule.stop()
            self._door.close()
            self._closing.close()
        return code

    def health(self) -> Health:
        """How it is doing."""
        signs = self._signs()
        try:
            return examine(self._world, signs)
        except StoreError:
            return lame(signs)

    # --- its life, in order ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._heart.listen()
        self._heart.beat()
        advance(self._world.store, self._generation)
        clear_rehearsals(self._world.store)
        doubtful = recover(self._world)
        tidy(self._world, self._config.store.keep)  # a restored backup may have brought somebody back
        began(self._world, "run")
        for name, error in self._unreachable.items():
            self._log.warning("app not reached, taken as it was known", app=name, reason=error.message)
        for name in self._waiting:
            self._log.warning("mapping not in force", sync=name, hint="run: syncd plan, then syncd apply")
        for name, attendant in self._attendants.items():
            app = self._config.apps[name]
            self._schedule.every(self._paces[name].now, attendant.poll, name=_poll(name))
            sweep = app.sweep.total_seconds()
            due = self._next_sweep(name, sweep)
            if not due or self._anew:
                attendant.sweep()  # it takes the place of the first poll
            self._schedule.every(sweep, attendant.sweep, name=f"sweep {name}", first=due or sweep)
            attendant.lane.start()
        self._schedule.every(_HEARD.total_seconds() / 7, self._forget, name="forget", first=0.0)
        self._schedule.every(_TIDIED.total_seconds(), self._tidy, name="tidy")
        self._schedule.every(_TRIMMED.total_seconds(), memory.trim, name="trim")
        self._schedule.start()
        for lane in self._sides:
            lane.start()
        self._door.open()
        notify("READY=1")
        self._log.info(
            "serving", listen=f"{self._config.daemon.host}:{self.port}", apps=list(self._attendants), doubtful=doubtful
        )

    def _watch(self) -> int:
        """Beat, mend the store when it fails, and wait for the end. The exit code."""
        while True:
            try:
                news = self._inbox.get(timeout=_MENDING if self._footing.trouble else BEAT)
            except queue.Empty:
                self._beat()
                continue
            match news:
                case _Stop(then):
                    self.renewal = then
                    return 0
                case _Ended(name):
                    self._log.critical("part died, stopping", part=name)
                    if self._footing.trouble:
                        self._crier.last_word(self._footing.trouble)
                    return 1
                case _Ailing():
                    self._log.critical("store failing", reason=self._footing.trouble)

    def _beat(self) -> None:
        # Also while the store is down: systemd's watchdog is about whether we live, and we do.
        notify("WATCHDOG=1")
        try:
            self._held.check()
        except StoreError as lost:
            # Another process may hold it by now: this one must not mend itself, but go.
            self._footing.fails(lost.message)
            self._ended("lock")
            return
        if self._space.bursts():
            self._ended("memory")
        if self._footing.trouble:
            if self._footing.mend(self._probe, _MENDING):
                self._log.warning("store mended")
                for lane in self._lanes():
                    lane.poke()
            return
        try:
            self._sign_on()
        except StoreError as failed:
            self._footing.fails(failed.message)

    def _drain(self) -> None:
        """Let what has begun come to its end, for as long as the grace lasts; leave the rest to the next start.

        Where this process goes on, nothing may hang any more that still could write: that is waited for.
        """
        notify("STOPPING=1" if self.renewal is None else "RELOADING=1")
        self._log.info("stopping" if self.renewal is None else "coming to rest, to take up another mapping")
        self._leaving.set()
        self._schedule.stop()
        for lane in self._lanes():
            lane.stop()
        until = time.monotonic() + (self._grace if self.renewal is None else math.inf)
        while any(lane.alive for lane in self._lanes()) and (left := until - time.monotonic()) > 0:
            try:
                news = self._inbox.get(timeout=min(left, 0.5))
            except queue.Empty:
                if self.renewal is not None:
                    self._beat()
                continue
            if isinstance(news, _Stop) and news.then is None:
                self.renewal = None
                break
        self._door.close()
        self._release()

    def _release(self) -> None:
        """Sign off. Threads that still hang in a call find the store closed to them when they come back."""
        hanging = [lane.name for lane in self._lanes() if lane.alive]
        keeper = threading.get_ident()

        def fence() -> None:
            if threading.get_ident() != keeper:
                raise StoreError("this process has left the store")

        self._world.store.on_commit = fence
        sign_off(self._heart, self._world.store, self._generation, self._log)
        if hanging:
            self._log.warning("left unfinished", parts=hanging, hint="the next start settles what is in doubt")
        self._log.info("stopped")

    # --- what its parts tell it --------------------------------------------------------------------------------

    def _ended(self, name: str) -> None:
        self._inbox.put(_Ended(name))

    def _listed(self, app: str, tally: Tally) -> None:
        self._set_pace(app, self._paces[app].after(tally.changed))

    def _heard(self, app: str) -> None:
        if app in self._attendants:
            self._set_pace(app, self._paces[app].usually())
            self._attendants[app].poke()

    def _moved(self, app: str) -> None:
        for name, attendant in self._attendants.items():
            if name != app:
                attendant.poke()

    def _set_pace(self, app: str, pace: Pace) -> None:
        self._paces[app] = pace
        self._schedule.change(_poll(app), pace.now)

    # --- what it looks after -----------------------------------------------------------------------------------

    def _lanes(self) -> list[Lane]:
        lanes = [attendant.lane for attendant in self._attendants.values()]
        return [*lanes, *self._sides]

    def _signs(self) -> Signs:
        return Signs(
            started=self._started,
            intervals={name: pace.patience for name, pace in self._paces.items()},
            dead=() if self._leaving.is_set() else self._dead(),
            trouble=self._footing.trouble,
            waiting=self._waiting,
            deaf=self._crier.failing,
        )

    def _stands(self) -> Sequence[Trouble]:
        sweeps = {name: self._config.apps[name].sweep.total_seconds() for name in self._paces}
        patience = Patience(failing=self._config.alerts.failing.total_seconds(), sweeps=sweeps)
        return standing(self._world, self._signs(), patience, self._space)

    def _dead(self) -> Sequence[str]:
        return [lane.name for lane in self._lanes() if not lane.alive]

    def _sign_on(self) -> None:
        """Is there room, and does the store take a beat?"""
        self._space.require()
        self._heart.beat()
        advance(self._world.store, self._generation)

    def _probe(self) -> None:
        """The same, and put what was on its way when the store failed in doubt. Only while no stage runs."""
        self._sign_on()
        recover(self._world)

    def _forget(self) -> None:
        try:
            with self._world.store.begin() as tx:
                tx.apps.forget_heard(tx.now - _HEARD.total_seconds())
        except StoreError as failed:
            self._footing.fails(failed.message)

    def _tidy(self) -> None:
        try:
            tidy(self._world, self._config.store.keep)
        except StoreError as failed:
            self._footing.fails(failed.message)

    def _figures(self) -> bytes:
        return self._meter.shown(self._world, self._footing.trouble)

    def _next_sweep(self, app: str, interval: float) -> float:
        """Seconds until everything of an app was last compared an interval ago."""
        with self._world.store.read() as tx:
            listed = [tx.cursors.get(s.name, app).listed_at or 0.0 for s in self._world.syncs.values() if app in s.apps]
            return max(0.0, min(listed) + interval - tx.now)

    def _subscription(self, app: str, connector: Connector) -> Callable[[], None] | None:
        public = self._config.daemon.public_url
        if not public or not isinstance(connector, Subscribes):
            return None
        end = self._config.hooks.get(app)
        return partial(connector.subscribe, f"{public}/hooks/{app}" + (f"/{end}" if end else ""))


def _in_force(world: World, waiting: Sequence[str], leaving: threading.Event) -> World:
    """The world without syncs that nobody has applied, its connectors ready to be left."""
    apps = {name: replace(app, connector=Leaving(app.connector, leaving)) for name, app in world.apps.items()}
    return replace(world, apps=apps, syncs={name: sync for name, sync in world.syncs.items() if name not in waiting})


def _poll(app: str) -> str:
    return f"poll {app}"
