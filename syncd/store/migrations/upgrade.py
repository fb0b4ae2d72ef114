"""Moving a store from an older schema to ours, with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from syncd.errors import StoreError

__all__ = ["revisions", "upgrade"]


def upgrade(db: Connection, current: str | None, *, to: str = "head") -> None:
    """Run, within the open transaction, what leads from the schema `current` to another. Raises StoreError."""
    config = _config()
    if current is not None and current not in revisions():
        raise StoreError(
            f"the store is at schema {current}, which this syncd does not know", hint="install the newer syncd again"
        )
    config.attributes["connection"] = db
    command.upgrade(config, to)


def revisions() -> tuple[str, ...]:
    """Every schema there ever was, newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
