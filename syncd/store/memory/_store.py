"""The store itself: transactions that land whole or not at all, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from syncd.store.chain import VOUCHING, ChainEnd, broken_at
from syncd.store.memory._forgotten import Forgotten
from syncd.store.memory._log import Log
from syncd.store.memory._people import Apps, Meta, OptOuts, ParkedWork
from syncd.store.memory._records import Entities, Links
from syncd.store.memory._tables import Tables
from syncd.store.memory._work import Cursors, Deliveries, Hints, Intents
from syncd.store.ports import Transaction


class MemoryStore:
    """The durable state of one syncd, while its process lives. Every transaction, reading or writing, is exclusive."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.on_commit: Callable[[], None] = lambda: None
        self._clock = clock
        self._tables = tables = Tables()
        self._lock = threading.RLock()
        self._taken = False
        self._links = Links(tables)
        self._tx = Transaction(
            0.0,
            Entities(tables),
            self._links,
            Log(tables),
            Hints(tables),
            Cursors(tables),
            Deliveries(tables),
            Intents(tables),
            ParkedWork(tables),
            OptOuts(tables),
            Apps(tables),
            Meta(tables),
            Forgotten(tables),
        )

    folder = None
    in_place = True
    """It stands nowhere."""

    def begin(self) -> _Writing:
        return _Writing(self)

    def erasing(self) -> _Writing:
        return _Writing(self)

    def read(self) -> _Reading:
        return _Reading(self)

    def verify(self) -> str:
        with self.read():
            rows = self._tables.changes.values()
            vouchers = [row for row in rows if row["event"] in VOUCHING]
            broken = broken_at(rows, self._tables.end.get(None, ChainEnd()), vouchers)
        return "" if broken is None else f"the change log does not fit from entry {broken} on"

    def copy(self, target: Path) -> None:
        from syncd.store.copying import copy_rows
        from syncd.store.memory._copying import rows

        with self.read():
            copy_rows(rows(self._tables), target)

    def close(self) -> None:
        pass

    def enter(self) -> Transaction:
        """A transaction begins."""
        self._lock.acquire()
        if self._taken:
            self._lock.release()
            raise RuntimeError("a transaction within a transaction would never get its turn")
        self._taken = True
        self._tables.now = now = self._clock()
        if now != self._tx.now:
            self._tx = replace(self._tx, now=now)
        return self._tx

    def land(self) -> None:
        """What it wrote stays."""
        self._links.flush()
        self.on_commit()
        self._tables.land()

    def leave(self) -> None:
        """It ends. What has not landed is put back."""
        self._tables.put_back()
        self._taken = False
        self._lock.release()


class _Reading:
    """Stories enter so many transactions that a generator for each is felt."""

    __slots__ = ("_store",)

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __enter__(self) -> Transaction:
        return self._store.enter()

    def __exit__(
        self, failed: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.leave()


class _Writing(_Reading):
    __slots__ = ()

    def __exit__(
        self, failed: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if failed is None:
                self._store.land()
        finally:
            self._store.leave()
