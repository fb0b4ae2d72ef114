"""The page of the commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from cyclopts import App

from syncd.console.cli import app as command_line
from syncd.console.reference.markdown import code, table

__all__ = ["commands_page"]

_HEAD: Final = """\
# Commands

What each answers, also in JSON, is told in [operations.md](../operations.md). `--config` and `--json` go with
every command, `--by NAME` with those that decide.
"""
_EVERYWHERE: Final = frozenset({"--config", "--json", "--by"})


def commands_page() -> str:
    """Every command and its options, under the headings of `syncd --help`."""
    whole = command_line()
    commands = [(name, whole[name]) for name in whole if not name.startswith("-")]
    lines = [_HEAD]
    for heading, group in groupby(commands, key=lambda command: _heading(command[1])):
        lines += [f"## {heading}\n", *(line for name, command in group for line in _command(name, command))]
    return "\n".join(lines)


def _heading(command: App) -> str:
    groups = command.group if isinstance(command.group, tuple) else (command.group,)
    return " ".join(str(getattr(group, "name", group)) for group in groups)


def _command(name: str, command: App) -> Iterator[str]:
    arguments = [one for one in command.assemble_argument_collection(parse_docstring=True) if one.show]
    own = [one for one in arguments if not _EVERYWHERE & {*one.names}]
    places = [f"{one.names[0]}" if one.required else f"[{one.names[0]}]" for one in own if one.names[0].isupper()]
    yield f"### `{' '.join(['syncd', name, *places])}`\n"
    yield " ".join(command.help.partition("Parameters\n")[0].split()) + "\n"
    if own:
        rows = (
            (", ".join(code(n) for n in o.names), _given(o.field_info.default), o.parameter.help or "") for o in own
        )
        yield table(("", "default", ""), rows)


def _given(value: object) -> str:
    return code(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
