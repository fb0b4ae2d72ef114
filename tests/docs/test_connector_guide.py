"""The guide for connector authors does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.guide import files


def test_the_example_is_a_connector_its_twin_and_their_tests() -> None:
    assert list(files()) == ["guestbook.py", "guestbook_twin.py", "test_guestbook.py"]


@pytest.mark.parametrize("name", ["guestbook.py", "guestbook_twin.py"])
def test_each_half_of_the_example_is_shorter_than_150_lines(name: str) -> None:
    assert len(files()[name].splitlines()) < 150


def test_the_connector_needs_nothing_of_syncd_but_the_sdk() -> None:
    assert set(re.findall(r"^(?:from|import) (syncd\S*)", files()["guestbook.py"], re.MULTILINE)) == {"syncd.sdk"}


def test_the_example_passes_the_whole_conformance_suite(tmp_path: Path) -> None:
    for name, code in files().items():
        (tmp_path / name).write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-W", "error", "-p", "no:cacheprovider", "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) > 100, run.stdout
