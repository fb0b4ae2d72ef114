"""Facts about the store itself, by name."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from syncd.store.statements import Upsert, same
from syncd.store.tables import MetaRow, table

__all__ = ["Meta"]

META = table(MetaRow)

_FACT: Final = select(META.c.value).where(same(META.c.name))
_PUT: Final = Upsert(META)


class Meta:
    """Facts about the store itself."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, name: str) -> str | None:
        value: str | None = self._db.execute(_FACT, {"name": name}).scalar()
        return value

    def put(self, name: str, value: str) -> None:
        _PUT(self._db, [{"name": name, "value": value}])
