"""Migrations, forward only, shipped inside the package and run when a store is opened."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from syncd.store.connect import begin, commit

__all__ = ["HEAD", "migrate"]

HEAD: Final = "0005"
"""The newest schema that this syncd knows; written down, because asking Alembic takes longer than most commands."""


def migrate(engine: Engine) -> None:
    """Bring the schema up to date, whole or not at all. Raises StoreError for a store that a newer syncd has written.

    Of several processes that open a new store at once, one makes it and the others find it made.
    """
    with engine.connect() as db:
        if _current(db) == HEAD:
            return
        db.rollback()
        begin(db)
        current = _current(db)
        if current != HEAD:
            from syncd.store.migrations.upgrade import upgrade

            upgrade(db, current)
            commit(db)


def _current(db: Connection) -> str | None:
    if not inspect(db).has_table("alembic_version"):
        return None
    version: str | None = db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version
