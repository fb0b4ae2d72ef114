"""Going back to a backup: the store is replaced, and writes are held until a person agrees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from syncd.console.console import opened
from syncd.console.outline import Outline
from syncd.console.status import moment
from syncd.daemon.lock import sole_on, still
from syncd.engine.setback import hold
from syncd.errors import ConfigError, Problem
from syncd.sdk.clock import WallClock
from syncd.store.generation import advance, generation_file, kept
from syncd.store.restoring import aside, candidate, put_in_place
from syncd.store.store import Store

__all__ = ["Restored", "declare", "restore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What stands in the store's place now."""

    store: str
    copied: datetime | None
    """When the copy was made, where that is known."""
    changes: int
    """Entries of its change log."""
    replaced: str
    """Where the store is kept that stood there; "" if there was none."""


def restore(outline: Outline, file: Path) -> Restored:
    """Put a backup in the store's place. Raises AlreadyRunning while a process works on the store, and StoreError."""
    place, clock = outline.store_file, WallClock()
    if place is None:
        hint = "restore it with the tools of the database, then say: syncd restore"
        raise ConfigError([Problem(str(outline.path), "the store is no file", hint)])
    if not file.exists():
        raise ConfigError([Problem(str(file), "there is no such file")])
    if place.exists() and file.samefile(place):
        raise ConfigError([Problem(str(file), "is the store itself", "name a file that syncd backup wrote")])
    replaced = aside(place, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
    with sole_on(outline.store, "restore"):
        there = place.exists()
        with candidate(file, place, clock.now) as store:
            with store.begin() as tx:
                known = kept(tx)
                changes = sum(tx.log.counts().values())
                hold(tx, f"it was restored from {file.name}", known.at if known else None)
                still(tx)
            put_in_place(store, place, replaced)
        _raise_number(outline)
    copied = moment(known.at) if known else None
    return Restored(store=str(place), copied=copied, changes=changes, replaced=str(replaced) if there else "")


def declare(outline: Outline) -> Restored:
    """Hold writes to a store that was set back by other means. Raises AlreadyRunning, and StoreError."""
    with sole_on(outline.store, "restore"):
        with opened(outline) as store, store.begin() as tx:
            known = kept(tx)
            changes = sum(tx.log.counts().values())
            hold(tx, "a person says that it is an older copy", known.at if known else None)
        _raise_number(outline)
    place = str(outline.store_file or outline.store.rpartition("@")[2])
    return Restored(store=place, copied=moment(known.at) if known else None, changes=changes, replaced="")


def _raise_number(outline: Outline) -> None:
    store = Store.open(outline.store, WallClock().now)
    try:
        advance(store, generation_file(outline.store))
    finally:
        store.close()
