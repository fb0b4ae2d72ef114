"""What syncd itself is told of an account, beside its connector's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.settings import load
from tests.mapping.ground import plugin


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "syncd.toml"
    path.write_text('[apps.a]\nconnector = "plain"\nhook = { env = "A_HOOK" }\n')
    return path


def test_the_end_of_the_address_for_webhooks_is_a_secret(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_HOOK", "0123456789abcdef0123456789abcdef")
    config = load(path, plugin)
    assert config.hooks == {"a": "0123456789abcdef0123456789abcdef"}
    assert "0123456789abcdef" not in repr(config)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("short", "is no end of an address that nobody guesses: make one with: openssl rand -hex 16"),
        ("canary/0123456789abcdef0123456789", "is no end of an address that nobody guesses"),
        ("", "the environment variable A_HOOK is not set"),
    ],
)
def test_an_end_that_could_be_guessed_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    monkeypatch.setenv("A_HOOK", value)
    with pytest.raises(ConfigError) as caught:
        load(path, plugin)
    assert f"syncd.toml:3:apps.a.hook: {told}" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_an_end_does_not_stand_in_the_file(path: Path) -> None:
    path.write_text('[apps.a]\nconnector = "plain"\nhook = "0123456789abcdef0123456789abcdef"\n')
    with pytest.raises(ConfigError, match=r"must not stand in this file \(write hook = \{ env = \"A_HOOK\""):
        load(path, plugin)
