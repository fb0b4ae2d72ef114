"""One process at a time, where the store is PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd import settings
from syncd.daemon.lock import AlreadyRunning, sole
from syncd.errors import StoreError
from syncd.settings import Config, Daemon, Log, Safety
from syncd.store.store import Store
from tests.live.servers.postgres import Postgres, running_postgres

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as made:
        yield made


def on(postgres: Postgres, database: str) -> Config:
    if not postgres.has(database):
        postgres.execute(f"create database {database}")
    url = postgres.url(database).replace("postgresql://", "postgresql+psycopg://")
    return Config(
        path=Path("syncd.toml"),
        apps={},
        syncs={},
        daemon=Daemon(),
        store=settings.Store(url=url),
        safety=Safety(),
        log=Log(),
    )


def test_a_second_process_is_told_who_is_there(postgres: Postgres) -> None:
    config = on(postgres, "one")
    with sole(config, "apply") as held:
        held.check()
        with pytest.raises(AlreadyRunning, match="syncd apply, process"), sole(config):
            pass
    with sole(config):
        pass


def test_two_databases_are_two_stores(postgres: Postgres) -> None:
    with sole(on(postgres, "one")), sole(on(postgres, "two")):
        pass


def test_a_lock_that_is_lost_with_its_connection_is_noticed(postgres: Postgres) -> None:
    with sole(on(postgres, "one")) as held:
        postgres.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        with pytest.raises(StoreError, match="lost"):
            held.check()


def test_who_has_lost_the_lock_commits_nothing_more(postgres: Postgres) -> None:
    config = on(postgres, "one")
    with sole(config) as held:
        store = Store.open(config.store.url, lambda: 0.0)
        store.on_commit = held.check
        with store.begin() as tx:
            tx.meta.put("name", "before")
        postgres.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        with pytest.raises(StoreError, match="lost"), store.begin() as tx:
            tx.meta.put("name", "after")
        with store.read() as tx:
            assert tx.meta.get("name") == "before"
        store.close()


def test_a_database_that_is_down_is_told_of(postgres: Postgres) -> None:
    config = on(postgres, "one")
    away = settings.Store(url=config.store.url.replace(str(postgres.port), "1"))
    with pytest.raises(StoreError, match="connection failed"), sole(replace(config, store=away)):
        pass


def test_who_may_not_read_the_store_is_told_which_rights_are_missing(postgres: Postgres) -> None:
    config = on(postgres, "one")
    postgres.execute("drop role if exists nobody_much")
    postgres.execute("create role nobody_much login")
    url = config.store.url.replace("postgres@", "nobody_much@")
    with pytest.raises(StoreError, match=r"permission denied .*\n.*the right to make tables"):
        Store.open(url, lambda: 0.0)
