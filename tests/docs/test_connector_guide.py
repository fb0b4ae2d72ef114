"""The guide for connector authors does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.guide import files, toml_blocks


def test_the_example_is_a_connector_its_twin_and_their_tests() -> None:
    assert list(files()) == ["guestbook.py", "guestbook_twin.py", "test_guestbook.py"]


@pytest.mark.parametrize("name", ["guestbook.py", "guestbook_twin.py"])
def test_each_half_of_the_example_is_shorter_than_150_lines(name: str) -> None:
    assert len(files()[name].splitlines()) < 150


def test_the_connector_needs_nothing_of_syncd_but_the_sdk() -> None:
    assert set(re.findall(r"^(?:from|import) (syncd\S*)", files()["guestbook.py"], re.MULTILINE)) == {"syncd.sdk"}


def test_the_example_passes_the_suite_as_an_installed_connector_is_tried(tmp_path: Path) -> None:
    for name, code in files().items():
        if not name.startswith("test_"):
            (tmp_path / name).write_text(code)
    lines = (
        "from syncd.testing.conformance.made import on_twin",
        "from guestbook import plugin",
        "TestIt = on_twin(plugin)",
    )
    (tmp_path / "test_installed.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_distribution_of_the_example_has_what_its_plugin_and_its_twin_name() -> None:
    project = tomllib.loads(next(block for block in toml_blocks() if block.startswith("[project]")))
    point = project["project"]["entry-points"]["syncd.connectors"]["guestbook"]
    modules = project["tool"]["setuptools"]["py-modules"]
    assert point == "guestbook:plugin"
    assert [f"{name}.py" for name in modules] == [name for name in files() if not name.startswith("test_")]
    assert 'twin="guestbook_twin:GuestbookTwin"' in files()["guestbook.py"]


def test_the_example_passes_the_whole_conformance_suite(tmp_path: Path) -> None:
    for name, code in files().items():
        (tmp_path / name).write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-W", "error", "-p", "no:cacheprovider", "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) > 100, run.stdout
