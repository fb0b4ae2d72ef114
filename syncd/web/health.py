"""Health: limits, queues, cursors, sweeps and webhooks of each app, and how alike the apps are by the last audits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from starlette.responses import Response

from syncd.console.audit import Point, pointed
from syncd.console.status import AppStatus, moment
from syncd.engine.mending import trend
from syncd.sdk.pace import Spent
from syncd.store.ports import Transaction
from syncd.web.visit import Desk, Visit

__all__ = ["Listing", "Quality", "Vitals", "health"]

_LOOKED_AT: Final = 500
"""Entries at the end of the change log whose chain is looked at."""
_AUDITS: Final = 24
"""So many of the last audits are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How far an app has been listed for a sync."""

    sync: str
    polled: datetime | None
    swept: datetime | None
    next_sweep: datetime | None
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """One app."""

    status: AppStatus
    poll: timedelta
    read_only: bool
    rooms: tuple[Spent, ...]
    held: float
    """Seconds until the app would be called again; 0 where nothing holds a call back."""
    listings: tuple[Listing, ...]
    webhooks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What the last audits have found, the oldest first, and when the daemon makes the next one."""

    audits: tuple[Point, ...]
    next: datetime | None
    every: timedelta | None


def health(visit: Visit) -> Response:
    """Every app, and the store."""
    desk = visit.desk
    found = desk.standing()
    heard = desk.heard()
    with desk.store.read() as tx:
        vitals = [_vitals(desk, tx, app, heard.get(app.name, {})) for app in found.apps]
        loose = tx.log.loose(_LOOKED_AT)
        audits = tuple(pointed(one) for one in trend(tx)[-_AUDITS:])
    return visit.render(
        "health.html",
        found=found,
        vitals=vitals,
        loose=loose,
        looked=_LOOKED_AT,
        public=desk.config.daemon.public_url,
        quality=_quality(desk, audits),
    )


def _quality(desk: Desk, audits: tuple[Point, ...]) -> Quality:
    every = desk.config.audit.every
    last = audits[-1].at if audits else None
    return Quality(audits=audits, next=last + every if last and every else None, every=every)


def _vitals(desk: Desk, tx: Transaction, app: AppStatus, webhooks: Mapping[str, int]) -> Vitals:
    there, given = desk.world.apps.get(app.name), desk.config.apps[app.name]
    gate = there.gate if there else None
    return Vitals(
        status=app,
        poll=given.poll,
        read_only=given.read_only,
        rooms=tuple(gate.spent()) if gate else (),
        held=gate.wait() if gate else 0.0,
        listings=tuple(
            _listing(tx, sync.name, app.name, given.sweep)
            for sync in desk.world.syncs.values()
            if app.name in sync.apps
        ),
        webhooks=webhooks,
    )


def _listing(tx: Transaction, sync: str, app: str, sweep: timedelta) -> Listing:
    progress = tx.cursors.get(sync, app)
    swept = moment(progress.listed_at)
    return Listing(
        sync=sync,
        polled=moment(progress.polled_at),
        swept=swept,
        next_sweep=swept + sweep if swept else None,
        cursor=progress.cursor or "",
    )
