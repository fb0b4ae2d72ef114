"""A copy of a store in one SQLite file: a backup, or a stage to rehearse on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, select
from sqlalchemy.engine import URL

from syncd.errors import StoreError
from syncd.store.connect import begin, commit, engine, explained, private
from syncd.store.migrations import migrate
from syncd.store.tables import metadata

__all__ = ["Part", "copy", "copy_rows"]

Part: TypeAlias = tuple[Table, Sequence[dict[str, Any]]]
"""Some rows of a table."""

_ROWS = 1000
"""As many are held in memory at once."""


def copy(db: Connection, place: URL, target: Path) -> None:
    """Write what the transaction `db` sees of the store at `place` to the file `target`, in place of what is there.

    Raises StoreError, and then leaves no half copy.
    """
    if place.database and Path(place.database).exists() and target.exists() and target.samefile(place.database):
        raise StoreError(f"{target} is the store itself", hint="name another file for the copy")
    with _whole_or_none(target):
        if db.dialect.name == "sqlite":
            _file(db, target)
        else:
            _rows(_parts(db), target)


def copy_rows(parts: Iterable[Part], target: Path) -> None:
    """Make the file `target` a store of these rows, in place of what is there.

    Raises StoreError, and then leaves no half copy.
    """
    with _whole_or_none(target):
        _rows(parts, target)


@contextmanager
def _whole_or_none(target: Path) -> Iterator[None]:
    private(target)
    try:
        with explained(URL.create("sqlite", database=str(target))):
            yield
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _file(db: Connection, target: Path) -> None:
    """SQLite's own online backup: page by page, from one state of the store."""
    with closing(sqlite3.connect(target)) as out:
        raw: Any = db.connection.dbapi_connection
        raw.backup(out)


def _parts(db: Connection) -> Iterator[Part]:
    """Everything in a database of another kind."""
    for table in metadata.sorted_tables:
        with db.execution_options(yield_per=_ROWS).execute(select(table)) as rows:
            for part in rows.mappings().partitions():
                yield table, [dict(row) for row in part]


def _rows(parts: Iterable[Part], target: Path) -> None:
    target.write_bytes(b"")
    made = engine(f"sqlite:///{target}")
    try:
        migrate(made)
        with made.connect() as out:
            begin(out)
            for table, rows in parts:
                out.execute(table.insert(), rows)
            commit(out)
    finally:
        made.dispose()
