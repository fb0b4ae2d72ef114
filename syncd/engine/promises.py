"""What syncd promises, held against what it is about to do: a promise that would be broken stops the app it is about.

Each check is a pure function of what is at hand where it is asked. They look for what the rest of the engine rules
out, so a trip is a defect of syncd: nothing is written, the app is paused, and a person is told.

`sound_log` is asked as a stage begins. `agreed` is asked of every fact, before what a merge made of it is stored;
`one_each` of every new tie. `composed` is asked of every batch of writes, in the transaction that makes them durable;
`leaving` last, at the one door that all writes go through, of what really stands in the store; `expected` of what
comes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncd.core import guard
from syncd.core.entity import PEOPLE, Entity, Link, LinkState, base
from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.lens import Misfit, view
from syncd.core.merge import Merge
from syncd.core.record import Absent, Create, Delete, EntityId, Record, Ref, Write
from syncd.engine.canary import accepted, guarded
from syncd.engine.consent import address_key
from syncd.engine.setback import setback
from syncd.engine.world import World
from syncd.errors import BrokenPromise
from syncd.store.ports import Transaction
from syncd.store.values import AppState, Entry, Event, Intent, ParkedKind

__all__ = [
    "APPROVED",
    "PROMISES",
    "SPARED",
    "Leaving",
    "agreed",
    "composed",
    "expected",
    "leaving",
    "one_each",
    "reserved",
    "running",
    "sound_log",
]

PROMISES: Final[Mapping[str, str]] = {
    "S1": "what is overwritten was taken in before, and stands in the change log",
    "S4": "nobody gets a second record in an app",
    "S5": "nobody who opted out is ever said to have opted in",
    "S6": "nothing is deleted unless a person deleted it or said so, and never above the cap",
    "S7": "a blank never takes the place of a value on first contact",
    "S8": "the same write is not sent again and again when nothing new was seen",
    "S9": "no write leaves without an intent of its own, and nothing else settles what an intent is about",
    "S10": "the change log goes on where it ended",
    "S11": "nothing is written to an app that is paused, but opt-outs to one that a guard has stopped, nor to a record "
    "that was not seen just before",
}
"""By name, as `syncd log` and the metrics tell them."""

APPROVED: Final = "delete approved"
"""What the change log notes where a person said yes to a delete."""
SPARED: Final = ("delete refused", "edited elsewhere since: the edit wins over the delete")
"""What it notes where a held delete came to nothing."""

_TAIL: Final = 1
"""Entries at the end of the change log whose hashes are made anew before anything is done."""
_RACING: Final = 3600.0
"""Longer than any stage takes: an app that was paused earlier is not in one that had begun before."""
_LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class Leaving:
    """A write that is about to be made durable, and what is known of what it touches."""

    write: Write
    intent: Intent
    entity: Entity
    link: Link | None
    shown: Record | None
    """The record as it was read just before; None for one that is yet to be made."""


# --- every fact ----------------------------------------------------------------------------------------------------


def agreed(sync: Sync, before: Entity, link: Link, result: Merge, open_refs: Collection[Ref]) -> None:
    """S7, S9: asked before a merge is stored. Raises BrokenPromise."""
    ref = link.ref
    if ref in open_refs and (result.link.seen, result.link.sent) != (link.seen, link.sent):
        raise _broken("S9", ref.app, before.id, ref, about="a fact was merged while a write to the record is open")
    for verdict in result.verdicts:
        if verdict.new is None and verdict.field in result.changed:
            rule = sync.rules[verdict.field]
            if emptied_at_first_sight(rule, before, link, result.entity):
                raise _broken("S7", ref.app, before.id, ref, rule.name)


def reserved(world: World, app: str, open_writes: Mapping[Ref, Intent]) -> frozenset[Ref]:
    """S9: records that only the outcome of an open write may tell of; not of one whose mapping is no more."""
    syncs = world.syncs
    return frozenset(ref for ref, one in open_writes.items() if one.sync in syncs and app in syncs[one.sync].apps)


def emptied_at_first_sight(rule: FieldRule, before: Entity, link: Link, after: Entity) -> bool:
    """S7: a value gave way to a blank of an app that had never shown the field, nor been told it."""
    if before.value(rule.name) is None or after.value(rule.name) is not None:
        return False
    return rule.name not in link.sent and isinstance(base(rule, link, before.fields), Absent | Misfit)


# --- every batch of writes -----------------------------------------------------------------------------------------


def composed(world: World, tx: Transaction, sync: Sync, app: str, batch: Sequence[Leaving]) -> None:
    """S1, S4 to S8, S11: asked of writes in the transaction that makes them durable. Raises BrokenPromise."""
    register = _register(tx, sync, batch)
    again = _sent_again(world, tx, app, batch)
    for one in batch:
        match one.write:
            case Create():
                doubled = second_record(one, tx.links.of(one.entity.id), tx.intents.of_entities([one.entity.id], app))
                if doubled:
                    raise _of(one, "S4", about=doubled)
            case Delete():
                _undeleted(world, tx, sync, app, one, [other for other in batch if isinstance(other.write, Delete)])
            case _ if one.entity.id in again and repeated(world, tx, one):
                raise _of(one, "S8", ", ".join(one.intent.goal))
        if unseen(one):
            raise _of(one, "S11", about="it was not read before the write")
        lost = next(overwritten_unseen(sync, one), None)
        if lost is not None:
            raise _of(one, "S1", lost)
        for rule in sync.consents:
            if app in rule.lenses and says_mailable(rule, one, register) and not _asked_about(tx, one, rule):
                raise _of(one, "S5", rule.name)
        blank = next(blanked_unasked(sync, one), None)
        if blank is not None:
            raise _of(one, "S7", blank)


def unseen(one: Leaving) -> bool:
    """S11: a write to a record that its app has not shown just before: it may be blind, or another's."""
    return not isinstance(one.write, Create) and (one.shown is None or one.shown.ref != one.write.ref)


def overwritten_unseen(sync: Sync, one: Leaving) -> Iterator[str]:
    """S1: the app's fields whose value, about to be written over, is not the one that was last taken in.

    To a record that has left its filter goes an opt-out alone; what it takes the place of is no opt-out.
    """
    link, shown = one.link, one.shown
    if link is None or shown is None or link.state is LinkState.OUT_OF_SCOPE:
        return
    names = sync.window(link.ref.app) if isinstance(one.write, Delete) else one.intent.before
    for name in names:
        if name in shown.fields and (name not in link.seen or link.seen[name] != shown.fields[name]):
            yield name


def second_record(one: Leaving, links: Sequence[Link], open_writes: Mapping[EntityId, Intent]) -> str:
    """S4: why a create would make a second record of the entity; "" if it would not."""
    app = one.intent.app
    live = next((link for link in links if link.ref.app == app and link.state is not LinkState.GONE), None)
    if live is not None:
        return f"{live.ref} is theirs"
    known = open_writes.get(one.entity.id)
    return "" if known is None or known.key == one.write.key else "another create is open"


def says_mailable(rule: FieldRule, one: Leaving, register: Collection[tuple[str, str]]) -> bool:
    """S5: the write says of somebody who opted out that they did not, or makes a record of them that does not say it.

    What the record says already is not said anew by a write that leaves it as it is.
    """
    key = address_key(rule, one.entity.fields)
    if isinstance(one.write, Delete) or not (one.entity.value(rule.name) is True or key in register):
        return False
    app, fields = one.intent.app, one.entity.fields
    lens, stands = rule.lenses[app], one.shown.fields if one.shown else {}
    if isinstance(one.write, Create):
        said = view(lens, one.intent.patch, fields)
        return said is not True and (not isinstance(said, Absent | Misfit) or rule.ways[app] is not Way.READ)
    if not any(name in one.intent.patch for name in lens.window):
        return False
    return view(lens, {**stands, **one.intent.patch}, fields) is False and view(lens, stands, fields) is not False


def blanked_unasked(sync: Sync, one: Leaving) -> Iterator[str]:
    """S7: fields that are emptied in the app, though nobody ever emptied them: the agreed blank was never an edit."""
    if isinstance(one.write, Delete) or one.shown is None:
        return
    for name, value in one.intent.goal.items():
        rule, held = sync.rules[name], one.entity.held.get(name)
        if value is not None or rule.computed is not None or (held and (held.ver > 1 or held.author == PEOPLE)):
            continue
        stood = view(rule.lenses[one.intent.app], one.shown.fields, one.entity.fields)
        if stood is not None and not isinstance(stood, Absent | Misfit):
            yield name


def repeated(world: World, tx: Transaction, one: Leaving) -> bool:
    """S8: the record was sent these very fields as often as two apps may disagree, with nothing new seen in between."""
    since, times = _window(world, tx), 0
    for entry in tx.log.find(entity=one.entity.id, since=since, limit=_LOOKED_AT):
        if entry.event in _NEWS:
            break
        if entry.event in _WRITTEN and entry.ref == one.intent.ref and entry.fields.keys() == one.intent.goal.keys():
            times += 1
    return times >= world.safety.loop_turns


_WRITTEN: Final = (Event.SENT, Event.COERCED)
_NEWS: Final = (
    Event.MERGED,
    Event.LINKED,
    Event.DECIDED,
    Event.UNDONE,
    Event.GONE,
    Event.RETURNED,
    Event.RESOLVED,
)


def wanted(entries: Sequence[Entry]) -> Event | None:
    """S6: what brought a delete about, by the entity's own entries, newest first: GONE or DECIDED; None for nothing."""
    if any(entry.event is Event.FORGETTING for entry in entries):
        return Event.DECIDED  # whoever is to be forgotten is brought back by nothing
    brought: Event | None = None
    for entry in entries:
        match entry.event:
            case Event.GONE if not entry.note:  # else an app merged it away, or its sync had let go of it
                brought = Event.GONE
            case Event.DECIDED if entry.note == APPROVED:
                return Event.DECIDED  # it covers what was found to be deleted elsewhere since
            case Event.RETURNED:
                break
            case Event.DECIDED if entry.note in SPARED:
                break
    return brought


def _undeleted(world: World, tx: Transaction, sync: Sync, app: str, one: Leaving, deletes: Sequence[Leaving]) -> None:
    events = (Event.GONE, Event.DECIDED, Event.RETURNED, Event.FORGETTING)
    why = wanted(tx.log.find(entity=one.entity.id, events=events, limit=_LOOKED_AT)) if one.entity.deleted else None
    if why is None:
        raise _of(one, "S6", about="nobody deleted it")
    if why is Event.DECIDED or accepted(tx, app):
        return
    since = tx.now - 3600
    removed = tx.log.count(app=app, sync=sync.name, event=Event.REMOVED, since=since)
    linked, limits = tx.links.linked(sync.name, app) + removed, world.limits(sync, app)
    if guard.deleting(linked, removed + len(deletes), limits) is None:
        return
    gone = [entry.entity for entry in tx.log.find(app=app, sync=sync.name, events=(Event.REMOVED,), since=since)]
    gone += [other.entity.id for other in deletes]
    unasked = [id for id in gone if id and wanted(tx.log.find(entity=id, events=events)) is Event.GONE]
    trip = guard.deleting(linked, len(unasked), limits)
    if trip is not None:
        raise _of(one, "S6", about=trip.reason)


# --- what really leaves --------------------------------------------------------------------------------------------


def running(tx: Transaction, sync: Sync, app: str) -> bool:
    """S11: False where the app was paused while the stage was under way, or is not to be written to yet.

    Raises BrokenPromise if it was paused long before. An app that a guard has stopped hears of opt-outs all the same:
    by a mapping that has nothing else.
    """
    state = tx.apps.get(app)
    if guarded(tx, app) and all(rule.consent for rule in sync.mapped(app)):
        return setback(tx) is None
    if long_paused(state, tx.now):
        raise _broken("S11", app, about="the app is paused")
    return not state.paused and setback(tx) is None


def long_paused(state: AppState, now: float) -> bool:
    """S11: paused, and not just now, while the stage was under way."""
    return bool(state.paused) and state.paused_at is not None and now - state.paused_at > _RACING


def leaving(tx: Transaction, app: str, writes: Sequence[Write]) -> None:
    """S9: asked of the store just before an app is called to write. Raises BrokenPromise."""
    known = tx.intents.keys(app)
    stray = next((write for write in writes if write.key not in known), None)
    if stray is not None:
        ref = None if isinstance(stray, Create) else stray.ref
        raise _broken("S9", app, None, ref, about="the write has no intent in the store")


# --- outcomes, links, the log --------------------------------------------------------------------------------------


def expected(tx: Transaction, app: str, intents: Sequence[Intent]) -> None:
    """S9: an outcome settles an intent that is open. Raises BrokenPromise."""
    known = tx.intents.keys(app)
    stray = next((intent for intent in intents if intent.key not in known), None)
    if stray is not None:
        raise _broken("S9", app, stray.entity, stray.ref, about="an outcome came for a write that has no intent")


def one_each(tx: Transaction, entity: EntityId, ref: Ref) -> None:
    """S4: an entity that is about to be tied to a record has no other in that app. Raises BrokenPromise."""
    other = tx.links.at(entity, ref.app)
    if other is not None and other.ref != ref:
        raise _broken("S4", ref.app, entity, ref, about=f"{other.ref} is theirs")


def sound_log(tx: Transaction, app: str) -> None:
    """S10: the change log ends as it was known to end, and its end is as it was written. Raises BrokenPromise."""
    loose = tx.log.loose(_TAIL)
    if loose is not None:
        raise _broken("S10", app, about=f"entry {loose} does not fit; syncd verify looks at all of them")


# --- inside --------------------------------------------------------------------------------------------------------


def _register(tx: Transaction, sync: Sync, batch: Sequence[Leaving]) -> frozenset[tuple[str, str]]:
    """The addresses of the batch that are in the register, asked for all at once."""
    asked: dict[str, list[str]] = defaultdict(list)
    for rule in sync.consents:
        for one in batch:
            key = address_key(rule, one.entity.fields)
            if key is not None:
                asked[key[0]].append(key[1])
    return frozenset((channel, own) for channel, all in asked.items() for own in tx.optouts.of(channel, all))


def _asked_about(tx: Transaction, one: Leaving, rule: FieldRule) -> bool:
    """A record is made without the opt-out that its app cannot carry: a person was asked about that."""
    work = tx.parked.of([one.entity.id]).get(one.entity.id, [])
    return isinstance(one.write, Create) and any(
        item.kind is ParkedKind.QUARANTINE and item.field == rule.name and item.app == one.intent.app for item in work
    )


def _sent_again(world: World, tx: Transaction, app: str, batch: Sequence[Leaving]) -> Collection[EntityId]:
    """The few entities that were written to often of late, asked for all at once."""
    entities = [one.entity.id for one in batch if one.link is not None]
    least = world.safety.loop_turns
    return tx.log.often(entities, app=app, events=_WRITTEN, since=_window(world, tx), least=least) if entities else ()


def _window(world: World, tx: Transaction) -> float:
    return tx.now - world.safety.loop_window.total_seconds()


def _of(one: Leaving, promise: str, field: str = "", *, about: str = "") -> BrokenPromise:
    return _broken(promise, one.intent.app, one.entity.id, one.intent.ref, field, about=about)


def _broken(
    promise: str, app: str, entity: EntityId | None = None, ref: Ref | None = None, field: str = "", *, about: str = ""
) -> BrokenPromise:
    who: dict[str, Any] = {"entity": entity or "", "record": str(ref) if ref else ""}
    return BrokenPromise(promise, PROMISES[promise], app=app, field=field, about=about, **who)
