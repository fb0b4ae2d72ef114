"""The reference is what the code says now."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.console.cli import app
from syncd.console.reference import pages, write

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def test_the_committed_pages_are_those_that_make_docs_would_write(tmp_path: Path) -> None:
    (tmp_path / "of-a-connector-that-left.md").write_text("")
    write(tmp_path)
    made = {page.name: page.read_text() for page in tmp_path.iterdir()}
    assert {page.name: page.read_text() for page in FOLDER.iterdir()} == made


@pytest.mark.parametrize("command", [name for name in app() if not name.startswith("-")])
def test_every_command_has_a_section(command: str) -> None:
    assert f"\n### `syncd {command}" in pages()["commands.md"]


def test_every_connector_shows_its_settings_and_fields_and_what_is_not_known_yet() -> None:
    page = pages()["hubspot.md"]
    assert "| `token` | secret | unset |" in page
    assert "| `hs_email_optout` | boolean | consent |" in page
    assert "| live test | not yet | needs a HubSpot developer account |" in page


def test_what_a_connector_declares_is_in_its_table() -> None:
    page = pages()["mailchimp.md"]
    assert "| keeps unique | `email_address` |" in page
    assert "| a write may land late | 5m |" in page
