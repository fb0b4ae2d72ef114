"""The two apps that most tests of the daemon live with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.company import Company
from tests.daemon.house import House, house


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with house(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with ExitStack() as closing:
        yield Company(tmp_path, closing)
