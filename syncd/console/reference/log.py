"""The page of the logs: what the change log, parked work and the daemon's own log say, in all their words."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from syncd.console.reference.markdown import code, table
from syncd.console.work import CONFLICTS, HOLDS, QUARANTINE
from syncd.core.merge import Verdict
from syncd.store.values import Event, ParkedKind

__all__ = ["log_page"]

_EVENTS: Final[Mapping[Event, str]] = {
    Event.LINKED: "a record found its entity, or founded one",
    Event.MERGED: "what an app shows changed agreed values, lost, or was asked about",
    Event.SENT: "an app took a write",
    Event.COERCED: "an app took a write and kept something else: a shorter text, another form",
    Event.REFUSED: "an app refused a write, in its own words",
    Event.DOUBTED: "nobody knows whether a write was applied",
    Event.RESOLVED: "... and now it is known",
    Event.OPTED_OUT: "an address entered the register of opt-outs",
    Event.OPTED_IN: "a person recorded consent; the address left the register",
    Event.GONE: "a record was deleted or merged away at the app",
    Event.RETURNED: "it came back, or an edit elsewhere beat its delete",
    Event.REMOVED: "syncd deleted a record",
    Event.LEFT: "a record left its filter, or was put aside with many other new ones: its sync stopped",
    Event.DECIDED: "a person answered",
    Event.UNDONE: "a person took changes back: one entry heads them, and causes one for each field",
    Event.BEGAN: "a run began: an `apply`, a `run --once` or the daemon",
    Event.PAUSED: "an app was paused, by a person or a guard",
    Event.RESUMED: "a person had it go on",
    Event.APPLIED: "a mapping was put in force",
    Event.SAVED: "a person saved a change of the configuration in the console",
    Event.SUSPECTED: "somebody seems to have typed between syncd's read and its write, and to have been overwritten",
    Event.SET_BACK: "an older copy of the store was found in its place; writes are held until a person agrees",
    Event.FORGETTING: "a person said that somebody is to be forgotten: their records are deleted everywhere",
    Event.FORGOTTEN: "what was held of them is erased; it names whose values are gone, and vouches for that",
    Event.EXPIRED: "values in entries older than `store.keep` were erased; it vouches for that",
    Event.EXPORTED: "everything that is known of a person was handed out, by `syncd export`",
    Event.SIGNED_IN: "a person signed in at the web console; the note has the role",
    Event.SIGNED_OUT: "... and signed out",
    Event.TRIED: "a person had a change of the configuration rehearsed; nothing was written",
    Event.BROKEN: "syncd was about to break a promise of its own; it wrote nothing and paused the app",
}

_VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.TAKEN: "the app's value is the agreed one now",
    Verdict.SEEDED: "the same, on first contact with both sides filled",
    Verdict.AGREED: "both held it already",
    Verdict.LOST: "the app's value lost; it stays in the log",
    Verdict.ASKED: "a person must say which value stands",
    Verdict.HELD: "an opt-in against an opt-out, or an emptied field, that a person must confirm",
    Verdict.MISFIT: "the value makes no sense; it is told and left alone",
}

_PARKED: Final[Mapping[ParkedKind, str]] = {
    ParkedKind.CONFLICT: "two apps say different things, and you are to decide",
    ParkedKind.OPT_IN: "an opt-in against an opt-out; a yes is recorded consent",
    ParkedKind.BLANK: 'a field was emptied, under blank = "hold"',
    ParkedKind.LOOP: "two apps keep rewriting each other's value; the field is frozen",
    ParkedKind.HOLD: "a record was deleted in one app; the others wait for a yes",
    ParkedKind.GUARD: "a guard has paused an app: too much at once changed, was emptied, came or went",
    ParkedKind.QUARANTINE: "an app refuses a record or a value, a value makes no sense, or a record cannot be read",
    ParkedKind.AMBIGUOUS: "a record could be one of several",
    ParkedKind.DUPLICATE: "a second record of one app has the same match key",
}
_LISTED: Final = {"conflicts": CONFLICTS, "holds": HOLDS, "quarantine": QUARANTINE}
_ANSWERS: Final = {"conflicts": "resolve", "holds": "approve` or `syncd refuse", "quarantine": "retry"}


def log_page() -> str:
    """Events, verdicts, parked work, and messages."""
    parked = [
        (code(kind), _PARKED[kind], code(f"syncd {listing}"), code(f"syncd {_ANSWERS[listing]}"))
        for listing, kinds in _LISTED.items()
        for kind in kinds
    ]
    return (
        "# The logs\n\n## The change log\n\n`syncd log` shows it. Each entry has an `event`:\n\n"
        + table(("event", "what happened"), ((code(event), words) for event, words in _EVENTS.items()))
        + "\nAn entry about what an app shows has, for each field, a `verdict`:\n\n"
        + table(("verdict", "what became of the value"), ((code(verdict), _VERDICTS[verdict]) for verdict in Verdict))
        + "\n## Parked work\n\nWork that waits for a person; but for a guard, it stops nothing else:\n\n"
        + table(("kind", "what waits", "listed by", "answered by"), parked)
        + "\n## The daemon's own log\n\nOn standard error, as `[log]` says. Each line has a message and some keys:\n\n"
        + table(("level", "message", "keys"), sorted(set(_spoken()), key=lambda line: (line[1], line)))
    )


def _spoken() -> Iterator[tuple[str, str, str]]:
    """Level, message and keys of everything that syncd's modules say to a logger."""
    for module in sorted(Path(str(files("syncd"))).rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=speaker, attr="debug" | "info" | "warning" | "error" | "critical" as level
                    ),
                    args=[ast.Constant(value=str(message))],
                    keywords=given,
                ) if ast.unparse(speaker).endswith("log"):
                    yield level, message, ", ".join(code(key.arg) for key in given if key.arg)
