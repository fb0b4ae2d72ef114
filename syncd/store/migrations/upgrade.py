"""Moving a store from an older schema to ours, with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from syncd.errors import StoreError

__all__ = ["head", "upgrade"]


def upgrade(db: Connection, current: str | None) -> None:
    """Run, within the open transaction, what leads from the schema `current` to ours. Raises StoreError."""
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            f"the store is at schema {current}, which this syncd does not know", hint="install the newer syncd again"
        )
    config.attributes["connection"] = db
    command.upgrade(config, "head")


def head() -> str:
    """The newest schema for which there is a migration."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
