"""The kinds of store: every test that takes `store` runs on each of them.

Tests that take `place` or `database` are about databases: they run on each kind of those.
PostgreSQL takes part when live tests are asked for: `pytest tests/store -m live`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from syncd.store.memory import MemoryStore
from syncd.store.ports import Storage
from syncd.store.store import Store
from tests.live.servers.postgres import Postgres, running_postgres
from tests.store.ground import START


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On PostgreSQL only for those who ask for live tests: the default suite needs no server."""
    if "kind" in metafunc.fixturenames:
        live = "live" in metafunc.config.getoption("markexpr")
        postgres = [pytest.param("postgres", marks=pytest.mark.live)] if live else []
        plain = [] if "place" in metafunc.fixturenames else ["dicts"]
        metafunc.parametrize("kind", [*plain, "memory", "file", *postgres])


@pytest.fixture(scope="session")
def schemas() -> Iterator[Callable[[], str]]:
    """Makes empty PostgreSQL schemas, each a store's place, in a cluster that starts when the first is asked for."""
    with ExitStack() as stack:
        running: list[Postgres] = []
        numbers = itertools.count(1)

        def make() -> str:
            if not running:
                running.append(stack.enter_context(running_postgres("store")))
            name = f"store{next(numbers)}"
            running[0].execute(f"set client_min_messages = warning; drop schema if exists {name} cascade")
            running[0].execute(f"create schema {name}")
            return f"{running[0].url('postgres')}?options=-csearch_path%3D{name}"

        yield make


@pytest.fixture
def place(kind: str, tmp_path: Path, schemas: Callable[[], str]) -> str:
    """The URL of a store that does not exist yet."""
    match kind:
        case "memory":
            return "sqlite://"
        case "file":
            return f"sqlite:///{tmp_path / 'syncd.db'}"
    return schemas()


@pytest.fixture
def database(place: str) -> Iterator[Store]:
    """An empty store in a database, at a standing clock."""
    opened = Store.open(place, lambda: START)
    yield opened
    opened.close()


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest) -> Storage:
    """An empty store, at a standing clock."""
    kept: Storage = MemoryStore(lambda: START) if kind == "dicts" else request.getfixturevalue("database")
    return kept
