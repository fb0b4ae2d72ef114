"""Migrations make the very tables that are declared, from every older schema, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from syncd.errors import StoreError
from syncd.store.connect import begin, commit, engine
from syncd.store.migrations import HEAD, migrate
from syncd.store.migrations.upgrade import revisions, upgrade
from syncd.store.store import Store
from syncd.store.tables import metadata
from tests.store.ground import START


def test_the_schema_that_is_written_down_is_the_one_the_migrations_lead_to() -> None:
    assert revisions()[0] == HEAD


def test_the_migrations_make_the_tables_that_are_declared(place: str) -> None:
    made = engine(place)
    migrate(made)
    with made.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    made.dispose()


@pytest.mark.parametrize("since", revisions())
def test_every_older_schema_is_brought_up_to_date(place: str, since: str) -> None:
    made = engine(place)
    with made.connect() as db:
        begin(db)
        upgrade(db, None, to=since)
        commit(db)
    store = Store.open(place, lambda: START)
    with store.begin() as tx:
        tx.meta.put("name", "value")
    assert store.verify() == ""
    store.close()
    made.dispose()


def test_a_store_of_a_newer_syncd_is_refused_and_left_alone(place: str) -> None:
    made = engine(place)
    migrate(made)
    with made.connect() as db:
        begin(db)
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        commit(db)
    with pytest.raises(StoreError, match="schema 9999") as caught:
        migrate(made)
    assert caught.value.hint == "install the newer syncd again"
    with made.connect() as db:
        assert db.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    made.dispose()


def test_a_migration_that_fails_half_way_leaves_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = command.upgrade

    def broken(*args: object) -> None:
        whole(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    made = engine(place)
    monkeypatch.setattr(command, "upgrade", broken)
    with pytest.raises(KeyboardInterrupt):
        migrate(made)
    monkeypatch.setattr(command, "upgrade", whole)
    with made.connect() as db:
        assert inspect(db).get_table_names() == []
    migrate(made)
    with made.connect() as db:
        assert _version(db) == HEAD
    made.dispose()


def _version(db: Connection) -> str:
    return str(db.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def test_a_store_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'syncd.db'}"
    Store.open(url, lambda: START).close()
    program = (
        "import sys, time; from syncd.store.store import Store; "
        f"Store.open({url!r}, time.time).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
