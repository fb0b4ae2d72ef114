"""Where a rehearsal keeps what grows with the number of records: a file that nobody else opens, and no memory."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import URL

from syncd.store.connect import explained

__all__ = ["Scratch"]

_SETTINGS: Final = (
    "PRAGMA journal_mode=OFF",
    "PRAGMA synchronous=OFF",
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA cache_size=-2048",  # what is more goes to the file
)


class Scratch:
    """One SQLite file in one transaction that never ends: it is good for as long as this object is, and no longer.

    The folder may be removed at once; the file is there until it is let go of. Everything here raises StoreError
    where the disk is full.
    """

    def __init__(self, folder: Path, name: str, tables: Sequence[str]) -> None:
        self._place = URL.create("sqlite", database=str(folder / name))
        with explained(self._place):
            self._db = sqlite3.connect(folder / name, isolation_level=None, check_same_thread=False)
            weakref.finalize(self, self._db.close)
            for words in (*_SETTINGS, "BEGIN", *tables):
                self._db.execute(words)

    def put(self, words: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Change rows; how many and where, the cursor says."""
        with explained(self._place):
            return self._db.execute(words, values)

    def one(self, words: str, values: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        with explained(self._place):
            return self._db.execute(words, values).fetchone()

    def rows(self, words: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Rows, a few in memory at a time. The table that they are of may not be changed meanwhile."""
        with explained(self._place):
            return self._db.execute(words, values)
