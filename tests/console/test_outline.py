"""The configuration at a glance says the same as the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.console.outline import config_path, read_outline
from syncd.settings import load
from syncd.store.sealing import new_key
from tests.console.ground import Desk


@pytest.mark.parametrize(
    ("table", "variable"),
    [
        ("", ""),
        ('[store]\nurl = "sqlite:///data/own.db"\n', ""),
        ('[store]\nurl = "sqlite:////var/lib/syncd/own.db"\n', ""),
        ('[store]\nurl = { env = "OWN_STORE" }\nkey = { env = "OWN_KEY" }\n', ""),
        ('[store]\nurl = "sqlite:///own.db"\n', "sqlite:///other.db"),
    ],
)
def test_the_store_is_the_one_that_the_whole_configuration_names(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, table: str, variable: str
) -> None:
    monkeypatch.setenv("OWN_STORE", "postgresql://db.example.com/syncd")
    monkeypatch.setenv("OWN_KEY", new_key())
    if variable:
        monkeypatch.setenv("SYNCD_STORE_URL", variable)
    desk.write("[syncs.people]", f"{table}\n[syncs.people]")
    outline, config = read_outline(desk.config), load(desk.config)
    assert outline.store == config.store.url
    assert dict(outline.apps) == {name: app.connector for name, app in config.apps.items()}
    assert list(outline.syncs) == list(config.syncs)


def test_the_configuration_is_the_one_named_then_that_of_the_environment_then_the_one_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SYNCD_CONFIG", "from/environment.toml")
    assert config_path(Path("named.toml")) == Path("named.toml")
    assert config_path(None) == Path("from/environment.toml")
    monkeypatch.delenv("SYNCD_CONFIG")
    assert config_path(None) == Path("config.toml")


def test_a_store_in_a_variable_that_is_not_set_is_told_with_its_place(desk: Desk) -> None:
    desk.write("[syncs.people]", '[store]\nurl = { env = "NO_SUCH_STORE" }\n\n[syncs.people]')
    said = desk.say("status")
    assert said.code == 3
    assert "store.url: the environment variable NO_SUCH_STORE is not set" in said.err
