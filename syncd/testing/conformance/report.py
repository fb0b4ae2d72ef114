"""What a run of the suite has shown of a connector: each ability it declares, and whether a check has seen it.

pytest is started with a small module that names the class; what comes of each check is noted as it ends.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from syncd.sdk.contract import Associates, Capabilities, Connector, Finds, Hears, Remembers, Subscribes

__all__ = ["Ability", "Check", "Report", "examine"]

Verdict = Literal["shown", "broken", "not exercised", "not declared"]
_ABILITIES: Final = (Finds, Hears, Subscribes, Associates, Remembers)
_EVIDENCE: Final[Mapping[str, Sequence[str]]] = {
    "incremental": ("since_a_cursor_shows_less", "change_shows_in_the_next", "new_record_shows_in_the_next"),
    "deletes": ("told_where_declared", "no_longer_shows_a_deleted", "person_deleted_is_gone"),
    "creates": ("created_record_is_there", "created_record_shows", "more_creates_than_one_call"),
    "updates": ("update_changes_only", "of_every_type_comes_back", "update_shows_in_the_next"),
    "removes": ("removed_record_is_gone", "removing_what_is_gone"),
    "archives": ("restored_record_shows",),
    "conditional": ("another_version_is_stale", "faster_by_a_moment"),
    "idempotent_create": ("one_key_sent_twice", "sent_again_overwrites"),
    "unique": ("second_record_with_a_unique_value", "with_a_unique_value_make_one"),
    "returns_record": ("returns_the_record_as_a_read",),
    "read_batch": ("every_ref_that_is_asked", "read_in_fewer_calls"),
    "write_batch": ("more_creates_than_one_call", "batch_are_told_apart", "batch_take_fewer_calls"),
    "page_size": ("no_page_is_longer", "every_page_can_be_resumed"),
    "list_lag": ("change_shows_in_the_next",),
    "late_write": (),
    "granularity": (
        "within_the_instant_of_the_cursor",
        "of_one_instant_that_fill",
        "bears_the_time_at_which",
        "one_step",
    ),
    "Finds": ("found_by_each_field", "every_value_that_is_asked", "cunning_value", "search_that_failed"),
    "Hears": ("edit_is_heard", "delete_is_heard", "one_byte_changed", "without_its_signature", "nonsense_from"),
    "Subscribes": ("subscribing_twice", "after_unsubscribing"),
    "Associates": ("tied_are_shown_as_tied", "tying_twice"),
    "Remembers": ("overwritten_value_is_remembered",),
}
"""Ability to parts of the names of checks that would fail if it were not so."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check for one object, and what it said where it did not pass."""

    name: str
    object: str
    outcome: Literal["passed", "failed", "skipped"]
    said: str = ""


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that the connector declares of an object."""

    object: str
    name: str
    declared: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that came of it."""

    connector: str
    on: str
    """What it was tried on: "twin", or the name of an app."""
    seconds: float
    checks: tuple[Check, ...]
    abilities: tuple[Ability, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Checks by outcome."""
        return Counter(check.outcome for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """What was not as declared."""
        return tuple(check for check in self.checks if check.outcome == "failed")

    @property
    def not_exercised(self) -> tuple[Check, ...]:
        """What was skipped although the connector does not say that it lacks it."""
        skipped = (check for check in self.checks if check.outcome == "skipped")
        return tuple(check for check in skipped if not check.said.startswith("not declared"))


def examine(source: str, connector: str, on: str) -> Report:
    """Run the suite. `source`: a Python expression for the class, as it stands after `made.`.

    Raises RuntimeError with what pytest said if the suite could not be started.
    """
    noted = _Noted()
    with tempfile.TemporaryDirectory(prefix="syncd-conformance-") as folder:
        module = Path(folder) / "test_connector.py"
        module.write_text(f"{_HEAD}\n\nTestConnector = made.{source}\n", encoding="utf-8")
        words = [
            str(module),
            "--disable-plugin-autoload",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            "-q",
            "--tb=short",
        ]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = pytest.main([*words, f"--rootdir={folder}", "--import-mode=importlib"], plugins=[noted])
    if not noted.checks or code not in (0, 1):
        raise RuntimeError(said.getvalue().strip())
    return Report(connector, on, round(noted.seconds, 1), tuple(noted.checks), tuple(_abilities(noted)))


_HEAD: Final = """\
from pathlib import Path

from syncd import plugins
from syncd.testing.conformance import made"""


@dataclass
class _Noted:
    """The plugin of pytest that notes what comes of each check."""

    checks: list[Check] = field(default_factory=list)
    declared: dict[str, tuple[Capabilities, Connector]] = field(default_factory=dict)
    seconds: float = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        funcargs: Mapping[str, Any] = getattr(item, "funcargs", {})
        bench = funcargs.get("bench") or funcargs.get("crowd")
        if bench is not None:
            self.declared[bench.subject] = (bench.can, bench.connector)
        subject = str(funcargs.get("subject", ""))
        self.seconds += call.duration
        if call.when == "call" or report.outcome != "passed":
            name = item.name.partition("[")[0].removeprefix("test_").replace("_", " ")
            self.checks.append(Check(name, subject, report.outcome, _said(report)))
        return report


def _said(report: pytest.TestReport) -> str:
    """Why a check was skipped, or the last thing that it found."""
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    said = str(getattr(crash, "message", "")).partition("\n")[0]
    name, _, words = said.partition(":")
    if name != "AssertionError":
        return said
    # The checks were imported before pytest could have their asserts show values: the line itself says what was asked.
    lines = [line for entry in report.longrepr.reprtraceback.reprentries for line in entry.lines]  # type: ignore[union-attr]
    asked = next((line.strip() for line in reversed(lines) if line.strip().startswith("assert ")), "")
    return f"{asked.partition(', f')[0]}: {words.strip()}".strip(": ") or said


def _abilities(noted: _Noted) -> list[Ability]:
    found: list[Ability] = []
    for subject, (can, connector) in noted.declared.items():
        for name, evidence in _EVIDENCE.items():
            protocol = next((one for one in _ABILITIES if one.__name__ == name), None)
            declared = getattr(can, name) if protocol is None else isinstance(connector, protocol)
            found.append(Ability(subject, name, _words(declared), _verdict(noted.checks, subject, declared, evidence)))
    return found


def _words(declared: object) -> str:
    """What was declared, as a person writes it."""
    match declared:
        case bool():
            return "yes" if declared else "no"
        case timedelta():
            return f"{declared.total_seconds():g} s"
        case tuple() | list() | frozenset():
            return ", ".join(map(str, declared))
        case _:
            return str(declared)


def _verdict(checks: Sequence[Check], subject: str, declared: object, evidence: Sequence[str]) -> Verdict:
    if declared is False or declared == ():
        return "not declared"
    parts = [part.replace("_", " ") for part in evidence]
    outcomes = {check.outcome for check in checks if check.object == subject and any(p in check.name for p in parts)}
    if "failed" in outcomes:
        return "broken"
    return "shown" if "passed" in outcomes else "not exercised"
