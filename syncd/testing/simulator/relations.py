"""Relations between two tellings of one tape: what may change in the telling and must not change what comes of it.

Where the right end of a story is hard to know, it is still known that two stories must end alike. Each relation below
says why. People act spaced (see `spaced`), so that no end depends on who was faster; what an app shows of a person, who
is there twice, who is opted out, what is asked, and what is agreed must be the same. Writes must be the same too, save
where a relation says that they may rise: then by no more than S8 allows, which every telling is asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from syncd.testing.simulator.acts import Act, Circumstances, End, Ground
from syncd.testing.simulator.spaced import Telling

__all__ = ["RELATIONS", "Difference", "Relation", "compare"]

Change: TypeAlias = Callable[[random.Random, Telling], Sequence[Circumstances]]
"""How else to tell what was told: one or more ways, drawn with this chance."""

_SHRINKS: Final = 40


@dataclass(frozen=True, slots=True)
class Relation:
    """A named relation. `more_writes`: other circumstances may cost more writes, or fewer, within S8."""

    name: str
    change: Change
    ground: Ground = field(default_factory=Ground)
    more_writes: bool = False

    @property
    def why(self) -> str:
        """Why it must hold."""
        return (self.change.__doc__ or "").strip()


@dataclass(frozen=True, slots=True)
class Difference:
    """A tape whose tellings ended differently, with no act in it that does not matter."""

    relation: str
    seed: int
    circumstances: Circumstances
    acts: tuple[Act, ...]
    what: tuple[str, ...]
    first: tuple[str, ...]
    """The first telling, line by line."""
    second: tuple[str, ...]


RELATIONS: dict[str, Relation] = {}
"""By name."""


def _relation(ground: Ground | None = None, *, more_writes: bool = False) -> Callable[[Change], Change]:
    def named(change: Change) -> Change:
        name = getattr(change, "__name__", "").replace("_", "-")
        RELATIONS[name] = Relation(name, change, ground or Ground(), more_writes)
        return change

    return named


# --- the relations -------------------------------------------------------------------------------------------------


@_relation()
def told_again(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """Nothing is changed. The same story ends the same, and every promise is kept in it."""
    del chance, told
    return [Circumstances()]


@_relation(more_writes=True)
def order_of_apps(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """Apps are polled and written to in another order. Who wins is named in the mapping, and never who came first."""
    places = list(range(len(told.apps)))
    return [
        Circumstances(order=tuple(reversed(places))),
        Circumstances(order=tuple(chance.sample(places, len(places)))),
    ]


@_relation()
def names_and_ids(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """Apps and records are called otherwise. A name says nothing: rank comes from the mapping, identity from links."""
    names = [f"{letter}{name}" for letter, name in zip(chance.sample("amz", 3), ("crm", "news", "shop"), strict=True)]
    called = dict(zip(("crm", "news", "shop"), names, strict=True))
    return [Circumstances(names={name: called[name] for name in told.apps}, ids_from=chance.choice([7, 97]))]


@_relation(Ground(declared=False))
def webhooks_twice(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """Every webhook comes twice, or five times. It is a hint: what counts is what the read behind it shows."""
    del told
    return [Circumstances(told=chance.choice([2, 5]))]


@_relation(more_writes=True)
def webhooks_at_the_end(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """All webhooks come when all is over. Sweeps have found everything, and an old hint shows no old value."""
    del chance, told
    return [Circumstances(late=True)]


@_relation(Ground(told=True, steady=True), more_writes=True)
def webhooks_or_polls(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """Only polls, or only webhooks until the last comparison, or both: each way every edit is seen before the next."""
    del chance, told
    return [Circumstances(told=0), Circumstances(polls=False)]


@_relation(Ground(told=True), more_writes=True)
def a_sweep_anywhere(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """Everything is compared once more, before any act. What is as it was seen is no news, so nothing is done."""
    places = range(len(told.acts or ()) + 1)
    return [Circumstances(sweeps=frozenset(chance.sample(places, min(len(places), 3))))]


@_relation(more_writes=True)
def a_kill_anywhere(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """The process dies at any call or commit. What is durable is enough to go on: work is repeated, never lost."""
    often = tuple(chance.randrange(1, 40) for _ in range(6))
    return [
        *(Circumstances(kills=(chance.randrange(1, max(2, told.passed)),)) for _ in range(3)),
        Circumstances(kills=often),
    ]


@_relation(Ground(declared=False))
def another_time(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """All clocks are shifted alike. Only the time between two things may count, never the date."""
    del told
    return [Circumstances(shift=chance.choice([-1_000_000_000.0, -86_399.0, 12_345.0, 400 * 86_400.0]))]


@_relation(Ground(declared=False))
def another_chance(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """Keys of writes, ids of entities and jitter are others. They are names and pauses, and decide nothing."""
    del told
    return [Circumstances(chance=chance.randrange(1, 1 << 32))]


@_relation(Ground(declared=False))
def a_restored_backup(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """At a quiet point syncd goes on from a copy of its store. All it knows is in there, or can be read again."""
    quiet = [place + 1 for place, act in enumerate(told.acts or ()) if act.rests]
    return [Circumstances(restored=frozenset(chance.sample(quiet, min(len(quiet), 2))))]


@_relation()
def an_unmapped_field(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """People also edit a field that no mapping names. Versions and times move, and no value that syncd keeps does."""
    del chance, told
    return [Circumstances(unmapped=True)]


@_relation(more_writes=True)
def an_app_that_is_only_read(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """One more app is only read, and nobody works there. It has no say, and is given nothing."""
    del chance, told
    return [Circumstances(onlooker=True)]


@_relation(Ground(declared=False))
def sizes_of_batches(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """One at a time, or a hundred. A batch is a way to ask, and each item has an outcome of its own."""
    del chance, told
    return [Circumstances(batch=1, page=1), Circumstances(batch=100, page=100)]


@_relation(Ground(declared=False))
def dicts_or_a_database(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """The store in plain dicts and the one in a file keep one contract, and the engine sees nothing else of it."""
    del chance, told
    return [Circumstances(database=True)]


@_relation(more_writes=True)
def order_of_rows(chance: random.Random, told: Telling) -> Sequence[Circumstances]:
    """The rows of a page come in another order. Each is about another record, and none waits for its turn."""
    del chance, told
    return [Circumstances(shuffled=True)]


# --- comparing -----------------------------------------------------------------------------------------------------


def compare(relations: Sequence[Relation], seed: int) -> Iterator[tuple[Relation, int, list[Difference]]]:
    """Tell one seed in every way of each relation: how many tellings it took, and which of them ended otherwise."""
    told: dict[Ground, tuple[Telling, End]] = {}
    for relation in relations:
        if relation.ground not in told:
            telling = Telling(seed, ground=relation.ground)
            told[relation.ground] = (telling, telling.end())
        first, end = told[relation.ground]
        acts, changes = tuple(first.acts or ()), relation.change(random.Random(seed), first)
        yield relation, 1 + len(changes), list(_differences(relation, seed, end, acts, changes))


def _differences(
    relation: Relation, seed: int, end: End, acts: tuple[Act, ...], changes: Sequence[Circumstances]
) -> Iterator[Difference]:
    for change in changes:
        second = Telling(seed, ground=relation.ground, circumstances=change, acts=acts)
        if any(_unlike(relation, end, second.end())):
            yield _shrunk(relation, seed, change, acts)


def _unlike(relation: Relation, first: End, second: End) -> Iterator[str]:
    if not first.violations or relation.name == "told-again":
        yield from second.violations
    for app, shown in first.shown.items():
        yield from _parts(f"{app} shows", shown, second.shown[app])
    yield from _parts("agreed is", first.agreed, second.agreed)
    yield from _parts("opted out is", first.opted_out, second.opted_out)
    yield from _parts("asked is", first.asked, second.asked)
    if not relation.more_writes:
        yield from _parts("writes are", tuple(first.writes.items()), tuple(second.writes.items()))


def _parts(what: str, first: Sequence[object], second: Sequence[object]) -> Iterator[str]:
    """What is in one and not in the other, each as often as it is."""
    if list(first) == list(second):
        return
    for mine, other, where in ((first, second, "first"), (second, first, "second")):
        left = list(other)
        for one in mine:
            if one in left:
                left.remove(one)
            else:
                yield f"{what} {one}, only in the {where} telling"


def _shrunk(relation: Relation, seed: int, change: Circumstances, acts: tuple[Act, ...]) -> Difference:
    """The same difference with as few acts as can be, and both tellings of them."""
    for _ in range(_SHRINKS):
        fewer = next((one for one in _fewer(acts) if _tellings(relation, seed, change, one)[2]), None)
        if fewer is None:
            break
        acts = fewer
    first, second, what = _tellings(relation, seed, change, acts)
    return Difference(relation.name, seed, change, acts, what, tuple(first.tape), tuple(second.tape))


def _fewer(acts: tuple[Act, ...]) -> Iterator[tuple[Act, ...]]:
    """With one act less each; a rest that came after it comes after the one before it."""
    for place in range(len(acts) - 1, -1, -1):
        before, after = acts[:place], acts[place + 1 :]
        if before and acts[place].rests:
            before = (*before[:-1], replace(before[-1], rests=True))
        if before or after:
            yield (*before, *after)


def _tellings(
    relation: Relation, seed: int, change: Circumstances, acts: tuple[Act, ...]
) -> tuple[Telling, Telling, tuple[str, ...]]:
    first = Telling(seed, ground=relation.ground, acts=acts)
    second = Telling(seed, ground=relation.ground, circumstances=change, acts=acts)
    return first, second, tuple(_unlike(relation, first.end(), second.end()))
