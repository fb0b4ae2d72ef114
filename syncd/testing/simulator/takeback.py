"""S14: an undo takes back what was shown and no more, nothing that was changed since, and never an opt-out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from syncd.core.record import EntityId, Value
from syncd.store.codec import value_from
from syncd.store.values import Entry, Event

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["RETURNED", "decreed", "taken_back"]

RETURNED: Final = "its delete was taken back"
"""What the log notes of somebody who comes back by an undo."""
_TOLD: Final = (Event.DECIDED, Event.UNDONE, Event.LINKED)


def taken_back(story: Simulation, entries: Sequence[Entry]) -> Iterator[str]:
    """Every entry of an undo that ought not to be there."""
    heads = {entry.seq for entry in entries if entry.event is Event.UNDONE and entry.entity is None}
    last: dict[tuple[EntityId | None, str], int] = {}
    for entry in entries:
        undone = entry.event is Event.UNDONE and entry.entity is not None
        returned = entry.event is Event.RETURNED and entry.note == RETURNED
        if (undone or returned) and (entry.cause not in heads or entry.by != "sim"):
            yield f"S14: entry {entry.seq} is of no undo that anybody asked for"
        if returned and (entry.entity, "", None, None) not in _asked(story, entry.seq):
            yield f"S14: entry {entry.seq} brings {entry.entity} back, which was not shown"
        for name, what in entry.fields.items() if undone else ():
            now, then = value_from(what["old"]), value_from(what["new"])
            if (entry.entity, name, now, then) not in _asked(story, entry.seq):
                yield f"S14: entry {entry.seq} takes back {name} of {entry.entity}, which was not shown"
            if last.get((entry.entity, name)) != what["undoes"]:
                since = last.get((entry.entity, name))
                yield f"S14: entry {entry.seq} takes back {name} of entry {what['undoes']}, changed since by {since}"
            if story.sync.rules[name].consent and then is not True:
                yield f"S14: entry {entry.seq} takes an opt-out of {entry.entity} back"
        last |= {(entry.entity, name): entry.seq for name, what in entry.fields.items() if _turned(entry, what)}


def decreed(entries: Sequence[Entry]) -> list[tuple[str, str, Value, float]]:
    """What undos let stand: entity, field, value, when."""
    undone = [entry for entry in entries if entry.event is Event.UNDONE and entry.entity is not None]
    return [
        (str(entry.entity), name, value_from(what["new"]), entry.at)
        for entry in undone
        for name, what in entry.fields.items()
    ]


def _asked(story: Simulation, seq: int) -> set[tuple[EntityId | None, str, Value, Value]]:
    """What the operator had been shown of the undo that an entry belongs to."""
    word = next((one for one in reversed(story.words.undid) if one.after < seq), None)
    return {(one.entity, one.field, one.now, one.then) for one in word.back} if word is not None else set()


def _turned(entry: Entry, what: Mapping[str, Any]) -> bool:
    """Whether the entry tells of another agreed value."""
    if "verdict" in what:
        return what["verdict"] in ("taken", "seeded")
    return entry.event in _TOLD and "new" in what and what.get("old") != what["new"]
