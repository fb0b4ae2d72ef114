"""The configuration: what a file says, what the environment says over it, and every mistake with its own words."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.mapping.shape import FieldShape
from syncd.settings import RESERVED, Config, load
from syncd.store.sealing import new_key
from tests.mapping.ground import PLUGINS, plugin

CRM = '[apps.crm]\nconnector = "hubspot"\ntoken = { env = "HUBSPOT_TOKEN" }\n'


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
        *(
            (
                f'[store]\nurl = "postgresql://{address}"\n',
                [
                    (
                        'syncd.toml:2:store.url: has a password in it (write url = { env = "DATABASE_URL" }, '
                        "or set SYNCD_STORE_URL)"
                    )
                ],
            )
            for address in ("me:ca[nary@localhost/x", "me@localhost/x?password=canary")
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


@pytest.mark.parametrize(
    ("mode", "refused"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True)]
)
def test_a_configuration_of_ours_that_others_may_read_is_refused(tmp_path: Path, mode: int, refused: bool) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text("")
    path.chmod(mode)
    if not refused:
        load(path, plugin)
        return
    with pytest.raises(ConfigError) as caught:
        load(path, plugin)
    assert str(caught.value) == "syncd.toml: may be read or written by others (chmod 600 syncd.toml)"


def test_a_configuration_that_root_has_put_there_may_be_read_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text("")
    path.chmod(0o644)
    right = os.stat_result(path.stat())
    monkeypatch.setattr(Path, "stat", lambda *_, **__: os.stat_result((*right[:4], 0, *right[5:])))
    monkeypatch.setattr(os, "geteuid", lambda: 842)
    load(path, plugin)


def test_a_file_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text("")
    path.chmod(0o666)
    with pytest.raises(ConfigError, match=r"syncd.toml: may be written by anybody \(chmod o-w syncd.toml\)"):
        load(path, plugin)


def test_no_app_may_be_called_like_a_word_of_a_fields_table() -> None:
    assert set(FieldShape.model_fields) <= RESERVED


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
