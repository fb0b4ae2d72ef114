"""The store: one SQLite file by default, PostgreSQL by URL; one writer, transactions that land whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.pool import StaticPool

from syncd.store.connect import begin, begin_reading, commit, emptied, engine, explained, fleeting, overwriting
from syncd.store.copying import copy
from syncd.store.facts import Meta
from syncd.store.forgotten import Forgotten
from syncd.store.log import Log, verify
from syncd.store.migrations import migrate
from syncd.store.people import Apps, OptOuts, ParkedWork
from syncd.store.ports import Transaction
from syncd.store.records import Entities, Links
from syncd.store.work import Cursors, Deliveries, Hints, Intents

__all__ = ["SqlTransaction", "Store"]


@dataclass(frozen=True, slots=True)
class SqlTransaction(Transaction):
    """A transaction of a database."""

    db: Connection


class Store:
    """The durable state of one syncd.

    `begin()` is the one door for writing and is exclusive in this process; `read()` sees a consistent state and
    never waits for a writer on a file. Every commit goes through `begin`, so that a test can number them.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.RLock()
        self._taken = False
        self._opened = _identity(self.file)
        event.listen(engine, "do_connect", self._same_file)
        self._shared = isinstance(engine.pool, StaticPool)
        self.on_commit: Callable[[], None] = _nothing
        """Called just before each commit; a simulator kills here."""

    @classmethod
    def open(cls, url: str, clock: Callable[[], float]) -> Store:
        """Open, and bring the schema up to date. Raises StoreError if that cannot be done."""
        return cls._migrated(engine(url), clock)

    @classmethod
    def fleeting(cls, file: Path, clock: Callable[[], float]) -> Store:
        """The same of an SQLite file that is thrown away in the end, and at a crash. Raises StoreError."""
        return cls._migrated(fleeting(file), clock)

    @classmethod
    def _migrated(cls, made: Engine, clock: Callable[[], float]) -> Store:
        with explained(made.url):
            migrate(made)
        return cls(made, clock)

    @property
    def file(self) -> Path | None:
        """Its file; None for a store that is none."""
        file = self._engine.url.database
        return None if self._engine.dialect.name != "sqlite" or file in (None, "", ":memory:") else Path(file)

    @property
    def folder(self) -> Path | None:
        """Where its file stands; None for a store that is no file."""
        return None if self.file is None else self.file.parent

    @property
    def in_place(self) -> bool:
        """Whether the file that was opened stands there still; True for a store that is no file."""
        return self._opened == _identity(self.file)

    def _same_file(self, *_connecting: Any) -> None:
        """SQLite would begin an empty file in the place of one that is gone, and share its journal with ours."""
        if not self.in_place:
            raise sqlite3.OperationalError("the file was removed or replaced while it is in use")

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        """A transaction that writes. Raises StoreError if the store cannot take it; then nothing has landed."""
        with self._turn(), explained(self._engine.url), self._engine.connect() as db, self._writing(db) as tx:
            yield tx

    @contextmanager
    def erasing(self) -> Iterator[SqlTransaction]:
        """The same, and what is replaced or deleted in it leaves nothing behind in SQLite's file and its journal."""
        with self._turn(), explained(self._engine.url), self._engine.connect() as db:
            with overwriting(db), self._writing(db) as tx:
                yield tx
            emptied(db)

    @contextmanager
    def _writing(self, db: Connection) -> Iterator[SqlTransaction]:
        try:
            begin(db)
            tx = self._transaction(db)
            yield tx
            tx.flush()
            self.on_commit()
            commit(db)
        except BaseException:
            db.rollback()
            raise

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """A transaction that only reads; what it writes is rolled back."""
        turn = self._turn() if self._shared else nullcontext()
        with turn, explained(self._engine.url), self._engine.connect() as db:
            begin_reading(db)
            try:
                yield self._transaction(db)
            finally:
                db.rollback()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only thread of this process that has a transaction."""
        with self._lock:
            if self._taken:
                raise RuntimeError("a transaction within a transaction would never get its turn")
            self._taken = True
            try:
                yield
            finally:
                self._taken = False

    def verify(self) -> str:
        """Check the file and the change log's chain: "" if all is well, else what is not."""
        with self.read() as tx:
            if tx.db.dialect.name == "sqlite":
                said = tx.db.execute(text("PRAGMA integrity_check(1)")).scalar_one()
                if said != "ok":
                    return f"integrity check: {said}"
            broken = verify(tx.db)
        return "" if broken is None else f"the change log does not fit from entry {broken} on"

    def copy(self, target: Path) -> None:
        """Write a consistent copy to `target`, an SQLite file whatever the store is, while it is in use.

        What stood there is replaced. Raises StoreError, and then leaves no half copy.
        """
        with self.read() as tx:
            copy(tx.db, self._engine.url, target)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def _transaction(self, db: Connection) -> SqlTransaction:
        now = self._clock()
        return SqlTransaction(
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
            forgotten=Forgotten(db, now),
            db=db,
        )


def _nothing() -> None:
    """The hook that is in place when nobody listens."""


def _identity(file: Path | None) -> tuple[int, int] | None:
    """What tells a file from another at the same place; None where there is none."""
    try:
        found = None if file is None else file.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)
