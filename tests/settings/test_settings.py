"""The configuration: what a file says, what the environment says over it, and every mistake with its own words."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from syncd.errors import ConfigError
from syncd.mapping.shape import FieldShape
from syncd.sdk.contract import Settings
from syncd.settings import RESERVED, Config, load
from syncd.store.sealing import new_key
from tests.mapping.ground import PLUGINS, plugin

CRM = '[apps.crm]\nconnector = "hubspot"\ntoken = { env = "HUBSPOT_TOKEN" }\n'


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


def test_an_empty_file_is_all_defaults(loaded: Callable[[str], Config], tmp_path: Path) -> None:
    config = loaded("")
    assert (config.daemon.host, config.daemon.port, config.daemon.public_url) == ("127.0.0.1", 8420, "")
    assert (config.daemon.poll, config.daemon.sweep) == (timedelta(minutes=1), timedelta(hours=1))
    assert config.store.url == f"sqlite:///{tmp_path.resolve()}/syncd.db"
    assert (config.safety.second_look, config.safety.skew) == (timedelta(minutes=10), timedelta(minutes=2))
    assert (config.safety.max_deletes, config.safety.max_delete_share) == (25, 0.05)
    assert config.safety.late_write is None
    assert (config.log.level, config.log.format) == ("info", "console")


def test_an_app_has_its_connectors_settings_and_the_daemons_rhythm(loaded: Callable[[str], Config]) -> None:
    app = loaded(CRM + 'poll = "30s"\nread_only = true\n').apps["crm"]
    assert app.plugin is PLUGINS["hubspot"]
    assert app.settings.token.get_secret_value() == "canary-token"  # type: ignore[attr-defined]
    assert (app.poll, app.sweep, app.read_only) == (timedelta(seconds=30), timedelta(hours=1), True)


def test_a_secret_is_never_in_a_repr(loaded: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_STORE_URL", "postgresql://syncd:canary-password@localhost/syncd")
    monkeypatch.setenv("SYNCD_STORE_KEY", new_key())
    assert "canary" not in repr(loaded(CRM))


def test_the_environment_goes_over_the_file(loaded: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_SAFETY_MAX_DELETE_SHARE", "0.5")
    monkeypatch.setenv("SYNCD_DAEMON_SWEEP", "2h")
    config = loaded('[safety]\nmax_delete_share = 0.1\nmax_deletes = 3\n[daemon]\nsweep = "3h"\n')
    assert (config.safety.max_delete_share, config.safety.max_deletes) == (0.5, 3)
    assert config.daemon.sweep == timedelta(hours=2)


def test_a_wrong_variable_is_told_by_its_name(
    told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_DAEMON_LISTN", "x")
    monkeypatch.setenv("SYNCD_LOG_LEVEL", "loud")
    assert told("") == [
        'SYNCD_DAEMON_LISTN: unknown key (did you mean "listen"?)',
        "SYNCD_LOG_LEVEL: is \"loud\", expected 'debug', 'info', 'warning' or 'error'",
    ]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[daemn]\n", ['syncd.toml:1:daemn: unknown key (did you mean "daemon"?)']),
        ("[daemon]\nlisten = 1\n", ["syncd.toml:2:daemon.listen: is 1, expected a text, in quotes"]),
        (
            '[daemon]\nlisten = "localhost"\n',
            ['syncd.toml:2:daemon.listen: is "localhost", expected host:port such as "127.0.0.1:8420"'],
        ),
        (
            '[daemon]\npublic_url = "sync.example.com"\n',
            [
                (
                    'syncd.toml:2:daemon.public_url: is "sync.example.com", expected an address such as '
                    '"https://sync.example.com"'
                )
            ],
        ),
        (
            '[daemon]\npoll = "soon"\nsweep = 5\n',
            [
                'syncd.toml:2:daemon.poll: is \'soon\', expected a duration such as "90s", "10m", "1h30m" or "2d"',
                'syncd.toml:3:daemon.sweep: is 5, expected a duration such as "90s", "10m", "1h30m" or "2d"',
            ],
        ),
        (
            "[safety]\nmax_delete_share = 5\n",
            ["syncd.toml:2:safety.max_delete_share: is 5, expected at most 1"],
        ),
        ("[apps]\ncrm = 1\n", ["syncd.toml:2:apps.crm: expected a table [apps.crm]"]),
        ("apps = 1\n", ["syncd.toml:1:apps: expected tables such as [apps.name]"]),
        (
            '[apps.type]\nconnector = "plain"\n',
            [
                (
                    'syncd.toml:1:apps.type: "type" is no name (a name is lower-case letters, digits, - and _, '
                    "at most 40, and no word of the mapping language)"
                )
            ],
        ),
        ("[apps.crm]\n", ["syncd.toml:1:apps.crm.connector: is missing"]),
        (
            '[apps.crm]\nconnector = "hubspt"\n',
            ['syncd.toml:2:apps.crm.connector: there is no connector "hubspt"'],
        ),
        (
            CRM + "tokn = 1\nread_onli = true\n",
            [
                'syncd.toml:4:apps.crm.tokn: unknown key (did you mean "token"?)',
                'syncd.toml:5:apps.crm.read_onli: unknown key (did you mean "read_only"?)',
            ],
        ),
        (
            '[apps.crm]\nconnector = "hubspot"\ntoken = "pat-canary"\n',
            [
                (
                    "syncd.toml:3:apps.crm.token: is a secret and must not stand in this file "
                    '(write token = { env = "CRM_TOKEN" } and set that variable)'
                )
            ],
        ),
        (
            '[apps.crm]\nconnector = "hubspot"\ntoken = { env = "NOT_SET_ANYWHERE" }\n',
            ["syncd.toml:3:apps.crm.token: the environment variable NOT_SET_ANYWHERE is not set"],
        ),
        (
            '[apps.crm]\nconnector = "hubspot"\ntoken = { environment = "X" }\n',
            [
                (
                    'syncd.toml:3:apps.crm.token: expected one of { env = "NAME" }, { file = "path" }, '
                    '{ keyring = "service/user" }'
                )
            ],
        ),
        ('[apps.crm]\nconnector = "hubspot"\n', ["syncd.toml:1:apps.crm.token: is missing"]),
        (
            '[apps.crm]\nconnector = "hubspot"\ntoken = { env = 5 }\n',
            ["syncd.toml:3:apps.crm.token: env needs a name in quotes"],
        ),
        (
            CRM + "base_url = { a = 1 }\n",
            ["syncd.toml:4:apps.crm.base_url: is a table, expected a text, in quotes"],
        ),
        (
            '[store]\nurl = "postgresql://me:canary@localhost/x"\n',
            [
                (
                    'syncd.toml:2:store.url: has a password in it (write url = { env = "DATABASE_URL" }, '
                    "or set SYNCD_STORE_URL)"
                )
            ],
        ),
        (
            '[store]\nurl = "postgresql://localhost/x"\n',
            [
                (
                    "syncd.toml:1:store.key: is missing, to seal secrets with (make one with: openssl rand -base64 32; "
                    'say key = { env = "SYNCD_KEY" })'
                ),
            ],
        ),
        (
            '[store]\nurl = { env = "NOT_SET_ANYWHERE" }\n',
            ["syncd.toml:2:store.url: the environment variable NOT_SET_ANYWHERE is not set"],
        ),
    ],
)
def test_each_mistake_has_its_place_and_its_remedy(
    told: Callable[[str], list[str]], text: str, messages: list[str]
) -> None:
    assert told(text) == messages


def test_all_mistakes_are_told_at_once(told: Callable[[str], list[str]]) -> None:
    text = '[log]\nlevl = "info"\n[apps.a]\nconnector = "nope"\n[apps.b]\nconnector = "plain"\nx = 1\n[syncs.B]\n'
    assert [problem.partition(":")[2].partition(":")[0] for problem in told(text)] == ["2", "4", "7", "8"]


def test_a_file_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text("")
    path.chmod(0o666)
    with pytest.raises(ConfigError, match=r"syncd.toml: may be written by anybody \(chmod o-w syncd.toml\)"):
        load(path, plugin)


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


def test_no_app_may_be_called_like_a_word_of_a_fields_table() -> None:
    assert set(FieldShape.model_fields) <= RESERVED


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


def test_an_object_of_an_app_may_have_bounds_of_its_own(loaded: Callable[[str], Config]) -> None:
    config = loaded(f"{CRM}[apps.crm.guards.contacts]\nmass_changes = 2000\n")
    assert config.apps["crm"].guards["contacts"].model_dump(exclude_unset=True) == {"mass_changes": 2000}


def test_a_bound_that_there_is_not_is_told_with_what_it_may_be(told: Callable[[str], list[str]]) -> None:
    (problem,) = told(f"{CRM}[apps.crm.guards.contacts]\nmass_change = 2000\n")
    assert "apps.crm.guards.contacts.mass_change: unknown key" in problem
    assert "mass_changes" in problem


def test_how_long_values_are_kept_is_said_beside_where_the_store_is(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[store]\nurl = "sqlite:///here.db"\nkeep = "400d"\n')
    config = load(file)
    assert (config.store.keep, config.store.url) == (timedelta(days=400), f"sqlite:///{tmp_path}/here.db")
