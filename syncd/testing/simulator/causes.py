"""S2: an edit on top of what its author had been told is no conflict, whatever the clocks say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from syncd.core.fieldmap import Blank, Way
from syncd.store.values import Entry, Event
from syncd.testing.simulator.journal import API, Typed, persons, typed
from syncd.testing.simulator.lens import canonical

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["undone"]

_TYPED: Final = ("first", "note", "tags")
_IDENTITY: Final = ("merges", "renames", "reuses", "restores", "deletes", "remapped", "workflow", "hidden")
"""Where these happen, what is first contact and what is an edit is not told from outside."""


def undone(story: Simulation, entries: Sequence[Entry]) -> Iterator[str]:
    """Values that syncd has written over with what had stood there before, which syncd itself had put there.

    Only where nobody else typed in that field, but for the one whose value it was: so there was no conflict to lose.
    """
    if any(getattr(story.fates.profile, fault) for fault in _IDENTITY) or story.sync.filters or story.refused:
        return  # what a person has put aside is undone, and was meant to be
    doubted = {entry.app for entry in entries if entry.event is Event.DOUBTED}
    decided = {field for _, field, _, _ in story.decided}
    apps = list(story.apps.values())
    person = persons(apps)
    hands: dict[tuple[str, str], list[tuple[str, str, float]]] = defaultdict(list)
    for app in apps:
        for wrote in app.journal:
            if wrote.author != API:
                hands[person[app.name, wrote.id], wrote.field].append((app.name, wrote.id, wrote.at))
    for app in apps:
        for one in typed(app):
            name, id = one.wrote.field, one.wrote.id
            rule = story.sync.rules.get(name)
            if name not in _TYPED or name in decided or rule is None or app.name in doubted or not _put_back(one):
                continue
            if any(name in other.keeps for other in apps):
                continue  # a manner that is not declared is an edit of the app's own
            if rule.ways[app.name] is not Way.BOTH or (one.value is None and rule.blank is not Blank.PROPAGATE):
                continue
            others = [at for *where, at in hands[person[app.name, id], name] if where != [app.name, id]]
            since = [at for at in others if at >= one.wrote.at]  # what was typed after it may be its successor
            if len(others) <= 1 and not since:
                yield f"S2: {app.name} {id} {name} {one.wrote.value!r} was undone, and nobody else had typed there"


def _put_back(one: Typed) -> bool:
    """Typed by a person over what syncd had put there, which syncd has put there again."""
    before, after = one.before, one.after
    if one.by_syncd or before is None or after is None or before.author != API or after.author != API:
        return False
    stood = canonical(before.value)
    return canonical(after.value) == stood != one.value and after.at > one.wrote.at
