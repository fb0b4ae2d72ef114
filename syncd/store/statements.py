"""Statements that SQLite and PostgreSQL spell alike, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["chunks", "upsert"]

T = TypeVar("T")

Joined: TypeAlias = Callable[[Any], Any]
_NOTHING: Final[Mapping[str, Joined]] = {}

_MOST_PARAMETERS = 500
"""SQLite takes 32,766 parameters a statement, and plans short IN lists best."""


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts that fit into one IN list."""
    for start in range(0, len(items), _MOST_PARAMETERS):
        yield items[start : start + _MOST_PARAMETERS]


def upsert(
    db: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keep: Sequence[str] = (),
    joined: Mapping[str, Joined] = _NOTHING,
) -> None:
    """Insert rows, or replace those with the same primary key except for the columns in `keep`.

    `joined`: columns whose old and new values make the one that stands, from the new row's columns.
    """
    if not rows:
        return
    make = postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    identity = [column.name for column in table.primary_key]
    replaced = {
        column.name: joined.get(column.name, itemgetter(column.name))(statement.excluded)
        for column in table.columns
        if column.name in rows[0] and column.name not in identity and column.name not in keep
    }
    if replaced:
        statement = statement.on_conflict_do_update(index_elements=identity, set_=replaced)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=identity)
    db.execute(statement, [dict(row) for row in rows])
