"""S6: whom syncd deletes although somebody's word stands against it: a yes not given, a cap, an edit since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Final

from syncd.core.fieldmap import Deletion, Way
from syncd.core.merge import Verdict
from syncd.core.record import EntityId
from syncd.engine.promises import APPROVED
from syncd.store.values import Entry, Event
from syncd.testing.fake import Wrote
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.erasure import Ordered, is_ordered
from syncd.testing.simulator.journal import API, NEVER, Typed, id_of, standing, typed
from syncd.testing.simulator.lens import canonical
from syncd.testing.simulator.takeback import RETURNED

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["removals"]

_TYPED: Final = ("first", "note", "tags")
_HOUR: Final = 3600.0


def removals(story: Simulation, entries: Sequence[Entry], ordered: Ordered) -> Iterator[str]:
    """Every delete by syncd that it ought not to have made yet.

    No cap and no edit holds up what was ordered.
    """
    tied: dict[tuple[str, str], set[str]] = defaultdict(set)
    told: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.ref is not None:
            tied[entry.ref.app, entry.ref.id].add(str(entry.entity))
        if entry.entity is not None:
            told[str(entry.entity)].append(entry)
    yield from _own(story, entries)
    for app in story.apps.values():
        unasked: dict[str, float] = {}
        for wrote in app.journal:
            if wrote.field != "" or wrote.author != API:
                continue
            if is_ordered(ordered, app, wrote.id, wrote.at):
                continue
            ids = tied[app.name, id_of(wrote.id)]
            until = _noted(told, ids, app.name, wrote)
            known = [entry for id in ids for entry in told[id] if entry.at <= wrote.at and entry.seq < until]
            again = max((entry.seq for entry in known if entry.note == RETURNED), default=0)  # a yes that was undone
            approved = max((entry.at for entry in known if entry.note == APPROVED and entry.seq > again), default=0.0)
            if story.sync.deletes is Deletion.HOLD and not approved and not _only_ours(app, wrote.id):
                yield f"S6: {app.name} {wrote.id} was deleted by syncd, and nobody had said yes"
            if not approved:
                yield from _too_many(story, app, wrote, unasked)
                unasked[wrote.id] = wrote.at
            yield from _edited(story, app, wrote, known, approved)


def _noted(told: Mapping[str, Sequence[Entry]], ids: Iterable[str], app: str, wrote: Wrote) -> float:
    """The number of the entry that tells of a delete: what was said after it, even at that instant, was too late."""
    gone = (entry for id in ids for entry in told[id] if entry.event is Event.REMOVED and entry.at >= wrote.at)
    of_it = (entry.seq for entry in gone if entry.ref and (entry.ref.app, entry.ref.id) == (app, id_of(wrote.id)))
    return min(of_it, default=inf)


def _own(story: Simulation, entries: Sequence[Entry]) -> Iterator[str]:
    """What syncd itself has deleted is never missed, and so never taken for a person's deed.

    Unless a person has brought it back in between: of whoever is to be forgotten, that is noted nowhere. An id may be
    somebody else's by the time that a delete in doubt is known to have been made.
    """
    removed: dict[tuple[str, str], tuple[EntityId | None, float]] = {}
    for entry in entries:
        if entry.ref is None:
            continue
        place = (entry.ref.app, entry.ref.id)
        whose, since = removed.get(place, (None, inf))
        if entry.event is Event.REMOVED:
            removed[place] = (entry.entity, entry.at)
        elif entry.event is Event.GONE and place in removed:
            anothers = whose != entry.entity and story.apps[entry.ref.app].lives.get(entry.ref.id, 1) > 1
            if not anothers and not _restored(story, place, since):
                yield f"S6: {entry.ref} was deleted by syncd, and is taken for deleted by a person"
        else:
            removed.pop(place, None)


def _restored(story: Simulation, place: tuple[str, str], since: float) -> bool:
    app, id = place
    back = (wrote for wrote in story.apps[app].journal if wrote.field == "restored" and wrote.at >= since)
    return any(id_of(wrote.id) == id for wrote in back)


def _only_ours(app: SimApp, id: str) -> bool:
    """Nobody but syncd ever wrote there: a create in doubt, of somebody who was deleted before it was settled."""
    return all(wrote.author == API for wrote in app.journal if wrote.id == id)


def _too_many(story: Simulation, app: SimApp, wrote: Wrote, before: Mapping[str, float]) -> Iterator[str]:
    """The cap: what people said yes to is under none.

    It counts records, each once: a delete without an answer, whose record a person has brought back before anybody
    looked, cannot be told from one that never was, and a second delete of it takes nobody else away.
    """
    lately = sum(1 for id, at in before.items() if id != wrote.id and at > wrote.at - _HOUR)
    if lately >= story.limits.deletes and wrote.at not in app.landed:
        yield f"S6: {app.name} {wrote.id} was deleted by syncd, number {lately + 1} within an hour"


def _edited(story: Simulation, app: SimApp, wrote: Wrote, known: Sequence[Entry], approved: float) -> Iterator[str]:
    """An edit beats a delete: one that was typed after syncd had taken the delete in, and stood there at the time.

    What was edited and then edited back in between says nothing that was not known, and nor does a field that the app
    is only told of: the mapping says that its word does not count. What stood there is in the log.
    """
    gone = max((entry for entry in known if entry.event is Event.GONE), key=lambda entry: entry.at, default=None)
    if gone is None or wrote.at in app.landed or story.sync.filters or story.fates.profile.remapped:
        return
    since = max(gone.at, approved)
    stood = standing(app)
    for one in typed(app):
        if one.by_syncd or one.wrote.id != wrote.id or one.wrote.field not in _TYPED:
            continue
        if story.sync.rules[one.wrote.field].ways[app.name] is Way.WRITE:
            continue
        stays = one.after is None or one.after.at > wrote.at
        if not stays or not since < one.wrote.at < wrote.at:
            continue
        before = [span.value for span in stood.get((wrote.id, one.wrote.field), NEVER) if span.start <= since]
        if before[-1:] == [one.value or None]:
            continue
        if not _agreed(app, one, gone, known):
            yield f"S6: {app.name} {wrote.id} was deleted by syncd, and {one.wrote.field} had been edited since"


def _agreed(app: SimApp, one: Typed, gone: Entry, known: Sequence[Entry]) -> bool:
    """It is what all had agreed on anyway, when they were deleted or since."""
    name = one.wrote.field
    raw = gone.fields.get(name, {}).get("old")
    for entry in known:
        what = entry.fields.get(name, {})
        if gone.seq < entry.seq and entry.at <= one.wrote.at and what.get("verdict") == Verdict.TAKEN:
            raw = what["new"]
    ours = canonical(list(raw) if isinstance(raw, list | tuple) else raw)
    return one.value in (ours, canonical(app.keeps[name](ours)) if name in app.keeps and ours is not None else ours)
