"""The command `syncd`: parses the command line, runs one command, and turns errors into words and exit codes.

    0 done, or nothing to do    1 unexpected            2 `plan`: there are changes to apply
    3 configuration or usage    4 an app               5 the store
    6 halted: needs a person    7 already running      130 interrupted

The modules of commands are light, and import heavy packages only where they use them: an answer of one page should
not wait for what it does not need.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cyclopts import App, CycloptsError, Group, UnusedCliTokensError

from syncd import __version__
from syncd.console.commands import compare, decide, develop, keep, look, move, people, setup, tell, undo
from syncd.console.voice import fail
from syncd.errors import ConfigError, SyncdError

__all__ = ["app", "main"]

INTERRUPTED: Final = 130
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

_COMMANDS: Final[Mapping[str, Sequence[Callable[..., int]]]] = {
    "Set up": (setup.init, setup.authorise, setup.check, setup.schema, setup.mappings, setup.sandbox),
    "Run": (move.plan, move.apply, move.run, decide.pause, decide.resume),
    "Look": (look.status, tell.alerts, look.log, look.why, look.history, undo.runs, compare.audit),
    "Decide": (
        decide.conflicts,
        decide.resolve,
        decide.holds,
        decide.approve,
        decide.refuse,
        decide.quarantine,
        decide.belongs,
        decide.apart,
        decide.retry,
        undo.undo,
    ),
    "People": (people.export, people.forget),
    "Keep": (keep.verify, keep.backup, keep.restore, keep.key, keep.console),
    "Develop": (develop.connector,),
}
"""Heading to commands."""

_DEMO: Final = (
    "Show it: a CRM and a newsletter tool, simulated on this machine, edited on both sides and kept the same."
)


def app() -> App:
    """The command line with every command."""
    syncd = App(
        name="syncd",
        help="Keep the same records the same, both ways, in apps that know nothing of each other.",
        version=__version__,
        suppress_keyboard_interrupt=False,
    )
    for heading, commands in _COMMANDS.items():
        group = Group.create_ordered(heading)
        for command in commands:
            syncd.command(command, group=group)
        if heading == "Set up":
            syncd.command("syncd.console.demo:demo", name="demo", group=group, help=_DEMO)
    return syncd


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    if sys.stdout is None:
        return fail(SyncdError("standard output is closed", hint="send it to /dev/null if nobody is to read it"))
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _mute()  # whoever read us is gone
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _mute()
        return fail(SyncdError(f"standard output or a file takes no more: {error.strerror}"))
    return code


def _run(words: list[str]) -> int:
    json = "--json" in words
    if unreadable := next((word for word in words if not _text(word)), ""):
        shown = unreadable.encode("utf-8", "replace").decode()
        return fail(ConfigError(f'"{shown}" is no text', hint="write it in UTF-8"), json=json)
    try:
        code = app()(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return fail(ConfigError(_plain(error), hint=f"see: {_named(words)} --help"), json=json)
    except SyncdError as error:
        return fail(error, json=json)
    except OverflowError:
        return fail(ConfigError("a number is larger than any there is", hint=f"see: {_named(words)} --help"), json=json)
    return code if isinstance(code, int) else 0


def _text(word: str) -> bool:
    """False for what a terminal sent in another encoding: no store could hold it, and nothing is called so."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _named(words: Sequence[str]) -> str:
    """What was asked for, as far as there is such a command."""
    commands = {command.__name__ for group in _COMMANDS.values() for command in group} | {"demo"}
    return f"syncd {words[0]}" if words and words[0] in commands else "syncd"


def _plain(error: CycloptsError) -> str:
    """The library's own words, except where they speak of tokens."""
    if isinstance(error, UnusedCliTokensError):
        return f"too many words: {' '.join(error.unused_tokens or ())}"
    return str(error)


def _mute() -> None:
    """Let what is left unsaid go nowhere, so that Python does not stumble over it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
