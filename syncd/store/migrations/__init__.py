"""Migrations, forward only, shipped inside the package and run when a store is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from syncd.errors import StoreError

__all__ = ["head", "migrate"]


def migrate(engine: Engine) -> None:
    """Bring the schema up to date. Raises StoreError for a store that a newer syncd has written."""
    config, scripts = _scripts()
    with engine.connect() as db:
        current = MigrationContext.configure(db).get_current_revision()
        db.rollback()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise StoreError(
                f"the store is at schema {current}, which this syncd does not know",
                hint="install the newer syncd again",
            )
        config.attributes["connection"] = db
        command.upgrade(config, "head")
        db.commit()


def head() -> str:
    """The newest schema revision that this syncd knows."""
    return str(_scripts()[1].get_current_head())


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)
