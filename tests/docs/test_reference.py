"""The reference is what the code says now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.console.cli import app
from syncd.console.reference import write
from syncd.store.values import Event

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (FOLDER / name).read_text()


def test_the_committed_pages_are_those_that_make_docs_would_write(tmp_path: Path) -> None:
    (tmp_path / "of-a-connector-that-left.md").write_text("")
    write(tmp_path)
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text() for file in FOLDER.iterdir()}
    assert [name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name)] == [], "run: make docs"


@pytest.mark.parametrize("command", [name for name in app() if not name.startswith("-")])
def test_every_command_has_a_section(command: str) -> None:
    assert f"\n### `syncd {command}" in page("commands.md")


def test_every_connector_shows_its_settings_and_fields_and_what_is_not_known_yet() -> None:
    text = page("hubspot.md")
    assert "| `token` | secret | unset |" in text
    assert "| `hs_email_optout` | boolean | consent |" in text
    assert "| live test | not yet | needs a HubSpot developer account |" in text


def test_what_a_connector_declares_is_in_its_table() -> None:
    text = page("mailchimp.md")
    assert "| keeps unique | `email_address` |" in text
    assert "| a write may land late | 5m |" in text


def test_every_event_that_is_ever_written_is_explained_and_no_other() -> None:
    writers = [*(ROOT / "syncd" / "engine").glob("*.py"), *(ROOT / "syncd" / "console").glob("*.py")]
    written = {name for file in writers for name in re.findall(r"\bEvent\.([A-Z_]+)", file.read_text())}
    table = page("log.md").partition("| event |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {Event[name].value for name in written}
