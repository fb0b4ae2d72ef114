"""The questions at the end, asked of the apps themselves: they know who put each value where, and when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from syncd.core.fieldmap import Deletion, Policy, Way
from syncd.core.record import Value
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event
from syncd.testing.fake import Wrote
from syncd.testing.simulator.agreement import agreement
from syncd.testing.simulator.app import MANNERS, SimApp
from syncd.testing.simulator.causes import undone
from syncd.testing.simulator.consent import re_subscribed
from syncd.testing.simulator.erasure import Ordered, forgotten, is_ordered, on_order
from syncd.testing.simulator.journal import API, NEVER, Typed, blanked, id_of, incarnations, persons, standing, typed
from syncd.testing.simulator.removals import removals
from syncd.testing.simulator.takeback import decreed, taken_back
from syncd.testing.simulator.whose import said_whose

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["questions"]

_TYPED = ("first", "note", "tags")


def questions(story: Simulation) -> list[str]:
    """Every invariant that does not hold, by name."""
    with story.store.read() as tx:
        entries = story.words.log(tx)
        ordered = on_order(story, entries)
        story.decided += decreed(entries)
        violations = [
            *agreement(story, tx),
            *_lost(story, entries, ordered),
            *undone(story, entries),
            *_phantoms(story, tx),
            *_old_news(story, entries),
            *_doubles(story),
            *re_subscribed(story, tx, entries),
            *_undue_deletes(story, ordered),
            *removals(story, entries, ordered),
            *forgotten(story, tx, entries),
            *taken_back(story, entries),
            *said_whose(story, tx, entries),
            *_blanks(story),
            *_busy(story, entries),
            *(f"{e.note}: the engine said so itself, at {e.app}" for e in entries if e.event is Event.BROKEN),
        ]
    damage = story.store.verify()
    return [*violations, *([f"S10: {damage}"] if damage else [])]


def _lost(story: Simulation, entries: list[Entry], ordered: Ordered) -> Iterator[str]:
    """S1, S2: a value that a person typed and that syncd overwrote or deleted is in the change log.

    What was typed into a record of somebody who is to be forgotten is to be lost.
    """
    logged: dict[tuple[str, str], set[Any]] = defaultdict(set)
    entity_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        for name, what in entry.fields.items():
            logged[str(entry.entity), name] |= {_plain(what.get(k)) for k in ("new", "kept", "old")}
        if entry.ref is not None:
            entity_of[entry.ref.app, entry.ref.id].add(str(entry.entity))
    for app in story.apps.values():
        removed = {wrote.id: wrote.at for wrote in app.journal if wrote.field == "" and wrote.author == API}
        for one in typed(app):
            wrote, gone = one.wrote, removed.get(one.wrote.id, -inf)
            if one.by_syncd or wrote.field not in _TYPED or one.value is None:
                continue
            if one.before is not None and _plain(one.before.value) == one.value:
                continue  # what stood there already is no edit
            overwritten = one.after is not None and one.after.author == API and _plain(one.after.value) != one.value
            deleted = one.after is None and gone >= wrote.at and wrote.id not in _restored(app)
            at = one.after.at if one.after is not None else gone
            if not overwritten and not deleted:
                continue
            if deleted and is_ordered(ordered, app, wrote.id, gone):
                continue
            known: set[Any] = set()
            for entity in entity_of[app.name, id_of(wrote.id)]:
                known |= logged[entity, wrote.field]
            if one.value in known or any(_kept(app, one, value) == one.value for value in known):
                continue
            if deleted and wrote.field == "note" and story.fates.profile.hidden and story.fates.profile.remapped:
                continue  # the mapping had let go of it, and the app did not show it just then
            if not app.capabilities.conditional and (wrote.at == at or at in app.landed):
                story.gaps += 1  # the one honest limit: typed between our read and our write
                continue
            if story.sync.rules[wrote.field].ways[app.name] is Way.WRITE and story.fates.profile.hidden:
                story.gaps += 1  # it was not shown, and may never be: no read before the write tells
                continue
            fate = "deleted" if deleted else "overwritten"
            yield f"S1: {app.name} {wrote.id} {wrote.field} {wrote.value!r} was {fate} and is in no log"


def _phantoms(story: Simulation, tx: Transaction) -> Iterator[str]:
    """S3: no agreed value that nobody typed, in any app's manner of keeping it."""
    apps = story.apps.values()
    for name in _TYPED:
        known = {one.value for app in apps for one in typed(app) if not one.by_syncd and one.wrote.field == name}
        known |= {value for _, field, value, _ in story.decided if field == name}
        if name == "tags":
            known = {tag for value in known if isinstance(value, tuple) for tag in value}
        told = all(app.capabilities.returns_record for app in apps)
        calm = not any(getattr(story.fates.profile, fault) for fault in story.fates.profile.__slots__)
        for _ in range(0 if told and calm else 3):  # else a manner may be taken for an edit
            known |= {app.keeps[name](v) for app in apps if name in app.keeps for v in known if v}
        for entity in tx.entities.all("people"):
            value = entity.value(name)
            new = (
                [tag for tag in value if tag not in known]
                if isinstance(value, tuple)
                else [value] * (value not in known)
            )
            if value is not None and new:
                yield f"S3: {entity.id} holds {name} {value!r}, which nobody typed"


def _old_news(story: Simulation, entries: list[Entry]) -> Iterator[str]:
    """S3: what a merge took from a record stood there after the merge before it: no old showing is ever news."""
    stood = {app.name: standing(app) for app in story.apps.values()}
    taken: dict[tuple[str, str, str], float] = {}
    for entry in entries:
        if entry.ref is None or entry.event not in (Event.MERGED, Event.LINKED):
            continue
        app = story.apps[entry.ref.app]
        for name, what in entry.fields.items():
            place = (app.name, entry.ref.id, name)
            since, value = taken.get(place, 0.0), _plain(what.get("new")) or None
            taken[place] = entry.at
            if entry.event is Event.LINKED or what.get("verdict") == "misfit":
                continue
            spans = [span for id in incarnations(app, entry.ref.id) for span in stood[app.name].get((id, name), NEVER)]
            kept = app.keeps.get(name, lambda v: v)
            values = (value, kept(value) if value else value)
            if not any(s.value in values and s.start <= entry.at and s.end >= since for s in spans):
                yield f"S3: {entry.seq} takes {name} {value!r} from {entry.ref}, where it no longer stood"


def _doubles(story: Simulation) -> Iterator[str]:
    """S4: syncd made no record with an address beside one that it had made, and that had the address just then.

    One of which a person has said before that it is not theirs is as any that a person made: only a search finds it.
    """
    let_go = {(one.ref.app, one.name): one.at for one in reversed(story.words.said) if not one.theirs}
    for app in story.apps.values():
        by_address: dict[str, list[str]] = defaultdict(list)
        for id, row in app.rows.items():
            by_address[str(row.fields["email"]).casefold()].append(app.called(id))
        wrote: dict[str, list[Wrote]] = defaultdict(list)
        for one in app.journal:
            if one.field == "email":
                wrote[one.id].append(one)
        for address, ids in by_address.items():
            made = [id for id in set(ids) - _restored(app) if _says(wrote[id][0], address)]
            pairs = [(wrote[id][0], other) for id in made for other in made if other != id]
            known = [(new, old) for new, old in pairs if app.finds or let_go.get((app.name, old), inf) > new.at]
            if any(_beside(app, new, wrote[old]) for new, old in known):
                yield f"S4: {app.name} has {address} as {ids}, made by syncd"


def _beside(app: SimApp, made: Wrote, other: Sequence[Wrote]) -> bool:
    """A record was sent off to be made while the other had the address, or was on its way itself."""
    sent = app.landed.get(made.at, made.at)
    first, address = other[0], str(made.value).casefold()
    if sent <= first.at <= made.at:
        return True
    before = [one for one in other if one.at <= sent]
    return bool(before) and _says(before[-1], address)


def _says(wrote: Wrote, address: str) -> bool:
    """It was syncd that gave the record this address."""
    return wrote.author == API and str(wrote.value).casefold() == address


def _undue_deletes(story: Simulation, ordered: Ordered) -> Iterator[str]:
    """S6: syncd deletes a record only after a person has deleted one of the same person, and then each only once.

    Or after somebody has said that whose it is be forgotten.
    """
    apps = list(story.apps.values())
    person = persons(apps)
    due: dict[str, float] = {}
    by_people: Counter[str] = Counter()
    by_syncd: Counter[str] = Counter()
    for app in apps:
        for wrote in app.journal:
            if wrote.field == "" and wrote.author != API:
                who = person[app.name, wrote.id]
                due[who] = min(wrote.at, due.get(who, inf))
                by_people[who] += 1
        for lost in app.joined:  # whoever then deletes the one record has deleted both
            by_people[person[app.name, lost]] += 1
    for app in apps:
        for wrote in app.journal:
            if wrote.field != "" or wrote.author != API:
                continue
            if is_ordered(ordered, app, wrote.id, wrote.at):
                continue
            who = person[app.name, wrote.id]
            by_syncd[who] += 1
            if due.get(who, inf) > wrote.at:
                yield f"S6: {app.name} {wrote.id} was deleted by syncd, and nobody had deleted that person"
            if story.sync.deletes is Deletion.IGNORE:
                yield f"S6: {app.name} {wrote.id} was deleted by syncd, though deletes are ignored"
    for who, count in by_syncd.items():
        if count > by_people[who] * (len(apps) - 1):
            yield f"S6: {count} deletes of {who} came of {by_people[who]}"


def _blanks(story: Simulation) -> Iterator[str]:
    """S7: syncd empties a filled field only where somebody has emptied it, in some app, where it was filled."""
    apps = list(story.apps.values())
    person, since = persons(apps), blanked(apps)
    decided = {field for _, field, value, _ in story.decided if value is None}
    for app in apps:
        for one in typed(app):
            name, wrote = one.wrote.field, one.wrote
            if name not in _TYPED or name in decided or story.sync.rules[name].policy is Policy.UNION:
                continue
            filled = one.before is not None and _plain(one.before.value) is not None
            if (
                one.by_syncd
                and filled
                and one.value is None
                and since.get((person[app.name, wrote.id], name), inf) > wrote.at
            ):
                yield f"S7: {app.name} {wrote.id} {name} was emptied by syncd, and nobody had emptied it"


def _busy(story: Simulation, entries: list[Entry]) -> Iterator[str]:
    """S8: writes follow from changes; an engine that echoes writes more than it has heard."""
    writes = sum(len(app.writes) - app.stale for app in story.apps.values())
    events = Counter(entry.event for entry in entries)
    sent = events[Event.SENT] + events[Event.COERCED] + events[Event.REMOVED] + events[Event.REFUSED]
    told = sum(events.values()) - sent + events[Event.COERCED] + len(story.apps)
    most = (len(story.apps) - 1) * told + events[Event.DOUBTED] + events[Event.REFUSED]  # both are tried again
    if writes > most + 3 * story.kills:
        yield f"S8: {writes} writes came of {told} changes in {len(story.apps)} apps"


def _restored(app: SimApp) -> set[str]:
    return {wrote.id for wrote in app.journal if wrote.field == "restored"}


def _kept(app: SimApp, one: Typed, value: Any) -> Any:
    manner = app.keeps.get(one.wrote.field, MANNERS["trim"])
    return manner(value) if isinstance(value, str) else value


def _plain(raw: Any) -> Value:
    if isinstance(raw, list | tuple):
        return tuple(sorted(raw)) or None
    return None if raw == "" else raw
