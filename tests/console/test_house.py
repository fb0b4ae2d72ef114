"""What the guide to operations promises is what the command line has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd import errors
from syncd.console.cli import INTERRUPTED, app
from syncd.console.commands import PENDING, UNREACHED
from syncd.daemon.lock import AlreadyRunning

_GUIDE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
_EVERYWHERE = {"--config", "--json", "--by", "--help"}


def commands() -> list[str]:
    return [name for name in app() if not name.startswith("-")]


def sections() -> Iterator[tuple[str, str]]:
    """Each command's name and what the guide says of it."""
    for part in re.split(r"^###? ", _GUIDE, flags=re.MULTILINE):
        if part.startswith("`syncd "):
            yield part.removeprefix("`syncd ").split("`")[0].split(" ")[0], part


def options(command: str) -> set[str]:
    """The long options of a command."""
    arguments = app()[command].assemble_argument_collection()
    return {name for argument in arguments for name in argument.names if name.startswith("--")}


def test_the_guide_has_a_section_for_every_command_and_for_no_other() -> None:
    assert sorted(name for name, _ in sections()) == sorted(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_answers_in_json_and_the_guide_names_each_of_its_options(command: str) -> None:
    own = options(command)
    assert "--json" in own
    text = dict(sections())[command]
    assert {name for name in own - _EVERYWHERE if f"`{name}" not in text} == set()
    assert {name for name in _EVERYWHERE if f"`{name}" not in _GUIDE} == set()


@pytest.mark.parametrize("command", commands())
def test_every_command_says_what_it_does_in_one_line(command: str) -> None:
    summary = app()[command].help.splitlines()[0]
    assert summary.endswith((".", "?"))


def test_the_guide_has_every_exit_code() -> None:
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.SyncdError)
    }
    codes |= {0, PENDING, UNREACHED, AlreadyRunning.exit_code, INTERRUPTED}
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", _GUIDE, flags=re.MULTILINE)}
    assert told == codes
