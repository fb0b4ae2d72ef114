"""Whom to tell: what a file says, and every mistake in it with its place."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from syncd import toml
from syncd.destinations import Alerts, Email, LogLines, Severity, Webhook, load
from syncd.errors import ConfigError
from syncd.settings import load as load_all
from tests.mapping.ground import plugin

KEY = base64.b64encode(b"canary-key-of-32-bytes----------").decode()
OPS = '[alerts.to.ops]\nkind = "webhook"\nurl = "https://alerts.example.com/syncd"\nsecret = { env = "OPS_SECRET" }\n'
TEAM = (
    '[alerts.to.team]\nkind = "email"\nhost = "mail.example.com"\nfrom = "syncd@example.com"\nto = "ops@example.com"\n'
)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_SECRET", KEY)
    monkeypatch.setenv("SHORT", "c2hvcnQ=")


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], Alerts]:
    def load_text(text: str) -> Alerts:
        (tmp_path / "syncd.toml").write_text(text)
        return load(toml.read(tmp_path / "syncd.toml"))

    return load_text


@pytest.fixture
def told(loaded: Callable[[str], Alerts]) -> Callable[[str], list[str]]:
    def problems(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(text)
        return [str(problem) for problem in caught.value.problems]

    return problems


def test_without_the_table_nobody_is_told(loaded: Callable[[str], Alerts]) -> None:
    alerts = loaded("")
    assert (alerts.to, alerts.hours, alerts.every) == ({}, None, timedelta(minutes=15))


def test_each_kind_of_destination_has_its_own_keys(loaded: Callable[[str], Alerts]) -> None:
    alerts = loaded(f'[alerts]\ngather = "30s"\n[alerts.to.here]\nkind = "log"\nleast = "urgent"\n{OPS}{TEAM}')
    here, ops, team = alerts.to["here"], alerts.to["ops"], alerts.to["team"]
    assert alerts.gather == timedelta(seconds=30)
    assert isinstance(here, LogLines)
    assert here.floor is Severity.URGENT
    assert isinstance(ops, Webhook)
    assert (ops.url, ops.secret.get_secret_value()) == ("https://alerts.example.com/syncd", KEY)
    assert isinstance(team, Email)
    assert (team.port, team.security, team.sender, team.to) == (
        587,
        "starttls",
        "syncd@example.com",
        ["ops@example.com"],
    )


def test_an_address_that_is_a_secret_may_be_a_reference(
    loaded: Callable[[str], Alerts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_URL", "https://alerts.example.com/canary")
    alerts = loaded(OPS.replace('"https://alerts.example.com/syncd"', '{ env = "OPS_URL" }'))
    assert isinstance(ops := alerts.to["ops"], Webhook)
    assert ops.url.endswith("/canary")
    assert "canary" not in repr(alerts)


def test_quiet_hours_have_a_zone(loaded: Callable[[str], Alerts]) -> None:
    hours = loaded('[alerts]\nquiet = "22:00-07:30"\nzone = "Europe/Berlin"\n').hours
    assert hours is not None
    assert (str(hours.begin), str(hours.end), hours.zone.key) == ("22:00:00", "07:30:00", "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alerts = 1\n", "1:alerts: expected a table [alerts]"),
        ("[alerts]\nto = 1\n", "2:alerts.to: expected tables such as [alerts.to.ops]"),
        ("[alerts]\nevry = 1\n", '2:alerts.evry: unknown key (did you mean "every"?)'),
        ('[alerts]\nzone = "Berlin"\n', '2:alerts.zone: is "Berlin", expected a time zone such as "Europe/Berlin"'),
        *(
            (f'[alerts]\nquiet = "{hours}"\n', f'2:alerts.quiet: is "{hours}", expected hours such as "22:00-07:00"')
            for hours in ("22-7", "22:00-24:00", "22:60-07:00", "07:00-07:00")
        ),
        ("[alerts.to]\nops = 1\n", "2:alerts.to.ops: expected a table [alerts.to.ops]"),
        (
            "[alerts.to.Ops]\n",
            '1:alerts.to.Ops: "Ops" is no name (a name is lower-case letters, digits, - and _, at most 40)',
        ),
        ("[alerts.to.ops]\n", "1:alerts.to.ops.kind: is missing (there is: email, log, webhook)"),
        (
            '[alerts.to.ops]\nkind = "mail"\n',
            '2:alerts.to.ops.kind: is "mail", and is no way to tell (did you mean "email"?)',
        ),
        (
            f'{OPS}least = "much"\n',
            "5:alerts.to.ops.least: is \"much\", expected 'notice', 'warning' or 'urgent'",
        ),
        (
            OPS.replace('"https://alerts.example.com/syncd"', '"alerts.example.com"'),
            '3:alerts.to.ops.url: "alerts.example.com" is no web address such as "https://crm.example.com"',
        ),
        (
            OPS.replace('"https://alerts.example.com/syncd"', '""'),
            '3:alerts.to.ops.url: is empty, expected "https://alerts.example.com/syncd"',
        ),
        (
            OPS.replace('{ env = "OPS_SECRET" }', f'"{KEY}"'),
            (
                "4:alerts.to.ops.secret: is a secret and must not stand in this file "
                '(write secret = { env = "OPS_SECRET" } and set that variable)'
            ),
        ),
        (
            OPS.replace("OPS_SECRET", "SHORT"),
            ("4:alerts.to.ops.secret: is not 24 to 64 bytes in base64: make one with: openssl rand -base64 32"),
        ),
        (
            TEAM.replace('to = "ops@example.com"', 'to = ["ops@example.com", "ops"]'),
            '5:alerts.to.team.to: has "ops", expected an address such as "ops@example.com"',
        ),
        (
            f'{TEAM}security = "none"\npassword = {{ env = "OPS_SECRET" }}\n',
            '1:alerts.to.team: sends its password in the open: write security = "starttls" or "tls"',
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(told: Callable[[str], list[str]], text: str, message: str) -> None:
    assert told(text) == [f"syncd.toml:{message}"]


def test_a_mistake_here_is_told_together_with_all_others(tmp_path: Path) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text("[daemon]\nlisten = 1\n[alerts]\ngather = 1\n")
    with pytest.raises(ConfigError) as caught:
        load_all(path, plugin)
    assert [problem.where for problem in caught.value.problems] == [
        "syncd.toml:2:daemon.listen",
        "syncd.toml:4:alerts.gather",
    ]


def test_the_whole_configuration_has_them(tmp_path: Path) -> None:
    path = tmp_path / "syncd.toml"
    path.write_text(OPS)
    assert list(load_all(path, plugin).alerts.to) == ["ops"]
