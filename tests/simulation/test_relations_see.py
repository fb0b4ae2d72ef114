"""Each relation sees a defect that its circumstances bring out, and that telling the story again does not show.

A relation that holds says something only where it could have failed: here is, for each of them, an engine with which
it does.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias
from unittest.mock import patch

import pytest

from syncd.core.record import Record, Ref
from syncd.engine import cycle
from syncd.engine.pull import pull, read_hints
from syncd.engine.world import Tally
from syncd.store.memory import MemoryStore
from syncd.store.memory._records import Links
from syncd.store.memory._work import Hints
from syncd.testing.simulator.mutants import planted, unheld
from syncd.testing.simulator.relations import RELATIONS, compare
from syncd.testing.simulator.run import START

pytestmark = pytest.mark.unmeasured

Defect: TypeAlias = Callable[[], AbstractContextManager[object]]


def swapped(place: str, make: Callable[[Any], Any]) -> Defect:
    """A function of the engine, by module:name, with another in its place."""
    module, _, name = place.partition(":")
    return lambda: patch(f"{module}.{name}", make(getattr(import_module(module), name)))


def mutant(name: str) -> Defect:
    """One of the simulator's."""
    return partial(planted, name)


# --- the defects ----------------------------------------------------------------------------------------------------


def remembers_another_life(push: Any) -> Any:
    """What was written at a time is not written at that time again, though it was another process that did."""
    done: set[tuple[str, float]] = set()

    def remembering(world: Any, app: str) -> Tally:
        now = (app, world.clock.now())
        if now in done:
            return Tally()
        done.add(now)
        written: Tally = push(world, app)
        return written

    return remembering


def has_favourites(payable: Any) -> Any:
    """Only whose number begins with an even digit is told anything."""
    return lambda *given, **named: [one for one in payable(*given, **named) if one.entity[1] in "02468ace"]


def minds_an_onlooker(tend: Any) -> Any:
    """Where there is an app that may only be read, none is written to."""
    return lambda world, app: (Tally(), 0.0) if any(a.read_only for a in world.apps.values()) else tend(world, app)


def reads_one_page(changes: Any) -> Any:
    """What does not fit on the first page is not listed."""
    return lambda *given: itertools.islice(changes(*given), 1)


def hears_the_first_for_all(changes: Any) -> Any:
    """Where the first row of a page is opted out, the whole page is."""

    def deafened(*given: Any) -> Iterator[Any]:
        for page in changes(*given):
            out = page.rows and isinstance(page.rows[0], Record) and page.rows[0].fields.get("out") is True
            rows = [
                replace(row, fields={**row.fields, "out": True}) if out and isinstance(row, Record) else row
                for row in page.rows
            ]
            yield replace(page, rows=tuple(rows))

    return deafened


def forgets_the_first(push: Any) -> Any:
    """Nothing is written to the app that is named first."""
    return lambda world, app: Tally() if app == next(iter(world.apps)) else push(world, app)


def lists_only_whole(pull_app: Any) -> Any:
    """Only whole comparisons list anything."""
    return lambda world, app, *, whole=False: pull_app(world, app, whole=True) if whole else (Tally(), 0.0)


def expires(push: Any) -> Any:
    """A year after the first story, nothing is written any more."""
    return lambda world, app: Tally() if abs(world.clock.now() - START) > 365 * 86_400 else push(world, app)


def knows_names(push: Any) -> Any:
    """Nothing is written to an app whose name begins with the first of the letters, or the last."""
    return lambda world, app: Tally() if app[0] in "az" else push(world, app)


@contextmanager
def is_content_with_a_sweep() -> Iterator[None]:
    """Who has compared everything looks no more until everything is compared again."""
    swept: list[object] = []

    def content(world: Any) -> bool:
        return any(one is world.store for one in swept)

    def pulls(world: Any, sync: Any, app: str, *, whole: bool = False) -> Tally:
        if whole:
            swept.append(world.store)
        return Tally() if content(world) and not whole else pull(world, sync, app, whole=whole)

    def reads(world: Any, app: str) -> Tally:
        return Tally() if content(world) else read_hints(world, app)

    with patch.object(cycle, "pull", pulls), patch.object(cycle, "read_hints", reads):
        yield


@contextmanager
def starts_afresh_when_told_twice() -> Iterator[None]:
    """What is heard of twice is known no more."""
    add = Hints.add

    def adds(self: Any, refs: Iterable[Ref], due: float) -> None:
        for ref in refs:
            link = self._tables.links.get(("people", ref))
            if link is not None and self._tables.hints.get(ref, (0.0, 0))[0] == due:
                self._tables.put(self._tables.links, ("people", ref), replace(link, seen={}))
            add(self, [ref], due)

    with patch.object(Hints, "add", adds):
        yield


@contextmanager
def copies_no_opt_outs() -> Iterator[None]:
    """A backup lacks the register."""
    copy = MemoryStore.copy

    def lacking(self: MemoryStore, target: Path) -> None:
        copy(self, target)
        with closing(sqlite3.connect(target)) as db, db:
            db.execute("DELETE FROM opt_out")

    with patch.object(MemoryStore, "copy", lacking):
        yield


@contextmanager
def misses_nobody_in_dicts() -> Iterator[None]:
    """The store in dicts knows of nobody who is to be looked at again."""
    with patch.object(Links, "missing", lambda *_: []):
        yield


SEES: Final[dict[str, tuple[Defect, str, Sequence[int]]]] = {
    "told-again": (swapped("syncd.engine.cycle:push", remembers_another_life), "", [0]),
    "order-of-apps": (swapped("syncd.engine.cycle:push", forgets_the_first), "another-chance", [0]),
    "names-and-ids": (swapped("syncd.engine.cycle:push", knows_names), "told-again", [0]),
    "webhooks-twice": (starts_afresh_when_told_twice, "told-again", [0]),
    "webhooks-at-the-end": (mutant("no sweep"), "told-again", [0]),
    "webhooks-or-polls": (swapped("syncd.engine.cycle:pull_app", lists_only_whole), "told-again", [0]),
    "a-sweep-anywhere": (is_content_with_a_sweep, "told-again", [1]),
    "a-kill-anywhere": (mutant("no intent"), "another-chance", [0]),
    "another-chance": (swapped("syncd.engine.push:payable", has_favourites), "sizes-of-batches", [0]),
    "an-unmapped-field": (mutant("blind write"), "told-again", [3]),
    "an-app-that-is-only-read": (swapped("syncd.engine.cycle:tend", minds_an_onlooker), "told-again", [0]),
    "sizes-of-batches": (swapped("syncd.engine.calls:changes", reads_one_page), "told-again", [1]),
    "order-of-rows": (swapped("syncd.engine.calls:changes", hears_the_first_for_all), "another-chance", [1]),
    "another-time": (swapped("syncd.engine.cycle:push", expires), "told-again", [0]),
    "a-restored-backup": (copies_no_opt_outs, "", [0]),
    "dicts-or-a-database": (misses_nobody_in_dicts, "told-again", [3]),
}
"""By relation: the defect that it sees, the relation that does not see it, and the seeds of which one is enough."""


@pytest.mark.parametrize("name", SEES)
def test_each_relation_sees_a_defect_that_another_does_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.testing.simulator.relations._SHRINKS", 0)
    defect, other, seeds = SEES[name]
    with defect(), unheld():
        assert any(differs(name, seed) for seed in seeds)
        assert not other or not any(differs(other, seed) for seed in seeds)


def test_there_is_a_defect_for_every_relation() -> None:
    assert set(SEES) == set(RELATIONS)


def differs(name: str, seed: int) -> bool:
    """Whether one of the tellings of this relation ends otherwise."""
    return any(told for _, _, told in compare([RELATIONS[name]], seed))
