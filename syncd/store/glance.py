"""How the store stands, in counts: plain SQL on a connection that only reads.

It answers in milliseconds and changes nothing: it makes no file, migrates nothing and waits for nobody, so that it
may be asked while the daemon runs, and while a newer syncd is being installed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from syncd.errors import StoreError

__all__ = ["AppGlance", "Glance", "SyncGlance", "glance"]

_SUSPECTED: Final = "SELECT name, value FROM meta WHERE name LIKE 'suspected:%'"
_SQLITE: Final = "sqlite:///"
_Ask = Callable[[str], Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppGlance:
    """One app. Times are seconds since the epoch."""

    paused: str = ""
    paused_at: float | None = None
    failing: str = ""
    failing_since: float | None = None
    answered_at: float | None = None
    owed: int = 0
    """Deliveries that wait, and since when the oldest has been due."""
    owed_since: float | None = None
    hints: int = 0
    doubtful: int = 0
    """Writes whose outcome is unknown."""
    suspected: int = 0
    """Writes before which somebody else seems to have written, unseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGlance:
    """One sync."""

    entities: int = 0
    linked: Mapping[str, int]
    """App to how many of its records are linked and not gone."""
    in_force: bool = False
    """Whether a mapping of this sync was ever applied."""
    owed: int = 0
    """Deliveries of this sync that wait, and since when the oldest has been due."""
    owed_since: float | None = None


@dataclass(frozen=True, slots=True)
class Glance:
    """The whole store."""

    apps: Mapping[str, AppGlance]
    syncs: Mapping[str, SyncGlance]
    waiting: Mapping[str, int]
    """Kind of parked work to how much of it is open."""
    opted_out: int
    changes: int
    """Entries of the change log."""
    heart: str = ""
    """What the process that works on the store last said of itself, as it said it."""
    setback: str = ""
    """For what writes are held, as `syncd.engine.setback` keeps it."""


def glance(url: str, apps: Sequence[str], syncs: Sequence[str]) -> Glance | None:
    """How the store stands, or None where there is none yet. Raises StoreError if it cannot be read."""
    with _asking(url) as ask:
        if ask is None:
            return None
        said = {
            row[0]: row[1:]
            for row in ask("SELECT name, paused, paused_at, failing, failing_since, answered_at FROM app")
        }
        owed = ask("SELECT sync, app, count(*), min(due) FROM delivery GROUP BY sync, app")
        hints = dict(ask("SELECT app, count(*) FROM hint GROUP BY app"))
        doubt = dict(ask("SELECT app, count(*) FROM intent WHERE state = 'unknown' GROUP BY app"))
        entities = dict(ask("SELECT sync, count(*) FROM entity WHERE NOT deleted GROUP BY sync"))
        linked = ask("SELECT sync, app, count(*) FROM link WHERE state != 'gone' GROUP BY sync, app")
        applied = {row[0] for row in ask("SELECT name FROM meta WHERE name LIKE 'applied:%'")}
        waiting = dict(ask("SELECT kind, count(*) FROM parked WHERE closed IS NULL GROUP BY kind"))
        opted_out = ask("SELECT count(*) FROM opt_out WHERE lifted IS NULL")[0][0]
        changes = ask("SELECT coalesce(max(seq), 0) FROM change")[0][0]
        suspected = {row[0].partition(":")[2]: int(row[1]) for row in ask(_SUSPECTED)}
        said_of_it = dict(ask("SELECT name, value FROM meta WHERE name IN ('heart', 'setback')"))
    return Glance(
        apps={
            name: replace(
                _app(
                    said.get(name),
                    _owed(row[2:] for row in owed if row[1] == name),
                    hints.get(name, 0),
                    doubt.get(name, 0),
                ),
                suspected=suspected.get(name, 0),
            )
            for name in apps
        },
        syncs={
            name: SyncGlance(
                entities=entities.get(name, 0),
                linked={app: count for sync, app, count in linked if sync == name and app in apps},
                in_force=f"applied:{name}" in applied,
                owed=count,
                owed_since=since,
            )
            for name in syncs
            for count, since in (_owed(row[2:] for row in owed if row[0] == name),)
        },
        waiting=waiting,
        opted_out=opted_out,
        changes=changes,
        heart=said_of_it.get("heart", ""),
        setback=said_of_it.get("setback", ""),
    )


def _owed(parts: Iterable[Sequence[Any]]) -> tuple[int, float | None]:
    """How many deliveries in all, and since when the oldest has been due."""
    known = list(parts)
    return sum(count for count, _ in known), min((since for _, since in known), default=None)


def _app(said: Sequence[Any] | None, owed: tuple[int, float | None], hints: int, doubtful: int) -> AppGlance:
    paused, paused_at, failing, failing_since, answered_at = said or ("", None, "", None, None)
    count, since = owed
    return AppGlance(
        paused=paused,
        paused_at=paused_at,
        failing=failing,
        failing_since=failing_since,
        answered_at=answered_at,
        owed=count,
        owed_since=since,
        hints=hints,
        doubtful=doubtful,
    )


@contextmanager
def _asking(url: str) -> Iterator[_Ask | None]:
    if url.startswith(_SQLITE):
        with _file(Path(url.removeprefix(_SQLITE)).expanduser()) as ask:
            yield ask
    else:
        with _server(url) as ask:
            yield ask


@contextmanager
def _file(path: Path) -> Iterator[_Ask | None]:
    if not path.exists():
        yield None
        return
    try:
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5.0)
        try:
            yield lambda sql: db.execute(sql).fetchall()
        finally:
            db.close()
    except sqlite3.Error as error:
        hint = "is this a store of syncd, and of this version? syncd verify looks closer"
        raise StoreError(f"store {path}: {error}", hint=hint) from error


@contextmanager
def _server(url: str) -> Iterator[_Ask | None]:
    from sqlalchemy import text

    from syncd.store.connect import address, explained, server

    place = address(url)
    engine = server(place)
    try:
        with explained(place), engine.connect() as db:
            yield lambda sql: [tuple(row) for row in db.execute(text(sql))]
    finally:
        engine.dispose()
