"""Secrets: where they are, who may have them, and where they may go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from syncd.errors import ConfigError
from syncd.sdk.contract import Settings
from syncd.settings import Config, load
from tests.mapping.ground import PLUGINS


def test_a_secret_file_must_be_private(
    loaded: Callable[[str], Config], told: Callable[[str], list[str]], tmp_path: Path
) -> None:
    text = '[apps.crm]\nconnector = "hubspot"\ntoken = { file = "token" }\n'
    assert told(text) == ["syncd.toml:3:apps.crm.token: the file token cannot be read: No such file or directory"]
    secret = tmp_path / "token"
    secret.write_text("canary\n")
    secret.chmod(0o640)
    assert told(text) == ["syncd.toml:3:apps.crm.token: the file token may be read by others: chmod 600 token"]
    secret.chmod(0o600)
    assert loaded(text).apps["crm"].settings.token.get_secret_value() == "canary"  # type: ignore[attr-defined]


def test_a_secret_that_systemd_hands_over_may_show_the_mask_of_its_acl(
    loaded: Callable[[str], Config], told: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = tmp_path / "credentials"
    handed.mkdir()
    (handed / "token").write_text("canary\n")
    (handed / "token").chmod(0o440)
    text = '[apps.crm]\nconnector = "hubspot"\ntoken = { file = "credentials/token" }\n'
    assert "may be read by others" in told(text)[0]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert loaded(text).apps["crm"].settings.token.get_secret_value() == "canary"  # type: ignore[attr-defined]
    (handed / "token").chmod(0o444)
    assert "may be read by others" in told(text)[0]
    (tmp_path / "token").write_text("canary\n")
    (tmp_path / "token").chmod(0o440)
    assert "may be read by others" in told(text.replace("credentials/token", "credentials/../token"))[0]


def test_what_belongs_to_somebody_else_is_not_believed(
    told: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("canary\n")
    (tmp_path / "token").chmod(0o600)
    told_of, stranger = Path.stat, os.stat_result(range(100, 110))

    def stat(path: Path, **how: Any) -> os.stat_result:
        found = told_of(path, **how)
        return os.stat_result((*found[:4], stranger.st_uid, *found[5:])) if path.name in theirs else found

    monkeypatch.setattr(Path, "stat", stat)
    text = '[apps.crm]\nconnector = "hubspot"\ntoken = { file = "token" }\n'
    theirs = {"token"}
    assert told(text) == ["syncd.toml:3:apps.crm.token: the file token belongs to another user: chown it"]
    theirs = {"syncd.toml"}
    assert told(text) == [
        "syncd.toml: belongs to another user, who decides what is in it (chown it to root or to syncd)"
    ]


@pytest.mark.skipif(find_spec("keyring") is not None, reason="keyring is installed")
def test_the_keyring_is_asked_only_where_it_is_installed(told: Callable[[str], list[str]]) -> None:
    text = '[apps.crm]\nconnector = "hubspot"\ntoken = { keyring = "syncd/crm" }\n'
    assert told(text) == ["syncd.toml:3:apps.crm.token: keyring needs the package keyring: pip install keyring"]


def test_the_keyring_is_asked_by_service_and_user(
    loaded: Callable[[str], Config], told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {("syncd", "crm"): "canary"}
    keyring = ModuleType("keyring")
    keyring.get_password = lambda service, user: kept.get((service, user))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    text = '[apps.crm]\nconnector = "hubspot"\ntoken = { keyring = "syncd/crm" }\n'
    assert loaded(text).apps["crm"].settings.token.get_secret_value() == "canary"  # type: ignore[attr-defined]
    assert told(text.replace("/crm", "/crn")) == [
        "syncd.toml:3:apps.crm.token: the keyring has nothing under syncd/crn"
    ]


@pytest.mark.parametrize(
    ("base_url", "more", "problem"),
    [
        ("https://eu.api.example.com", "", None),
        ("http://127.0.0.1:9000", "", None),
        ("http://localhost:9000", "", None),
        ("https://elsewhere.example.org", "allow_host = true", None),
        (
            "https://api.example.com.evil.test",
            "",
            (
                '"api.example.com.evil.test" is no address of Plain: *.api.example.com '
                "(say allow_host = true if it is to have the credentials)"
            ),
        ),
        ("http://eu.api.example.com", "", "is not https (say allow_host = true if it is to have the credentials)"),
        ("api.example.com", "", '"api.example.com" is no web address (such as "https://crm.example.com")'),
        ("ftp://127.0.0.1", "", '"ftp://127.0.0.1" is no web address (such as "https://crm.example.com")'),
        ("not one", "allow_host = true", '"not one" is no web address (such as "https://crm.example.com")'),
        (
            "http://127.0.0.1:99999",
            "",
            '"http://127.0.0.1:99999" is no web address (such as "https://crm.example.com")',
        ),
        (
            "https://me:canary@eu.api.example.com",
            "allow_host = true",
            'has a user or password in it (an address alone, such as "https://crm.example.com")',
        ),
        ("https://[api", "", '"https://[api" is no web address (such as "https://crm.example.com")'),
        (
            "https://127.0.0.1.evil.test",
            "",
            (
                '"127.0.0.1.evil.test" is no address of Plain: *.api.example.com '
                "(say allow_host = true if it is to have the credentials)"
            ),
        ),
    ],
)
def test_credentials_go_to_the_vendors_own_hosts(tmp_path: Path, base_url: str, more: str, problem: str | None) -> None:
    cloud = replace(PLUGINS["plain"], hosts=("*.api.example.com",))
    path = tmp_path / "syncd.toml"
    path.write_text(f'[apps.a]\nconnector = "plain"\nbase_url = "{base_url}"\n{more}\n')
    if problem is None:
        assert load(path, lambda _: cloud).apps["a"].settings.base_url == base_url
        return
    with pytest.raises(ConfigError) as caught:
        load(path, lambda _: cloud)
    assert str(caught.value) == f"syncd.toml:3:apps.a.base_url: {problem}"


@pytest.mark.parametrize(
    ("base_url", "more", "problem"),
    [
        ("https://crm.example.com", "", ""),
        ("http://localhost:9000", "", ""),
        ("http://crm.example.com", "allow_host = true", ""),
        ("http://crm.example.com", "", "is not https (say allow_host = true if it is to have the credentials)"),
    ],
)
def test_credentials_for_an_app_of_one_s_own_are_sent_encrypted(
    loaded: Callable[[str], Config], base_url: str, more: str, problem: str
) -> None:
    text = f'[apps.a]\nconnector = "plain"\nbase_url = "{base_url}"\n{more}\n'
    if not problem:
        assert loaded(text).apps["a"].allow_host is bool(more)
        return
    with pytest.raises(ConfigError, match="is not https") as caught:
        loaded(text)
    assert problem in str(caught.value)


def test_a_secret_deeper_in_a_table_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Login(Settings):
        user: str = ""
        password: SecretStr | None = None

    class Nested(Settings):
        login: Login

    nested = replace(PLUGINS["plain"], settings=Nested)
    path = tmp_path / "syncd.toml"
    path.write_text('[apps.a]\nconnector = "plain"\nlogin = { user = "me", password = "canary" }\n')
    with pytest.raises(ConfigError) as caught:
        load(path, lambda _: nested)
    assert str(caught.value) == (
        "syncd.toml:3:apps.a.login.password: is a secret and must not stand in this file "
        '(write password = { env = "A_LOGIN_PASSWORD" } and set that variable)'
    )
    path.write_text('[apps.a]\nconnector = "plain"\nlogin = { user = "me", password = { env = "HUBSPOT_TOKEN" } }\n')
    login: Any = load(path, lambda _: nested).apps["a"].settings
    assert login.login.password.get_secret_value() == "canary-token"


def test_a_keyring_that_is_locked_is_told(told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    class KeyringError(Exception):
        pass

    def locked(service: str, user: str) -> str:
        raise KeyringError(f"{service} is locked")

    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    keyring.get_password, keyring.errors, errors.KeyringError = locked, errors, KeyringError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    text = '[apps.crm]\nconnector = "hubspot"\ntoken = { keyring = "syncd/crm" }\n'
    assert told(text) == ["syncd.toml:3:apps.crm.token: the keyring cannot be read: syncd is locked"]
