"""A tape: what must be known to tell a story again, which steps and faults it needs, and what came of it."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from syncd.testing.simulator.run import Outcome, Simulation, StoreKind

__all__ = ["Ended", "Tape", "again", "ended", "kind", "load", "planted", "save", "tell"]

_PROMISE = re.compile(r"[SL]\d+\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """One story, as a file."""

    seed: int
    profile: str = "swarm"
    store: StoreKind = "memory"
    mutant: str = ""
    """The defect that is planted while it is told; "" for none."""
    steps: tuple[int, ...] | None = None
    """The steps that are told; None for all."""
    without: tuple[str, ...] = ()
    """The faults that are switched off."""
    violations: tuple[str, ...] = ()
    trace: str = ""

    def begin(self) -> Simulation:
        """The story, yet to be told."""
        steps = None if self.steps is None else frozenset(self.steps)
        return Simulation(self.seed, self.store, self.profile, steps, self.without)


class Ended(NamedTuple):
    """What a story came to."""

    violations: tuple[str, ...]
    trace: str
    raised: str = ""
    """Where the engine broke."""


def tell(seed: int, tape: Tape) -> Outcome:
    """Run one seed in the manner of the tape: profile, store, mutant. What the engine raises is raised."""
    with planted(tape.mutant):
        return replace(tape, seed=seed).begin().run()


def again(tape: Tape) -> Tape:
    """Tell it; the same tape with what came of it this time. An engine that breaks is a violation like any other."""
    with planted(tape.mutant):
        came = ended(tape.begin())
    return replace(tape, violations=came.violations, trace=came.trace)


def ended(story: Simulation) -> Ended:
    """Run it to its end, whatever that is."""
    try:
        outcome = story.run()
    except Exception as raised:  # noqa: BLE001 - whatever the engine raises is what came of the story
        return Ended((f"{type(raised).__name__}: {raised}",), "", traceback.format_exc())
    return Ended(outcome.violations, outcome.trace)


def planted(mutant: str) -> AbstractContextManager[None]:
    """The defect of that name, while this is open; none for ""."""
    if not mutant:
        return nullcontext()
    from syncd.testing.simulator.mutants import planted as plant  # they know all of the engine; most runs plant none

    return plant(mutant)


def kind(violations: Iterable[str]) -> str:
    """Which promise was broken first: "S4" for "S4: crm is given a second record"; "" where none was."""
    for violation in violations:
        promise = _PROMISE.match(violation)
        return promise[0] if promise else violation.partition(":")[0]
    return ""


def save(tape: Tape, path: Path) -> None:
    """Write it as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(tape), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> Tape:
    """Read it. Raises OSError where it cannot be read, ValueError where it is no tape."""
    return TypeAdapter(Tape).validate_json(path.read_bytes())
