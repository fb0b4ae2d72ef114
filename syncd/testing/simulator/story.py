"""A story for a reader: what was drawn, then all that happened, with what syncd wrote and noted at each moment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from syncd.core.record import Create, Delete, Update, Write
from syncd.store.values import Entry
from syncd.testing.simulator.app import MANNERS, SimApp
from syncd.testing.simulator.run import START, Simulation
from syncd.testing.simulator.tape import Tape, ended, planted

__all__ = ["HELD", "written"]

HELD: Final = "every promise was held to"

_AT: Final = 7
"""The width of a time."""
_LONG: Final = re.compile(r"\b[ew][0-9a-f]{20}\b")
"""Numbers of entities and of writes: the first digits tell them apart."""


def written(tape: Tape) -> str:
    """The story that the tape tells, in lines; it is told once more for this."""
    steps = None if tape.steps is None else frozenset(tape.steps)
    with planted(tape.mutant):
        story = _Narrated(tape.seed, tape.store, tape.profile, steps, tape.without)
        drawn = list(_drawn(tape, story))
        came = ended(story)
        story.catch_up()
    raised = [came.raised] if came.raised else []
    return "\n".join([*drawn, "", *story.lines, "", *raised, *(came.violations or [HELD]), ""])


@dataclass
class _Narrated(Simulation):
    """The same story, written down with what syncd does meanwhile."""

    def __post_init__(self) -> None:
        self.lines: list[str] = []
        self._read = 0
        super().__post_init__()
        self.fates.heard = lambda fault: self._note(f"! {fault}")

    def say(self, line: str) -> None:
        """What was noted until now comes first."""
        self.catch_up()
        super().say(line)
        self.lines.append(f"{self._at():>{_AT}} {line}")

    def catch_up(self) -> None:
        """What syncd has noted since."""
        with self.store.read() as tx:
            fresh = tx.log.find(after=self._read, limit=1_000_000)
        for entry in reversed(fresh):
            self._read = entry.seq
            self._note(f". {_entry(entry)}", entry.at)

    def _watch(self, app: SimApp, writes: Sequence[Write]) -> None:
        self.catch_up()
        for write in writes:
            self._note(f"> {app.name} is sent {_write(write)}")
        super()._watch(app, writes)

    def _note(self, line: str, at: float | None = None) -> None:
        self.lines.append(f"{self._at() if at is None else f'{at - START:.0f}':>{_AT}}     {_LONG.sub(_short, line)}")

    def _at(self) -> str:
        return f"{self.clock.now() - START:.0f}"


def _drawn(tape: Tape, story: Simulation) -> Iterator[str]:
    """What the seed has drawn, before anything happens."""
    mutant = f", mutant {tape.mutant}" if tape.mutant else ""
    yield f"seed {tape.seed}, profile {tape.profile}, store {tape.store}{mutant}"
    told = story.length if tape.steps is None else len(tape.steps)
    yield f"steps: {told} of {story.length}{'' if tape.steps is None else f': {_numbers(tape.steps)}'}"
    faults = story.fates.profile
    on = [f"{f.name} {rate:.3g}" for f in fields(faults) if (rate := getattr(faults, f.name))]
    yield f"faults: {', '.join(on) or 'none'}"
    for app in story.apps.values():
        yield f"app {app.name}: {', '.join(_app(app))}"
    sync = story.sync
    seed = f"seed {sync.seed.value} {' > '.join(sync.seed_order)}"
    yield f"mapping: {seed}, deletes {sync.deletes.value}, creates in {', '.join(sorted(sync.creates)) or 'none'}"
    for rule in sync.rules.values():
        ways = [f"{name} is {way.name.lower()}" for name, way in rule.ways.items() if way.name != "BOTH"]
        declared = [f"{name} declared" for name, lens in rule.lenses.items() if getattr(lens, "declared", None)]
        sources = [f"consent source {name}" for name in sorted(rule.consent_sources)]
        facts = [f"policy {rule.policy.value}", f"blank {rule.blank.value}", *ways, *declared, *sources]
        yield f"  {rule.name}: {', '.join(facts)}"
    if sync.filters:
        yield f"  filter: {sync.digest}"
    yield f"limits: {story.limits}"
    yield 'lines: seconds, what happens; "!" a fault strikes, ">" a write is sent, "." the change log notes'


def _app(app: SimApp) -> Iterator[str]:
    able = app.capabilities
    for name in ("incremental", "conditional", "returns_record", "archives"):
        yield name if getattr(able, name) else f"not {name}"
    yield f"deletes {able.deletes.value}"
    if able.unique:
        yield f"unique {', '.join(able.unique)}"
    yield f"reads {able.read_batch}, writes {able.write_batch}, pages {able.page_size}"
    yield f"granularity {able.granularity.total_seconds():g} s"
    if able.list_lag:
        yield f"index lags {able.list_lag.total_seconds():g} s"
    yield "searches" if app.finds else "no search"
    yield "webhooks" if app.calls_back else "no webhooks"
    if app.merges_anew:
        yield "a merge makes a third record"
    if app.skew:
        yield f"its clock is {app.skew:+g} s"
    for name, manner in app.keeps.items():
        yield f"{name}: {next(called for called, known in MANNERS.items() if known is manner)}"
    if app.picky:
        yield f"refuses note {', '.join(sorted(app.picky))}"
    if app.poison:
        yield f"refuses {app.poison}"


def _write(write: Write) -> str:
    match write:
        case Create():
            return f"create {dict(write.fields)} ({write.key})"
        case Update():
            expect = f", if it is still {write.expect.token}" if write.expect is not None else ""
            return f"update {write.ref.id} {dict(write.patch)}{expect} ({write.key})"
        case Delete():
            return f"delete {write.ref.id} ({write.key})"


def _entry(entry: Entry) -> str:
    place = str(entry.ref) if entry.ref is not None else entry.app
    about = " ".join(part for part in (f"{entry.seq}", entry.event.value, place, str(entry.entity or "")) if part)
    told = "; ".join(f"{name}: {_what(what)}" for name, what in entry.fields.items())
    return " | ".join(part for part in (about, " ".join(entry.note.split()), told) if part)


def _what(what: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" if name != "verdict" else str(value) for name, value in what.items())


def _short(number: re.Match[str]) -> str:
    return number[0][:6]


def _numbers(steps: Sequence[int]) -> str:
    return ", ".join(str(step) for step in steps)
