"""What became of a demo, asked of the twins' own oracles and not of syncd: they know who put each value where."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.console.stage import Actor, Audience
from syncd.core.fieldmap import Sync
from syncd.core.lens import view
from syncd.core.match import keys
from syncd.core.record import Fields, Value
from syncd.engine.world import World
from syncd.testing.twin import JournalEntry

__all__ = ["Marks", "Summary", "agreed", "by_address", "marks", "summary"]


@dataclass(frozen=True, slots=True)
class Marks:
    """Where each oracle stood at a moment: entries in its journal, calls it had taken."""

    entries: Mapping[str, int]
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The end of a demo, in figures."""

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


def marks(actors: Sequence[Actor]) -> Marks:
    """Where the oracles stand now."""
    calls = sum(sum(actor.twin.calls.values()) for actor in actors)
    return Marks({actor.name: len(actor.twin.journal.entries) for actor in actors}, calls)


def by_address(actors: Sequence[Actor], sync: Sync) -> dict[str, dict[str, list[str]]]:
    """Match key to app to the ids of its records: more than one is a duplicate."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for actor in actors:
        for id, fields in _everybody(actor, sync):
            for _, address in keys(sync, fields)[:1]:
                found[address][actor.name].append(id)
    return found


def agreed(actors: Sequence[Actor], sync: Sync) -> bool:
    """Do all apps show the same of everybody, in canonical terms?"""
    shown: dict[str, dict[str, Fields]] = defaultdict(dict)
    for actor in actors:
        for _, fields in _everybody(actor, sync):
            for _, address in keys(sync, fields)[:1]:
                shown[address][actor.name] = fields
    return all(len(apps) == len(actors) and _same(sync, list(apps.values())) for apps in shown.values())


def summary(
    world: World, sync: Sync, audience: Audience, start: Marks, end: Marks, began: float, echoes: int
) -> Summary:
    """Everything between two marks, judged; `began`: when the first was set, in seconds since the epoch."""
    actors = audience.stage.actors
    typed = [entry for actor in actors for entry in _typed(actor, start)]
    logged, contested = _logged(world, began)
    arrived = {actor.name: _written(actor, start) for actor in actors}
    mirrored = lost = 0
    for app, value, replaced in typed:
        there = any(value in values for other, values in arrived.items() if other != app)
        mirrored += there
        lost += not there and not replaced and value not in logged
    addresses = by_address(actors, sync)
    return Summary(
        edits=len(typed),
        mirrored=mirrored,
        conflicts=contested,
        lost=lost,
        duplicates=sum(len(ids) - 1 for apps in addresses.values() for ids in apps.values()),
        resubscribed=sum(_brought_back(sync, audience, actor, addresses) for actor in actors),
        echoes=echoes,
        converged=agreed(actors, sync),
        calls_per_change=round((end.calls - start.calls) / max(1, mirrored), 2),
    )


def _everybody(actor: Actor, sync: Sync) -> Iterator[tuple[str, Fields]]:
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


def _typed(actor: Actor, start: Marks) -> Iterator[tuple[str, str, bool]]:
    """App, value, and whether a person in the same app typed something else there before syncd could have looked."""
    own = set(actor.types.values())
    entries = [e for e in actor.twin.journal.entries[start.entries[actor.name] :] if e.field in own]
    later = Counter((e.id, e.field) for e in entries if e.author == "person")
    for entry in entries:
        if entry.author == "person":
            later[entry.id, entry.field] -= 1
            yield actor.name, str(entry.value), later[entry.id, entry.field] > 0


def _written(actor: Actor, start: Marks) -> set[str]:
    entries = actor.twin.journal.entries[start.entries[actor.name] :]
    return {str(entry.value) for entry in entries if entry.author == "api"}


def _logged(world: World, since: float) -> tuple[set[str], int]:
    """Every value that the change log has noted since a time, and how many of them lost a conflict."""
    with world.store.read() as tx:
        entries = tx.log.find(since=since, limit=1_000_000)
    changes: list[Mapping[str, Any]] = [what for entry in entries for what in entry.fields.values()]
    lost = sum(what.get("verdict") in ("lost", "asked") for what in changes)
    return {str(what.get("new")) for what in changes}, lost


def _brought_back(
    sync: Sync, audience: Audience, actor: Actor, addresses: Mapping[str, Mapping[str, Sequence[str]]]
) -> int:
    """How often syncd wrote that somebody may be mailed, after they had left."""
    left = {id: at for address, at in audience.left.items() for id in addresses.get(address, {}).get(actor.name, ())}
    return sum(
        1 for entry in actor.twin.journal.entries if entry.author == "api" and entry.id in left
        and entry.at >= left[entry.id] and _says_yes(sync, actor, entry)
    )  # fmt: skip


def _says_yes(sync: Sync, actor: Actor, entry: JournalEntry) -> bool:
    for rule in sync.mapped(actor.name):
        if rule.consent and entry.field in rule.lenses[actor.name].window:
            return view(rule.lenses[actor.name], {entry.field: entry.value}, {}) is False
    return False
