"""Statements that SQLite and PostgreSQL spell alike, made once and given their values each time.

To make a statement takes SQLAlchemy eight times as long as to run it. So all that is asked often is a constant, whose
values have the names of the columns that they are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, UpdateBase, and_, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["Many", "Upsert", "among", "chunks", "counted", "given", "same"]

T = TypeVar("T")

Joined: TypeAlias = Callable[[Any], Any]

_Made: TypeAlias = tuple[str, tuple[str, ...]]

_MOST_PARAMETERS = 500
"""SQLite takes 32,766 parameters a statement, and plans short IN lists best."""


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts that fit into one IN list, each filled up with its last item to one of a few lengths.

    For each length a statement has a text of its own, of which the database makes a plan and the driver keeps it: a
    daemon that asks for now three and now four records would gather megabytes of them.
    """
    for start in range(0, len(items), _MOST_PARAMETERS):
        part = items[start : start + _MOST_PARAMETERS]
        length = min(_MOST_PARAMETERS, 1 << (len(part) - 1).bit_length())
        yield [*part, *repeat(part[-1], length - len(part))]


def given(**named: Any) -> dict[str, Any]:
    """Those of the values that are any: by these it is asked, and each set of them has a statement of its own."""
    return {name: value for name, value in named.items() if value not in (None, "", [])}


def same(*columns: ColumnElement[Any], prefix: str = "") -> ColumnElement[bool]:
    """That each of these columns is the value of its name.

    `prefix` tells the values from those that an update sets, which have the names of columns, too.
    """
    return and_(*(column == bindparam(f"{prefix}{column.key}") for column in columns))


def among(column: ColumnElement[Any], *, prefix: str = "") -> ColumnElement[bool]:
    """That a column is one of the values of its name, which is a list."""
    return column.in_(bindparam(f"{prefix}{column.key}", expanding=True))


def counted(table: Table, *where: ColumnElement[bool]) -> Select[int]:
    """How many rows there are for which all this holds."""
    return select(func.count()).select_from(table).where(*where)


@dataclass(frozen=True, slots=True)
class Many:
    """A statement that is run for many rows at once.

    For each row SQLAlchemy finds out anew in which order the driver wants its values: that is found out once here.
    """

    statement: UpdateBase
    _made: dict[tuple[str, ...], _Made] = field(default_factory=dict, init=False, repr=False)
    """Dialect and names of the values to what the driver takes."""

    def __call__(self, db: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for these rows, which have the same names; their values are such as the driver takes."""
        if not rows:
            return
        shape = (db.dialect.name, *rows[0])
        if shape not in self._made:
            self._made[shape] = _made(db, self.statement, list(rows[0]))
        text, order = self._made[shape]
        if not order:
            db.execute(self.statement, [dict(row) for row in rows])
        elif db.dialect.positional:
            db.exec_driver_sql(text, [tuple([row[name] for name in order]) for row in rows])
        else:
            db.exec_driver_sql(text, [dict(row) for row in rows])


def _made(db: Connection, statement: UpdateBase, names: list[str]) -> _Made:
    """The text of a statement and the order of its values; none where it has more, which SQLAlchemy fills in."""
    made: Any = statement.compile(dialect=db.dialect, column_keys=names)
    order = made.positiontup if db.dialect.positional else list(made.binds)
    return str(made), tuple(order) if set(order) <= set(names) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """Inserts rows, or replaces those with the same primary key except for the columns in `keep`.

    `joined`: columns whose old and new values make the one that stands, from the new row's columns.
    """

    table: Table = field(kw_only=False)
    keep: Sequence[str] = ()
    joined: Mapping[str, Joined] = field(default_factory=dict)
    _made: dict[tuple[str, ...], Many] = field(default_factory=dict, init=False, repr=False)
    """Dialect and columns to the statement for them."""

    def __call__(self, db: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for these rows, which have the same columns."""
        if not rows:
            return
        shape = (db.dialect.name, *rows[0])
        if shape not in self._made:
            self._made[shape] = Many(self._statement(*shape))
        self._made[shape](db, rows)

    def _statement(self, dialect: str, *columns: str) -> Any:
        make = postgresql.insert if dialect == "postgresql" else sqlite.insert
        statement = make(self.table)
        identity = [column.name for column in self.table.primary_key]
        replaced = {
            name: self.joined.get(name, itemgetter(name))(statement.excluded)
            for name in columns
            if name not in identity and name not in self.keep
        }
        if replaced:
            return statement.on_conflict_do_update(index_elements=identity, set_=replaced)
        return statement.on_conflict_do_nothing(index_elements=identity)
