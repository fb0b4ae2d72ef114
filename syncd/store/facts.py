"""Facts about the store itself, by name."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select, text

from syncd.store.statements import Upsert, same
from syncd.store.tables import MetaRow, table

__all__ = ["Meta"]

META = table(MetaRow)

_FACT: Final = select(META.c.value).where(same(META.c.name))
_PUT: Final = Upsert(META)
# A row has no more than the last 32 bits of the number.
_MARK: Final = text("SELECT (txid_current() % 4294967296)::text")
_MARKED: Final = text("SELECT xmin::text FROM meta WHERE name = :name")


class Meta:
    """Facts about the store itself."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._marks = db.dialect.name == "postgresql"

    def get(self, name: str) -> str | None:
        value: str | None = self._db.execute(_FACT, {"name": name}).scalar()
        return value

    def put(self, name: str, value: str) -> None:
        _PUT(self._db, [{"name": name, "value": value}])

    def mark(self) -> str:
        return str(self._db.execute(_MARK).scalar_one()) if self._marks else ""

    def marked(self, name: str) -> str:
        return str(self._db.execute(_MARKED, {"name": name}).scalar() or "") if self._marks else ""
