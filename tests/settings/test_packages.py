"""Connectors of others: the configuration says which package and version is trusted, and no other is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.plugins import origin

Check = Callable[[str], str]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """What `syncd check` says where another package announces a connector, which leaves a file when it is imported."""
    about = tmp_path / "lib" / "their_pages-1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-pages\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[syncd.connectors]\npages = pages:plugin\n")
    (tmp_path / "lib" / "pages.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\nplugin = None\n")

    def said(line: str) -> str:
        (tmp_path / "config.toml").write_text(f'[apps.a]\nconnector = "pages"\n{line}\n')
        paths = [str(tmp_path / "lib"), *(path for path in sys.path if path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        words = [sys.executable, "-m", "syncd", "check"]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True).stderr

    return said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "",
            (
                'config.toml:1:apps.a.package: is missing: the connector "pages" is not syncd\'s own, '
                'but from their-pages==1.2 (if you trust it, say package = "their-pages==1.2")'
            ),
        ),
        (
            'package = "their-pages==1.1"',
            (
                'config.toml:3:apps.a.package: is "their-pages==1.1", and their-pages==1.2 is installed '
                '(see what has changed, then say package = "their-pages==1.2")'
            ),
        ),
    ],
)
def test_what_nobody_has_looked_at_is_not_imported(check: Check, tmp_path: Path, line: str, told: str) -> None:
    assert told in check(line)
    assert not (tmp_path / "imported").exists()


def test_the_version_that_is_named_is_imported(check: Check, tmp_path: Path) -> None:
    assert "is not a syncd.sdk.contract.Plugin" in check('package = "their-pages==1.2"')
    assert (tmp_path / "imported").exists()


def test_a_connector_of_syncd_needs_no_word_of_its_package(tmp_path: Path) -> None:
    assert origin("hubspot") == origin("no such connector") == ""
    (tmp_path / "config.toml").write_text('[apps.a]\nconnector = "hubspot"\npackage = "their-pages==1.2"\n')
    words = [sys.executable, "-m", "syncd", "check"]
    told = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True).stderr
    assert 'is "their-pages==1.2", and the connector "hubspot" comes from no such package (take the line out)' in told
