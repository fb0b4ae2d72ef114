"""Is it well? What a probe, a person or an alarm may know: names, counts and ages, never a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from syncd.engine.setback import setback
from syncd.engine.world import World
from syncd.store.ports import Transaction

__all__ = ["AppHealth", "Health", "Signs", "examine", "lame"]

_MISSED: Final = 3
"""Polls that may fail in a row before an app counts as broken."""

State = Literal["running", "failing", "silent", "paused", "held", "unused"]


@dataclass(frozen=True, slots=True)
class Signs:
    """What the daemon itself knows at this moment."""

    started: float
    """Seconds since the epoch."""
    intervals: Mapping[str, float]
    """App to seconds between two polls, never less than is usual; apps that no sync uses are not in it."""
    dead: Sequence[str]
    """Threads that have ended though nobody asked them to."""
    trouble: str
    """Why the store cannot be used, or ""."""
    waiting: Sequence[str]
    """Syncs whose mapping was never planned and applied."""
    deaf: Mapping[str, bool] = field(default_factory=dict)
    """Destination of alerts to whether it cannot be reached."""


@dataclass(frozen=True, slots=True)
class AppHealth:
    """One app. Ages in seconds.

    running: it answers. failing: it does not, for now. silent: no poll has gone well for three intervals. paused: a
    guard or a lost login stopped it, and it waits for a person. held: the store was set back, and nothing is written
    until a person agrees. unused: no sync that is in force names it.
    """

    state: State
    answered: float | None = None
    """How long ago it last answered a poll."""
    owed: int = 0
    oldest: float = 0.0
    """How long the oldest delivery has been due."""
    hints: int = 0
    unknown: int = 0
    """Writes whose outcome is not known."""


@dataclass(frozen=True, slots=True)
class Health:
    """The whole.

    quiet: nothing to do, and every app answers. busy: work is on its way. attention: something waits for a person, or a
    destination of alerts cannot be reached.
    broken: an app is silent, a thread has died, or the store cannot be used.
    """

    status: Literal["quiet", "busy", "attention", "broken"]
    apps: Mapping[str, AppHealth]
    parked: Mapping[str, int]
    """Open work for people, by kind."""
    unapplied: Sequence[str]
    """Syncs that wait for `syncd plan` and `syncd apply`."""
    dead: Sequence[str]
    store: Literal["up", "down"]
    alerts: Mapping[str, Literal["well", "failing"]] = field(default_factory=dict)
    """How it goes with telling each destination."""

    def data(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def examine(world: World, signs: Signs) -> Health:
    """Look at everything. Raises StoreError where the store cannot even be read; see `lame`."""
    with world.store.read() as tx:
        apps = {name: _app(world, tx, name, signs) for name in world.apps}
        parked = tx.parked.counts()
    return _health(apps, parked, signs)


def lame(signs: Signs) -> Health:
    """What can be said without the store."""
    return Health("broken", {}, {}, signs.waiting, signs.dead, "down", _alerts(signs))


def _health(apps: Mapping[str, AppHealth], parked: Mapping[str, int], signs: Signs) -> Health:
    states = {app.state for app in apps.values()}
    status: Literal["quiet", "busy", "attention", "broken"]
    if signs.trouble or signs.dead or "silent" in states:
        status = "broken"
    elif states & {"paused", "held"} or parked or signs.waiting or any(signs.deaf.values()):
        status = "attention"
    elif "failing" in states or any(app.owed or app.hints or app.unknown for app in apps.values()):
        status = "busy"
    else:
        status = "quiet"
    store: Literal["up", "down"] = "down" if signs.trouble else "up"
    return Health(status, apps, parked, signs.waiting, signs.dead, store, _alerts(signs))


def _alerts(signs: Signs) -> Mapping[str, Literal["well", "failing"]]:
    return {name: "failing" if deaf else "well" for name, deaf in signs.deaf.items()}


def _app(world: World, tx: Transaction, name: str, signs: Signs) -> AppHealth:
    state, soonest = tx.apps.get(name), tx.deliveries.next_due(name)
    # A first listing may take hours: every page it has stored is an answer too.
    pages = [tx.cursors.get(sync.name, name).polled_at for sync in world.syncs.values() if name in sync.apps]
    last = max((at for at in (state.answered_at, *pages) if at is not None), default=None)
    silence = tx.now - max(last or 0.0, signs.started)
    shown: State = "running"
    if name not in signs.intervals:
        shown = "unused"
    elif state.paused:
        shown = "paused"
    elif setback(tx) is not None:
        shown = "held"
    elif silence > _MISSED * signs.intervals[name]:
        shown = "silent"
    elif state.failing:
        shown = "failing"
    return AppHealth(
        state=shown,
        answered=None if last is None else tx.now - last,
        owed=tx.deliveries.count(name),
        oldest=max(0.0, tx.now - soonest) if soonest is not None else 0.0,
        hints=tx.hints.count(name),
        unknown=len(tx.intents.open(name)),
    )
