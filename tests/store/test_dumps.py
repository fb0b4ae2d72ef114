"""A restored dump of a database is told from the database that it was made of, and nothing else is taken for one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from syncd.engine.setback import accept, notice, setback
from syncd.store.connect import address
from syncd.store.generation import advance, dumped
from syncd.store.ports import Storage
from syncd.store.store import Store
from tests.live.servers.process import tool
from tests.store.ground import START


def why(store: Storage) -> str:
    with store.read() as tx:
        return dumped(tx)


def test_a_store_that_is_worked_on_is_no_dump(store: Storage) -> None:
    assert why(store) == ""
    for _ in range(3):
        advance(store, None)
        assert why(store) == ""
    notice(store, None)
    with store.read() as tx:
        assert setback(tx) is None


def told(place: str, *statements: str) -> None:
    """Say something to the database as an administrator does."""
    engine = create_engine(address(place), isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        for statement in statements:
            db.execute(text(statement))
    engine.dispose()


def opened(place: str) -> Store:
    return Store.open(place, lambda: START)


@pytest.mark.live
@pytest.mark.parametrize("how", ["--inserts", "--clean", "--data-only"])
def test_a_restored_dump_is_noticed_once_and_writes_wait_for_a_person(
    schemas: Callable[[], str], tmp_path: Path, how: str
) -> None:
    place = schemas()
    bare, _, name = place.partition("?options=-csearch_path%3D")
    store, file = opened(place), tmp_path / "dump.sql"
    advance(store, None)
    subprocess.run([tool("pg_dump"), bare, f"--schema={name}", how, f"--file={file}"], check=True)
    advance(store, None)
    store.close()
    if how == "--data-only":
        file.write_text("SET session_replication_role = replica;\n" + file.read_text())
        told(place, *(f"TRUNCATE {name}.{table} CASCADE" for table in tables(place, name)))
    elif how == "--inserts":
        told(place, f"DROP SCHEMA {name} CASCADE")
    subprocess.run([tool("psql"), bare, "-qf", str(file), "-v", "ON_ERROR_STOP=1"], check=True, capture_output=True)
    store = opened(place)
    assert why(store) == "its rows were put there by a restored dump"
    notice(store, None)
    with store.read() as tx:
        held = setback(tx)
    assert held is not None
    assert held.copied == START
    accept(store, "ada")
    notice(store, None)
    with store.read() as tx:
        assert setback(tx) is None
    store.close()


def tables(place: str, name: str) -> list[str]:
    """The tables of a schema."""
    engine = create_engine(address(place))
    with engine.connect() as db:
        asked = text("SELECT table_name FROM information_schema.tables WHERE table_schema = :name")
        found = list(db.execute(asked, {"name": name}).scalars())
    engine.dispose()
    return found


@pytest.mark.live
def test_a_database_that_tidies_itself_up_is_no_dump(schemas: Callable[[], str]) -> None:
    place = schemas()
    store = opened(place)
    advance(store, None)
    store.close()
    told(place, "VACUUM FREEZE meta", "VACUUM FULL meta", "VACUUM FULL FREEZE meta")
    store = opened(place)
    assert why(store) == ""
    store.close()
