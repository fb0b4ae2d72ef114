"""How things stand: apps, syncs, and what waits for a person."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from syncd.console.outline import Outline
from syncd.store.glance import AppGlance, Glance, SyncGlance, glance

__all__ = ["AppStatus", "Holder", "SetBack", "Silent", "Status", "SyncStatus", "moment", "status"]

_STALE: Final = 30.0
"""Seconds after which a process that has shown no sign of life is taken for gone; it shows one every ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStatus:
    """One app. `state`: running, paused, failing, held while the store is set back, or new where it was never asked."""

    name: str
    connector: str
    state: str
    reason: str
    since: datetime | None
    answered_at: datetime | None
    owed: int
    owed_since: datetime | None
    hints: int
    doubtful: int
    suspected: int
    """Writes before which somebody else seems to have written, unseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """One sync. `in_force`: some mapping of it was applied, and the process at work works by it."""

    name: str
    entities: int
    linked: Mapping[str, int]
    in_force: bool
    changed: bool
    """Its mapping in the file is another than was applied, so the process at work leaves it alone."""
    owed: int
    owed_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that works on the store."""

    pid: int
    host: str
    doing: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A process that worked on the store, has not signed off, and shows no sign of life any more."""

    pid: int
    host: str
    doing: str
    seen: datetime
    """Its last sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBack:
    """An older copy of the store stands in its place, and writes are held until a person agrees."""

    noticed: datetime
    copied: datetime | None
    """When the copy was made, where that is known."""
    why: str
    compared: datetime | None
    """When everything was read to tell what would be written; None where it was not yet."""
    writes: Mapping[str, Mapping[str, int]]
    """App to kind of write to how many."""
    parked: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything at a glance. `begun`: there is a store."""

    begun: bool
    store: str
    apps: tuple[AppStatus, ...]
    syncs: tuple[SyncStatus, ...]
    waiting: Mapping[str, int]
    """Kind of parked work to how much of it is open."""
    opted_out: int
    changes: int
    holder: Holder | None
    """None where nobody has shown a sign of life lately."""
    silent: Silent | None = None
    set_back: SetBack | None = None
    """None while writes are not held."""


def status(outline: Outline, now: float) -> Status:
    """Ask the store; nothing else is asked, and nothing is changed. Raises StoreError."""
    found = glance(outline.store, list(outline.apps), list(outline.syncs))
    there = found or Glance({}, {}, {}, 0, 0)
    back = _set_back(there.setback) if there.setback else None
    apps = (_app(name, connector, there.apps.get(name)) for name, connector in outline.apps.items())
    beat = _beat(there.heart)
    alive = beat is not None and now - beat.at <= _STALE
    return Status(
        begun=found is not None,
        store=str(outline.store_file or outline.store.rpartition("@")[2]),
        apps=tuple(replace(app, state="held") if back and app.state == "running" else app for app in apps),
        syncs=tuple(
            _sync(name, there.syncs.get(name), beat.waiting if beat and alive else ()) for name in outline.syncs
        ),
        waiting=there.waiting,
        opted_out=there.opted_out,
        changes=there.changes,
        holder=beat.holder if beat and alive else None,
        silent=_silent(beat) if beat and not alive else None,
        set_back=back,
    )


def moment(at: float | None) -> datetime | None:
    """Seconds since the epoch as an instant, UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _set_back(text: str) -> SetBack:
    said = json.loads(text)
    compared = said["compared"] or {"at": None, "writes": {}, "parked": {}}
    return SetBack(
        noticed=datetime.fromtimestamp(said["noticed"], UTC),
        copied=moment(said["copied"]),
        why=said["why"],
        compared=moment(compared["at"]),
        writes=compared["writes"],
        parked=compared["parked"],
    )


def _silent(beat: _Beat) -> Silent:
    who = beat.holder
    return Silent(pid=who.pid, host=who.host, doing=who.doing, seen=datetime.fromtimestamp(beat.at, UTC))


class _Beat(NamedTuple):
    """A sign of life: who showed it, when, and which syncs it does not work on since their mapping was changed."""

    holder: Holder
    at: float
    waiting: tuple[str, ...]


def _beat(heart: str) -> _Beat | None:
    """Who has shown the last sign of life, and when; None where nobody has, or it cannot be understood."""
    try:
        said = json.loads(heart)
        who = said["holder"]
        since = datetime.fromisoformat(who["since"])
        holder = Holder(pid=who["pid"], host=who["host"], doing=who["doing"], since=since)
        return _Beat(holder, float(said["at"]), tuple(said.get("waiting", ())))
    except (ValueError, KeyError, TypeError):
        return None


def _app(name: str, connector: str, seen: AppGlance | None) -> AppStatus:
    seen = seen or AppGlance()
    if seen.paused:
        state, reason, since = "paused", seen.paused, seen.paused_at
    elif seen.failing:
        state, reason, since = "failing", seen.failing, seen.failing_since
    else:
        state, reason, since = "new" if seen.answered_at is None else "running", "", None
    return AppStatus(
        name=name,
        connector=connector,
        state=state,
        reason=reason,
        since=moment(since),
        answered_at=moment(seen.answered_at),
        owed=seen.owed,
        owed_since=moment(seen.owed_since),
        hints=seen.hints,
        doubtful=seen.doubtful,
        suspected=seen.suspected,
    )


def _sync(name: str, seen: SyncGlance | None, waiting: Collection[str]) -> SyncStatus:
    seen = seen or SyncGlance(linked={})
    return SyncStatus(
        name=name,
        entities=seen.entities,
        linked=seen.linked,
        in_force=seen.in_force and name not in waiting,
        changed=seen.in_force and name in waiting,
        owed=seen.owed,
        owed_since=moment(seen.owed_since),
    )
