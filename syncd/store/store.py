"""The store: one SQLite file by default, PostgreSQL by URL; one writer, transactions that land whole or not at all."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool

from syncd.errors import StoreError
from syncd.store.log import Log, verify
from syncd.store.migrations import migrate
from syncd.store.people import Apps, Meta, OptOuts, ParkedWork
from syncd.store.records import Entities, Links
from syncd.store.work import Cursors, Deliveries, Hints, Intents

__all__ = ["Store", "Transaction"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything that is read and written together. All of it lands, or none of it."""

    now: float
    entities: Entities
    links: Links
    log: Log
    hints: Hints
    cursors: Cursors
    deliveries: Deliveries
    intents: Intents
    parked: ParkedWork
    optouts: OptOuts
    apps: Apps
    meta: Meta
    db: Connection

    def flush(self) -> None:
        """Write what the parts hold back."""
        self.entities.flush()
        self.links.flush()
        self.deliveries.flush()
        self.intents.flush()
        self.log.flush()


class Store:
    """The durable state of one syncd.

    `begin()` is the one door for writing and is exclusive in this process; `read()` sees a consistent state and
    never waits for a writer on a file. Every commit goes through `begin`, so that a test can number them.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.RLock()
        self._shared = isinstance(engine.pool, StaticPool)
        self.on_commit: Callable[[], None] = _nothing
        """Called just before each commit; a simulator kills here."""

    @classmethod
    def open(cls, url: str, clock: Callable[[], float]) -> Store:
        """Open, and bring the schema up to date. Raises StoreError if that cannot be done."""
        engine = _engine(make_url(url))
        with _explained(engine.url):
            migrate(engine)
        store = cls(engine, clock)
        with store.begin() as tx:
            if tx.meta.get("generation") is None:
                tx.meta.put("generation", secrets.token_hex(8))
        return store

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A transaction that writes. Raises StoreError if the store cannot take it; then nothing has landed."""
        with self._lock, _explained(self._engine.url), self._engine.connect() as db:
            db.execute(text("BEGIN IMMEDIATE" if db.dialect.name == "sqlite" else "SELECT 1"))
            try:
                tx = self._transaction(db)
                yield tx
                tx.flush()
                self.on_commit()
            except BaseException:
                _end(db, "ROLLBACK")
                raise
            _end(db, "COMMIT")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that only reads; what it writes is rolled back."""
        if self._shared:
            with self._lock, self._engine.connect() as db:
                yield self._transaction(db)
            return
        with _explained(self._engine.url), self._engine.connect() as db:
            db.execute(text("BEGIN" if db.dialect.name == "sqlite" else "SELECT 1"))
            try:
                yield self._transaction(db)
            finally:
                _end(db, "ROLLBACK")

    def verify(self) -> str:
        """Check the file and the change log's chain: "" if all is well, else what is not."""
        with self.read() as tx:
            if tx.db.dialect.name == "sqlite":
                said = tx.db.execute(text("PRAGMA integrity_check")).scalar_one()
                if said != "ok":
                    return f"integrity check: {said}"
            broken = verify(tx.db)
        return "" if broken is None else f"the change log does not fit from entry {broken} on"

    def copy(self, target: Path) -> None:
        """Write a consistent copy of a SQLite store to `target`, while it is in use. Raises StoreError."""
        if self._engine.dialect.name != "sqlite":
            raise StoreError("only an SQLite store can be copied here", hint="use pg_dump for PostgreSQL")
        with self._lock, self._engine.connect() as db, sqlite3.connect(target) as out:
            raw: Any = db.connection.dbapi_connection
            raw.backup(out)
        out.close()

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def _transaction(self, db: Connection) -> Transaction:
        now = self._clock()
        return Transaction(
            now=now,
            entities=Entities(db),
            links=Links(db),
            log=Log(db, now),
            hints=Hints(db),
            cursors=Cursors(db),
            deliveries=Deliveries(db),
            intents=Intents(db),
            parked=ParkedWork(db, now),
            optouts=OptOuts(db),
            apps=Apps(db, now),
            meta=Meta(db),
            db=db,
        )


def _nothing() -> None:
    """The hook that is in place when nobody listens."""


def _end(db: Connection, how: str) -> None:
    if db.dialect.name == "sqlite":
        db.execute(text(how))
    elif how == "COMMIT":
        db.commit()
    else:
        db.rollback()


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    memory = url.database in (None, "", ":memory:")
    if not memory:
        Path(url.database or "").expanduser().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": 30}}
    if memory:
        settings["poolclass"] = StaticPool
    engine = create_engine(url, **settings)

    @event.listens_for(engine, "connect")
    def _pragmas(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves: the driver would begin too late, and deferred
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.execute("PRAGMA cache_size=-32768")
        cursor.close()

    return engine


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    place = url.render_as_string(hide_password=True)
    try:
        yield
    except OperationalError as error:
        cause = str(error.orig)
        hint = {
            "database or disk is full": "free some space; syncd has stopped writing to the apps and goes on by itself",
            "attempt to write a readonly database": "give the daemon's user the right to write there",
            "unable to open database file": "see that the folder exists and may be written",
        }.get(cause, "")
        raise StoreError(f"store {place}: {cause}", hint=hint) from error
    except DatabaseError as error:
        raise StoreError(f"store {place}: {error.orig}", hint="restore a backup, or name another file") from error
