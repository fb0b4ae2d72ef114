"""Ways to the database: private SQLite files, PostgreSQL by URL, one writer at a time, errors that say what to do."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from syncd.errors import StoreError

__all__ = [
    "address",
    "begin",
    "begin_reading",
    "commit",
    "emptied",
    "engine",
    "explained",
    "fleeting",
    "overwriting",
    "private",
    "server",
    "shown",
]

_BEGIN: Final = text("BEGIN")
_BEGIN_WRITING: Final = text("BEGIN IMMEDIATE")
_COMMIT: Final = text("COMMIT")
_TURN: Final = text("SELECT pg_advisory_xact_lock(:writer, hashtext(current_schema()))")
_ONE_STATE: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_DURABLE: Final = "PRAGMA synchronous=FULL"
_FLEETING: Final = "PRAGMA synchronous=OFF"
_PATIENCE: Final = 30
"""Seconds that a writer waits for another process to finish its transaction."""

_SERVER: Final[Mapping[str, int]] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": _PATIENCE * 2 * 1000,
}
"""How long libpq waits for PostgreSQL to be reached, and for a sign of life of one that was (the last in ms)."""

_WRITER: Final = 0x5359_4E57
"""Names the advisory lock of PostgreSQL that makes a transaction the only one that writes in its schema."""

_SECRET: Final = ("password", "sslpassword")
"""What libpq takes behind the question mark, too, and nobody is to read."""

_EXAMPLES: Final = "sqlite:////var/lib/syncd/syncd.db, or postgresql://syncd@localhost/syncd"

_ODD: Final = "in a password, @ is written %40, : %3A, / %2F, ? %3F, # %23 and % %25"

_HINTS: Final = {
    "disk is full": "free some space; syncd has stopped writing to the apps and goes on by itself",
    "No space left": "free some space; syncd has stopped writing to the apps and goes on by itself",
    "permission denied": "give the role in its URL the right to make tables there, and to read and write them",
    "readonly database": "give the daemon's user the right to write there",
    "unable to open database file": "see that the folder exists and may be written",
    "database is locked": "another process is writing for long: see which syncd runs, and try again",
    "lock timeout": "another process is writing for long: see which syncd runs, and try again",
    "not a database": "restore a backup, or name another file",
    "malformed": "restore a backup, or name another file",
    "timeout expired": "see that the database server runs and can be reached from here",
    "connection failed": "see that the database server runs and lets this user in",
}


def address(url: str) -> URL:
    """Where the store is, with `~` and the driver filled in. Raises StoreError for a URL that names no store."""
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        place = None
    if place is None or "@" in (place.host or ""):
        # Not chained: what is no port, or stands before an @ too many, may be of the password.
        raise StoreError("the URL of the store cannot be read", hint=f"write it like {_EXAMPLES}; {_ODD}") from None
    match place.drivername:
        case "sqlite":
            return place if _in_memory(place) else place.set(database=str(Path(place.database or "").expanduser()))
        case "postgresql" | "postgres":
            return place.set(drivername="postgresql+psycopg")
        case "postgresql+psycopg":
            return place
    hint = f"write it like {_EXAMPLES}"
    raise StoreError(f"a store is SQLite or PostgreSQL, not {place.drivername}", hint=hint)


def engine(url: str) -> Engine:
    """Connections to the store. Nothing is connected yet, but a new SQLite file stands. Raises StoreError."""
    place = address(url)
    if place.get_backend_name() == "sqlite":
        return _sqlite(place, _DURABLE)
    made = server(place, pool_pre_ping=True, isolation_level="READ COMMITTED")

    @event.listens_for(made, "connect")
    def _settings(raw: Any, _record: Any) -> None:
        raw.execute(f"SET lock_timeout = '{_PATIENCE}s'")
        raw.commit()

    return made


def server(place: URL, **settings: Any) -> Engine:
    """Connections to PostgreSQL, waited for no longer than we mean to, unless the address says so. Raises StoreError.

    `settings` are those of SQLAlchemy. Nothing is connected yet.
    """
    bounds = {name: bound for name, bound in _SERVER.items() if name not in place.query}
    try:
        return create_engine(place, connect_args=bounds, **settings)
    except ModuleNotFoundError as error:
        raise StoreError("PostgreSQL needs psycopg", hint="pip install 'syncd[postgres]'") from error


def shown(place: URL) -> str:
    """Where the store is, as anybody may read it."""
    return place.difference_update_query(_SECRET).render_as_string(hide_password=True)


def fleeting(file: Path) -> Engine:
    """Connections to an SQLite file that nobody misses after a crash: nothing waits until it is on the disk."""
    return _sqlite(address(f"sqlite:///{file}"), _FLEETING)


def begin(db: Connection) -> None:
    """Start a transaction that writes, once no other process is in one."""
    if db.dialect.name == "sqlite":
        db.execute(_BEGIN_WRITING)
    else:
        db.execute(_TURN, {"writer": _WRITER})


def begin_reading(db: Connection) -> None:
    """Start a transaction that sees one state of the store, however long it lasts."""
    db.execute(_BEGIN if db.dialect.name == "sqlite" else _ONE_STATE)


@contextmanager
def overwriting(db: Connection) -> Iterator[None]:
    """What is replaced or deleted within leaves nothing behind in SQLite's pages. It costs writes: not for all."""
    if db.dialect.name != "sqlite":
        yield
        return
    db.execute(text("PRAGMA secure_delete = ON"))
    try:
        yield
    finally:
        db.execute(text("PRAGMA secure_delete = OFF"))


def emptied(db: Connection) -> None:
    """Move what is in SQLite's journal into the file and cut it. Whoever reads just now is not waited for."""
    if db.dialect.name == "sqlite":
        db.execute(text("PRAGMA busy_timeout = 0"))
        db.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        db.execute(text(f"PRAGMA busy_timeout = {_PATIENCE * 1000}"))


def commit(db: Connection) -> None:
    """End a transaction. On SQLite by word: one that SQLite has rolled back by itself must not seem to have landed."""
    if db.dialect.name == "sqlite":
        db.execute(_COMMIT)
    else:
        db.commit()


@contextmanager
def explained(place: URL) -> Iterator[None]:
    """Turn what a database driver says into a StoreError that says what to do."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        # Only the first line: further ones quote values, and those may be somebody's.
        said = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        hint = next((hint for words, hint in _HINTS.items() if words in said), "")
        raise StoreError(f"store {shown(place)}: {said}", hint=hint) from error


def private(path: Path) -> None:
    """Make a file where there is none, and the folders it needs, for their owner's eyes only. Raises StoreError.

    A file of ours that others may read is taken from them; the rights of a folder that stands already are its owner's.
    """
    try:
        for folder in reversed(path.absolute().parents):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        for file in (path, *(path.with_name(f"{path.name}-{side}") for side in ("wal", "shm"))):
            if file.exists() and (told := file.stat()).st_uid == os.geteuid() and told.st_mode & 0o077:
                file.chmod(0o600)
    except OSError as error:
        hint = "see that the folder exists and may be written"
        raise StoreError(f"store {path}: {error.strerror}: {error.filename}", hint=hint) from error


def _locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


@retry(
    retry=retry_if_exception(_locked),
    stop=stop_after_delay(_PATIENCE),
    wait=wait_random(0.01, 0.05),
    reraise=True,
)
def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Have a file written ahead of itself. While another process writes to one that is new, SQLite does not wait."""
    cursor.execute("PRAGMA journal_mode=WAL")


def _in_memory(place: URL) -> bool:
    return place.database in (None, "", ":memory:")


def _sqlite(place: URL, commits: str) -> Engine:
    settings: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": _PATIENCE}}
    if _in_memory(place):
        settings["poolclass"] = StaticPool
    else:
        private(Path(place.database or ""))
        settings["pool_use_lifo"] = True  # each connection has a cache of its own: the last that was used knows most
    made = create_engine(place, **settings)

    @event.listens_for(made, "connect")
    def _pragmas(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves: the driver would begin too late, and deferred
        cursor = raw.cursor()
        _write_ahead(cursor)
        cursor.execute(commits)
        cursor.execute("PRAGMA cache_size=-2048")  # of each connection; the machine keeps the file in memory anyhow
        cursor.close()

    return made
