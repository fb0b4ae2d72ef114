"""A configuration as text, and what is told of one that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.settings import Config, load
from tests.mapping.ground import plugin


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "canary-token")


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], Config]:
    def load_text(text: str) -> Config:
        path = tmp_path / "syncd.toml"
        path.write_text(text)
        return load(path, plugin)

    return load_text


@pytest.fixture
def told(loaded: Callable[[str], Config]) -> Callable[[str], list[str]]:
    def problems(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(text)
        return [str(problem) for problem in caught.value.problems]

    return problems
