"""What became of a run on twins, asked of their own oracles and not of syncd: they know who put each value where."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from syncd.core.fieldmap import Sync
from syncd.core.lens import view
from syncd.core.match import keys
from syncd.core.record import Fields, Value
from syncd.engine.world import World
from syncd.testing.twin import Journal, JournalEntry

__all__ = [
    "Marks",
    "Seat",
    "Summary",
    "Watched",
    "agreed",
    "by_address",
    "losses",
    "marks",
    "overwritten_at_once",
    "summary",
]


class Watched(Protocol):
    """What is asked of a twin, whether it lives in this process or in another."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held while it is asked."""
        ...

    @property
    def journal(self) -> Journal:
        """Everything that ever stood in it."""
        ...

    @property
    def calls(self) -> Mapping[str, int]:
        """How often each kind of call came in."""
        ...

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Everything that lives there now."""
        ...


class Seat(Protocol):
    """One app that is watched."""

    @property
    def name(self) -> str:
        """What the app is called in the configuration."""
        ...

    @property
    def object(self) -> str:
        """The object whose records are looked at."""
        ...

    @property
    def types(self) -> Mapping[str, str]:
        """Canonical field to the app's own, for what its people type."""
        ...

    @property
    def twin(self) -> Watched:
        """The app itself."""
        ...


@dataclass(frozen=True, slots=True)
class Marks:
    """Where each oracle stood at a moment: entries in its journal, calls it had taken."""

    entries: Mapping[str, int]
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How it ended, in figures."""

    edits: int
    """Values that people typed into mapped fields."""
    mirrored: int
    """Of those, how many came to stand in the other app."""
    conflicts: int
    """Values that lost against another one typed at the same time; they are in the change log."""
    lost: int
    """Values that stand nowhere and are in no log. The one honest figure is 0."""
    duplicates: int
    resubscribed: int
    echoes: int
    """Writes in two whole comparisons after all was quiet."""
    converged: bool
    calls_per_change: float
    """API calls of all apps together, polling included, for each value that was mirrored."""


def marks(actors: Sequence[Seat]) -> Marks:
    """Where the oracles stand now."""
    calls = sum(sum(actor.twin.calls.values()) for actor in actors)
    return Marks({actor.name: len(actor.twin.journal.entries) for actor in actors}, calls)


def by_address(actors: Sequence[Seat], sync: Sync) -> dict[str, dict[str, list[str]]]:
    """Match key to app to the ids of its records: more than one is a duplicate."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for actor in actors:
        for id, fields in _everybody(actor, sync):
            for _, address in keys(sync, fields)[:1]:
                found[address][actor.name].append(id)
    return found


def agreed(actors: Sequence[Seat], sync: Sync) -> bool:
    """Do all apps show the same of everybody, in canonical terms?"""
    shown: dict[str, dict[str, Fields]] = defaultdict(dict)
    for actor in actors:
        for _, fields in _everybody(actor, sync):
            for _, address in keys(sync, fields)[:1]:
                shown[address][actor.name] = fields
    return all(len(apps) == len(actors) and _same(sync, list(apps.values())) for apps in shown.values())


def summary(
    world: World,
    sync: Sync,
    actors: Sequence[Seat],
    left: Mapping[str, float],
    start: Marks,
    end: Marks,
    began: float,
    echoes: int,
) -> Summary:
    """Everything between two marks, judged.

    `left`: address to when its owner opted out. `began`: when the first mark was set, in seconds since the epoch.
    """
    typed = [entry for actor in actors for entry in _typed(actor, start)]
    arrived = {actor.name: _written(actor, start) for actor in actors}
    mirrored = sum(_mirrored(app, value, arrived) for app, value, _ in typed)
    addresses = by_address(actors, sync)
    return Summary(
        edits=len(typed),
        mirrored=mirrored,
        conflicts=_contested(world, began),
        lost=len(losses(world, actors, start, began)),
        duplicates=sum(len(ids) - 1 for apps in addresses.values() for ids in apps.values()),
        resubscribed=sum(_brought_back(sync, left, actor, addresses) for actor in actors),
        echoes=echoes,
        converged=agreed(actors, sync),
        calls_per_change=round((end.calls - start.calls) / max(1, mirrored), 2),
    )


def losses(world: World, actors: Sequence[Seat], start: Marks, began: float) -> list[tuple[str, str]]:
    """App and value of everything a person typed since the mark that stands nowhere else and is in no log."""
    arrived = {actor.name: _written(actor, start) for actor in actors}
    logged = {str(what.get("new")) for what in _logged(world, began)}
    return [
        (app, value)
        for actor in actors
        for app, value, replaced in _typed(actor, start)
        if not replaced and value not in logged and not _mirrored(app, value, arrived)
    ]


def overwritten_at_once(actor: Seat, value: str, within: float = 1.0) -> bool:
    """Was this value written over by the API less than so many seconds after a person typed it?

    That is the gap between a read and a write, which an app that takes no condition leaves open.
    """
    entries = actor.twin.journal.entries
    for place, entry in enumerate(entries):
        if entry.author == "person" and str(entry.value) == value:
            later = (e for e in entries[place + 1 :] if (e.id, e.field) == (entry.id, entry.field))
            after = next(later, None)
            return after is not None and after.author == "api" and after.at - entry.at <= within
    return False


def _everybody(actor: Seat, sync: Sync) -> Iterator[tuple[str, Fields]]:
    with actor.twin.lock:
        records = dict(actor.twin.records(actor.object))
    for id, raws in records.items():
        fields: dict[str, Value] = {}
        for rule in sync.mapped(actor.name):
            seen = view(rule.lenses[actor.name], raws, {})
            if isinstance(seen, str | int | bool | tuple) or seen is None:
                fields[rule.name] = seen
        yield id, fields


def _same(sync: Sync, views: Sequence[Fields]) -> bool:
    for rule in sync.rules.values():
        values = {
            bool(fields[rule.name]) if rule.consent else fields[rule.name] for fields in views if rule.name in fields
        }
        if len(values) > 1:
            return False
    return True


def _typed(actor: Seat, start: Marks) -> Iterator[tuple[str, str, bool]]:
    """App, value, and whether a person in the same app replaced or removed it, maybe before syncd could look."""
    own, since = set(actor.types.values()), actor.twin.journal.entries[start.entries[actor.name] :]
    entries = [entry for entry in since if entry.field in own]
    removed = {entry.id for entry in since if entry.author == "person" and not entry.field}
    later = Counter((e.id, e.field) for e in entries if e.author == "person")
    for entry in entries:
        if entry.author == "person":
            later[entry.id, entry.field] -= 1
            yield actor.name, str(entry.value), later[entry.id, entry.field] > 0 or entry.id in removed


def _written(actor: Seat, start: Marks) -> set[str]:
    entries = actor.twin.journal.entries[start.entries[actor.name] :]
    return {str(entry.value) for entry in entries if entry.author == "api"}


def _mirrored(app: str, value: str, arrived: Mapping[str, set[str]]) -> bool:
    return any(value in values for other, values in arrived.items() if other != app)


def _logged(world: World, since: float) -> list[Mapping[str, Any]]:
    """What the change log has noted of each field since a time."""
    with world.store.read() as tx:
        entries = tx.log.find(since=since, limit=1_000_000)
    return [what for entry in entries for what in entry.fields.values()]


def _contested(world: World, since: float) -> int:
    return sum(what.get("verdict") in ("lost", "asked") for what in _logged(world, since))


def _brought_back(
    sync: Sync, left: Mapping[str, float], actor: Seat, addresses: Mapping[str, Mapping[str, Sequence[str]]]
) -> int:
    """How often syncd wrote that somebody may be mailed, after they had left."""
    gone = {id: at for address, at in left.items() for id in addresses.get(address, {}).get(actor.name, ())}
    return sum(
        1 for entry in actor.twin.journal.entries if entry.author == "api" and entry.id in gone
        and entry.at >= gone[entry.id] and _says_yes(sync, actor, entry)
    )  # fmt: skip


def _says_yes(sync: Sync, actor: Seat, entry: JournalEntry) -> bool:
    for rule in sync.mapped(actor.name):
        if rule.consent and entry.field in rule.lenses[actor.name].window:
            return view(rule.lenses[actor.name], {entry.field: entry.value}, {}) is False
    return False
