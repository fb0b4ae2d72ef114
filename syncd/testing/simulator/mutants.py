"""Named defects of the engine: the simulator is worth what it finds. The engine itself knows nothing of them.

A mutant is the engine with one function done wrongly. It is planted by putting another function in the function's
place, in this process and for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Final
from unittest.mock import patch

from syncd.engine.world import Tally
from syncd.testing.simulator import defects as wrong
from syncd.testing.simulator.defects import Function, always

__all__ = ["MUTANTS", "Mutant", "planted", "unheld"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One defect."""

    name: str
    about: str
    finds: tuple[str, ...]
    """The promises that it is expected to break."""
    swaps: Mapping[str, Callable[[Function], Function]]
    """Where a function is looked up, as module:name, to what makes a wrong one of it."""


def _engine(**swaps: Callable[[Function], Function]) -> Mapping[str, Callable[[Function], Function]]:
    """`push__look` is the name `look` in the module `syncd.engine.push`."""
    return {f"syncd.engine.{place.replace('__', ':', 1)}": make for place, make in swaps.items()}


_ALL: Final = (
    Mutant(
        "blind write",
        "nothing is read, nor merged, before it is written over",
        ("S1",),
        _engine(push__look=wrong.writes_blindly),
    ),
    Mutant(
        "no condition",
        "an app that takes a condition with a write is given none",
        ("S1",),
        _engine(push__drafted=wrong.sends_no_condition),
    ),
    Mutant(
        "newest by clock",
        "of two values the later wins by the apps' clocks, whatever its author had been told",
        ("S2",),
        {"syncd.core.merge:_rule": wrong.asks_the_clock},
    ),
    Mutant(
        "blank wins",
        "on first contact a blank takes the place of a value",
        ("S7",),
        {"syncd.core.merge:_rule": wrong.lets_blanks_win},
    ),
    Mutant(
        "shadow before confirm",
        "a value counts as seen in the app when it is sent, not when the app has it",
        ("S2", "S3", "S7", "L1"),
        _engine(push___send=wrong.believes_itself),
    ),
    Mutant(
        "404 is deleted",
        "a record that is not shown once was deleted",
        ("S4", "S6"),
        _engine(gone__missed=wrong.believes_the_first_miss),
    ),
    Mutant(
        "no canary",
        "nobody asks whether an app that denies a record shows any at all",
        ("S6",),
        _engine(gone__sworn_read=wrong.reads_without_canaries, resolve__sworn_read=wrong.reads_without_canaries),
    ),
    Mutant(
        "no sweep",
        "only what an app says has changed is looked at, never everything",
        ("L1",),
        _engine(cycle__pull=wrong.never_lists_everything, pull___absent=always(Tally())),
    ),
    Mutant(
        "no intent",
        "what is about to be written is not durable when the app is called",
        ("S9",),
        _engine(calls__write=wrong.keeps_no_intent),
    ),
    Mutant(
        "kill forgets",
        "what a killed process had sent is taken for never sent",
        ("S3", "S4", "S9"),
        {
            "syncd.engine.resolve:recover": wrong.forgets_what_was_on_its_way,
            "syncd.testing.simulator.run:recover": wrong.forgets_what_was_on_its_way,
        },
    ),
    Mutant(
        "time-out is failure",
        "a write without an answer is taken for one that was not applied",
        ("S4", "S3"),
        _engine(outcome___doubt=wrong.takes_doubt_for_failure),
    ),
    Mutant(
        "no read-back",
        "an app is thought to keep just what it was given",
        ("S3", "L1", "S8"),
        _engine(push__store_outcomes=wrong.ignores_what_was_kept, outcome___read_back=always({})),
    ),
    Mutant(
        "resolve at once",
        "a doubt is settled by a read before a late write can have landed",
        ("S1", "S3", "S4"),
        _engine(resolve___wait=always(0.0)),
    ),
    Mutant(
        "opt-out on the record",
        "the register of opt-outs is not asked when a write is composed",
        ("S5",),
        _engine(take__heed=wrong.heeds_nothing, draft__heed=wrong.heeds_nothing, consent__heed=wrong.heeds_nothing),
    ),
    Mutant(
        "opt-out newest wins",
        "whoever spoke last is believed, also where that is an opt-in",
        ("S5",),
        {"syncd.core.merge:_consent": wrong.takes_every_opt_in},
    ),
    Mutant(
        "guessed coercion",
        "what looks like our value, cut short or in another case, is taken for it",
        ("L1",),
        _engine(take__merge=wrong.guesses_what_was_kept),
    ),
    Mutant(
        "no fuse",
        "two entities that turn out to be one stay two",
        ("L1",),
        _engine(draft__fuse=always(False), outcome__fuse=always(False), fuse__fuse=always(False)),
    ),
    Mutant(
        "own delete forgotten",
        "what syncd has deleted is missed there, and taken for deleted by a person",
        ("S4", "S6", "S8", "L1"),
        _engine(outcome__removed=wrong.forgets_its_own_delete, resolve__removed=wrong.forgets_its_own_delete),
    ),
    Mutant(
        "no search before create",
        "nobody looks whether a record is there before one is made",
        ("S4",),
        _engine(sight__find_records=wrong.looks_for_nobody),
    ),
    Mutant(
        "cursor exclusive",
        "a listing goes on after the last time it has shown, and skips what has the same",
        ("L2",),
        _engine(calls__changes=wrong.skips_equal_times),
    ),
    Mutant(
        "batch by position",
        "the outcomes of a batch are matched with its writes by their place",
        ("S3", "S4", "S9", "L1"),
        _engine(push__store_outcomes=wrong.matches_by_place),
    ),
    Mutant(
        "webhook payload trusted",
        "what an index shows of a record is believed, without a read",
        ("S3",),
        _engine(calls__changes=wrong.takes_hints_for_facts, take___again=wrong.believes_rows_though_older),
    ),
    Mutant(
        "older row believed",
        "a listed row is believed though it is older than what is known",
        ("S3", "S7"),
        _engine(take___again=wrong.believes_rows_though_older),
    ),
    Mutant(
        "hidden is blank",
        "a field that is not shown is taken for an empty one",
        ("S3", "S7"),
        _engine(calls__read=wrong.takes_hidden_for_blank),
    ),
    Mutant(
        "filter exit is delete",
        "a record that has left its filter is taken for deleted",
        ("S6",),
        _engine(take__fold=wrong.takes_leaving_for_deleting),
    ),
    Mutant(
        "duplicate hint creates",
        "a second record of somebody in one app is somebody new, and is made in the others",
        ("S4",),
        _engine(take__match=wrong.founds_a_second, draft___namesake=always(None), draft___others_record=always(False)),
    ),
    Mutant(
        "merges in doubt",
        "a record is merged from while a write to it is in doubt",
        ("S1", "S2", "S3", "S4", "S9"),
        _engine(take__in_force=always(False)),
    ),
    Mutant(
        "edit loses against delete",
        "a record is deleted though somebody has edited it since",
        ("S1", "S6", "L1"),
        _engine(take__revive=wrong.lets_deletes_win, decide__take=always(Tally())),
    ),
    Mutant(
        "hold ignored",
        "a delete that ought to wait for a yes goes out at once",
        ("S6",),
        _engine(deletes___held_back=wrong.holds_nothing),
    ),
    Mutant(
        "cap ignored",
        "any number of records is deleted within an hour",
        ("S6",),
        {"syncd.core.guard:deleting": always(None)},
    ),
    Mutant(
        "id re-use not noticed",
        "a new record with the id of a deleted one is taken for the old one",
        ("S1", "S2", "S3", "S7", "L1"),
        _engine(take__another=always(False)),
    ),
    Mutant(
        "forgotten made again",
        "whoever shows a key of somebody who was forgotten is somebody new",
        ("S13",),
        _engine(take__turn_away=always(False)),
    ),
    Mutant(
        "forgotten brought back",
        "an edit brings back whoever is to be forgotten",
        ("S13",),
        _engine(take__is_to_go=always(False), revive__is_to_go=always(False)),
    ),
    Mutant(
        "forgotten opt-out",
        "what somebody had opted out of is forgotten with them",
        ("S5", "S13"),
        _engine(forgetting___addresses=wrong.forgets_opt_outs),
    ),
    Mutant(
        "forgotten deed",
        "that syncd itself had deleted a record is forgotten with whose it was",
        ("S6",),
        _engine(fuse__is_buried=always(False)),
    ),
    Mutant(
        "undo over an edit",
        "an undo takes a change back though somebody has changed the field since",
        ("S14",),
        _engine(undo___field=wrong.undoes_over_edits),
    ),
    Mutant(
        "undo of an opt-out",
        "an undo takes an opt-out back as it does any value",
        ("S5", "S14"),
        _engine(undo___field=wrong.undoes_opt_outs),
    ),
    Mutant(
        "undo not as shown",
        "an undo is carried out though it comes to something else than was shown",
        ("S14",),
        {"syncd.testing.simulator.words:carry_out": wrong.undoes_what_it_is_now},
    ),
    Mutant(
        "apart forgotten",
        "nobody remembers of whom a person has said that a record is not theirs",
        ("S15",),
        _engine(take__is_strange=always(False)),
    ),
)

MUTANTS: Final[Mapping[str, Mutant]] = MappingProxyType({mutant.name: mutant for mutant in _ALL})
"""By name."""

_HELD: Final = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "syncd.engine.take:agreed",
                "syncd.engine.take:one_each",
                "syncd.engine.outcome:one_each",
                "syncd.engine.outcome:expected",
                "syncd.engine.promises:composed",
                "syncd.engine.promises:leaving",
                "syncd.engine.remedies:sound_log",
            ),
            always(None),
        ),
    }
)


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The engine with this defect, in this process, until the end. Raises KeyError for an unknown name."""
    if name not in MUTANTS:
        raise KeyError(f"there is no mutant {name!r}; there are: {', '.join(MUTANTS)}")
    with _swapped(MUTANTS[name].swaps):
        yield


@contextmanager
def unheld() -> Iterator[None]:
    """The engine without its own look at its promises: what is found now is found from outside."""
    with _swapped(_HELD):
        yield


@contextmanager
def _swapped(swaps: Mapping[str, Callable[[Function], Function]]) -> Iterator[None]:
    with ExitStack() as stack:
        for place, make in swaps.items():
            where, _, name = place.partition(":")
            module = import_module(where)
            stack.enter_context(patch.object(module, name, make(getattr(module, name))))
        yield
