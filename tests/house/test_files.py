"""What is true of every file."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.house.checkout import ROOT, text, tracked

LONGEST = 400

# Put together from parts, so that this file does not hold what it looks for.
UNWANTED = {
    "a path of somebody's machine": r"(?<![\w.:/-])/(?:ro" r"ot|wo" r"rk|ho" r"me/\w+|tm" r"p|var/tm" r"p)/",
    "a package index": r"pyp" r"i\.org|python" r"hosted\.org|npm" r"js\.org",
    "work left for later": r"\b(?:TO" r"DO|FIX" r"ME)\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIV" r"ATE KEY",
    "a merge that was not finished": r"^(?:<{7}|>{7}) ",
}


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what: str) -> None:
    unwanted = re.compile(UNWANTED[what], re.MULTILINE)
    assert [str(path) for path in tracked() if unwanted.search(text(path))] == []


def test_no_module_is_longer_than_a_reader_s_patience() -> None:
    lengths = {str(path): len(text(path).splitlines()) for path in tracked("syncd/*.py", "connectors/*.py")}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc", "base", "manager"}
    assert [str(path) for path in tracked("*.py") if path.stem in drawers] == []


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", ".ci/run"])
def test_the_project_has_its_papers(name: str) -> None:
    assert len((ROOT / name).read_text()) > 200


def test_the_licence_is_whole() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_the_ci_script_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_and_hashes_everything_and_names_no_index(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert "://" not in lock
    assert not re.search(r"^--", lock, re.MULTILINE)
    requirements = re.findall(r"^(?! |#)(.+?)(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert len(requirements) > 30
    assert [entry for entry in requirements if not re.match(r"[\w.\[\],-]+==\S+", entry)] == []
    assert [entry for entry in requirements if "--hash=sha256:" not in entry] == []
