"""The office that tests of the console take place in."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from syncd.store.store import Store
from tests.daemon.company import Company
from tests.web.office import Office, office


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that nothing has happened in yet: a copy is made sooner than the tables."""
    file = tmp_path_factory.mktemp("fresh") / "syncd.db"
    Store.open(f"sqlite:///{file}", time.time).close()
    return file


@pytest.fixture
def place(tmp_path: Path, fresh: Path) -> Iterator[Office]:
    """Nobody is named: whoever sits at this machine is the owner."""
    shutil.copy(fresh, tmp_path / "syncd.db")
    with ExitStack() as closing:
        yield office(Company(tmp_path, closing))
