"""Connectors come by name from installed distributions, each imported only when it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.plugins import GROUP, announced, load
from tests.mapping.ground import PLUGINS
from tests.settings import offered

HERE = "tests.mapping.ground"


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def test_a_connector_is_loaded_by_its_name() -> None:
    assert load("plain", {"plain": [point("plain", "tests.settings.offered:plugin")]}) is offered.plugin
    assert offered.plugin is PLUGINS["plain"]


def test_the_four_connectors_of_this_project_are_announced() -> None:
    assert {"hubspot", "mailchimp", "ghost", "bottlecrm", "carddav"} <= set(announced())


@pytest.mark.parametrize(
    ("name", "points", "message"),
    [
        ("hubspt", ["hubspot=a:b"], 'there is no connector "hubspt"\n  did you mean "hubspot"?'),
        ("zzz", ["hubspot=a:b", "ghost=a:c"], 'there is no connector "zzz"\n  there is: ghost, hubspot'),
        ("x", ["x=a:b", "x=c:d"], 'the connector "x" is announced twice: a:b, c:d\n  uninstall one of them'),
        ("x", ["x=no.such:y"], "the connector \"x\" (no.such:y) does not load: No module named 'no'"),
        ("x", [f"x={HERE}:APPS"], f'the connector "x" ({HERE}:APPS) is not a syncd.sdk.contract.Plugin'),
    ],
)
def test_what_cannot_be_loaded_is_told(name: str, points: list[str], message: str) -> None:
    known: dict[str, list[EntryPoint]] = {}
    for text in points:
        key, _, value = text.partition("=")
        known.setdefault(key, []).append(point(key, value))
    with pytest.raises(ConfigError) as caught:
        load(name, known)
    assert str(caught.value) == message


def test_no_connector_comes_from_the_folder_in_which_one_happens_to_be(tmp_path: Path) -> None:
    announced = tmp_path / "evil-1.0.dist-info"
    announced.mkdir()
    (announced / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (announced / "entry_points.txt").write_text("[syncd.connectors]\nevil = evil:plugin\n")
    (tmp_path / "evil.py").write_text("open('hacked', 'w').close()\nplugin = None\n")
    (tmp_path / "config.toml").write_text('[apps.a]\nconnector = "evil"\n')
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "check"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert 'there is no connector "evil"' in done.stderr
    assert not (tmp_path / "hacked").exists()


def test_what_the_command_writes_is_for_its_owner_s_eyes_only(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "syncd", "connector", "new", "mine", "--folder", str(tmp_path / "new")]
    before = os.umask(0o022)
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "new").rglob("*")} == {0}
