"""How much the simulator finds: each mutant, found again within five times the seeds that its record says."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Final

from syncd.errors import StoreError
from syncd.testing.simulator.fates import Endless
from syncd.testing.simulator.mutants import MUTANTS, planted, unheld
from syncd.testing.simulator.run import Simulation

__all__ = ["RECORDS", "SLACK", "Found", "Record", "add_to", "check", "known", "mutants", "promise", "search", "told"]

SLACK: Final = 5
"""A mutant may take so many times its record."""
_LUCK: Final = 10
"""Fewer seeds than that are luck."""
_STOPPED: Final = 130


@dataclass(frozen=True, slots=True)
class Record:
    """How a mutant was found, from seed 0 of a profile on."""

    profile: str
    seeds: int
    """How many were told until one broke a promise that the mutant is expected to break."""
    broken: tuple[str, ...]
    """The promises that it broke."""
    held: bool
    """It is found by the engine's own look at its promises; else from outside, with that look switched off."""

    @property
    def bound(self) -> int:
        """How many seeds it may take."""
        return SLACK * max(self.seeds, _LUCK)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one search."""

    name: str
    seeds: int
    """How many were told."""
    seed: int | None
    """The one that broke a promise; None where none did."""
    violations: tuple[str, ...]
    bound: int


def _records() -> Mapping[str, Record]:
    text = files("syncd.testing.simulator").joinpath("mutants.toml").read_text(encoding="utf-8")
    return {
        name: Record(told["profile"], told["seeds"], tuple(told["broken"]), told.get("held", False))
        for name, told in tomllib.loads(text).items()
    }


RECORDS: Final = _records()
"""By the name of the mutant."""


def known(names: Iterable[str]) -> list[str]:
    """These names, or all of them where there are none. Raises KeyError for one that is no mutant's."""
    asked = list(names) or list(MUTANTS)
    for name in asked:
        if name not in MUTANTS:
            raise KeyError(f"there is no mutant {name!r}; there are: {', '.join(MUTANTS)}")
    return asked


def check(names: Iterable[str]) -> Iterator[Found]:
    """Search for each of these mutants, or for all, as far as its record allows. Raises KeyError for an unknown one."""
    for name in known(names):
        record = RECORDS[name]
        yield search(name, record.profile, record.bound, held=record.held)


def search(name: str, profile: str, most: int, *, held: bool) -> Found:
    """Tell at most so many seeds to a mutant, until one breaks a promise that it is expected to break, and that the
    engine without it keeps.

    With `held`, the engine's own look at its promises is believed, too; else it is switched off.
    """
    expected = MUTANTS[name].finds
    for seed in range(most):
        violations = told(seed, profile, name, held=held)
        if any(promise(one) in expected for one in violations) and not told(seed, profile):
            return Found(name, seed + 1, seed, violations, most)
    return Found(name, most, None, (), most)


def promise(violation: str) -> str:
    """Which promise a violation is of."""
    return re.split("[:,]", violation, maxsplit=1)[0]


def told(seed: int, profile: str, name: str = "", *, held: bool = True) -> tuple[str, ...]:
    """What a story breaks, told to a mutant or, without a name, to the engine as it is."""
    with ExitStack() as stack:
        if name:
            stack.enter_context(planted(name))
        if not held:
            stack.enter_context(unheld())
        try:
            return Simulation(seed, profile=profile).run().violations
        except Endless as endless:
            return (f"L1: it never comes to rest: {endless}",)
        except StoreError as refused:
            return (f"S4: the store takes no more: {refused}",)


# --- the command ---------------------------------------------------------------------------------------------------


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Offer `mutants` among the commands of `python -m syncd.testing`."""
    parser = commands.add_parser("mutants", help="defects that the simulator must find: list them, or search for them")
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help="these alone (default: all)")
    parser.add_argument("--check", action="store_true", help=f"search for each, in at most {SLACK} times its record")
    parser.add_argument("--json", action="store_true", help="print what came of it as JSON")
    parser.set_defaults(act=mutants)


def mutants(asked: argparse.Namespace) -> int:
    """List the mutants or search for them; the exit code: 1 where one was not found, 130 after Ctrl-C."""
    names = known(asked.names)
    if not asked.check:
        listed = [_listed(name) for name in names]
        print(json.dumps({"mutants": listed}, indent=2) if asked.json else "\n".join(_table(names)))
        return 0
    results: list[Found] = []
    try:
        for found in check(names):
            results.append(found)
            if not asked.json:
                print(_line(found), flush=True)
    except KeyboardInterrupt:
        return _STOPPED
    missed = [found.name for found in results if found.seed is None]
    total = sum(found.seeds for found in results)
    if asked.json:
        searched = [asdict(found) for found in results]
        print(json.dumps({"searched": searched, "missed": missed, "seeds": total}, indent=2))
    else:
        print(f"{len(results) - len(missed)} of {len(results)} mutants were found, in {total:,} seeds")
    return 1 if missed else 0


def _name(text: str) -> str:
    try:
        return known([text])[0]
    except KeyError as unknown:
        raise argparse.ArgumentTypeError(unknown.args[0]) from unknown


def _listed(name: str) -> dict[str, object]:
    mutant, record = MUTANTS[name], RECORDS[name]
    return {"name": name, "about": mutant.about, "expected": mutant.finds, **asdict(record), "bound": record.bound}


def _table(names: Sequence[str]) -> Iterator[str]:
    wide = max(len(name) for name in names)
    for name in names:
        record = RECORDS[name]
        yield f"{name:{wide}}  {MUTANTS[name].about}"
        seeds = "1 seed" if record.seeds == 1 else f"{record.seeds:,} seeds"
        who = ", by the engine itself" if record.held else ""
        yield f"{'':{wide}}  found in {seeds} of {record.profile}: {', '.join(record.broken)}{who}"


def _line(found: Found) -> str:
    if found.seed is None:
        return f"{found.name}: not found in {found.seeds:,} seeds of {RECORDS[found.name].profile}"
    return f"{found.name}: found after {found.seeds:,} of at most {found.bound:,} seeds: {found.violations[0]}"
