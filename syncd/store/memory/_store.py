"""The store itself: transactions that land whole or not at all, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.store.chain import ChainEnd, broken_at
from syncd.store.memory._log import Log
from syncd.store.memory._people import Apps, Meta, OptOuts, ParkedWork
from syncd.store.memory._records import Entities, Links
from syncd.store.memory._tables import Tables
from syncd.store.memory._work import Cursors, Deliveries, Hints, Intents
from syncd.store.ports import Transaction


class MemoryStore:
    """The durable state of one syncd, while its process lives. Every transaction, reading or writing, is exclusive."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tables = Tables()
        self._lock = threading.RLock()
        self._taken = False
        self.on_commit: Callable[[], None] = lambda: None

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with self._turn() as tx:
            yield tx
            tx.flush()
            self.on_commit()
            self._tables.land()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._turn() as tx:
            yield tx

    def verify(self) -> str:
        broken = broken_at(self._tables.changes.values(), self._tables.end.get(None, ChainEnd()))
        return "" if broken is None else f"the change log does not fit from entry {broken} on"

    def copy(self, target: Path) -> None:
        from syncd.store.copying import copy_rows
        from syncd.store.memory._copying import rows

        with self.read():
            copy_rows(rows(self._tables), target)

    def close(self) -> None:
        pass

    @contextmanager
    def _turn(self) -> Iterator[Transaction]:
        """A transaction; what of it has not landed in the end is put back."""
        with self._lock:
            if self._taken:
                raise RuntimeError("a transaction within a transaction would never get its turn")
            self._taken = True
            try:
                yield self._transaction()
            finally:
                self._tables.put_back()
                self._taken = False

    def _transaction(self) -> Transaction:
        tables, now = self._tables, self._clock()
        return Transaction(
            now=now,
            entities=Entities(tables),
            links=Links(tables),
            log=Log(tables, now),
            hints=Hints(tables),
            cursors=Cursors(tables),
            deliveries=Deliveries(tables),
            intents=Intents(tables),
            parked=ParkedWork(tables, now),
            optouts=OptOuts(tables),
            apps=Apps(tables, now),
            meta=Meta(tables),
        )
