"""What an app is about to be sent, watched for what is too much at once; and what a person says to that.

It is a second line: what one app shows too much of has tripped a guard there already. What trips here came of several
apps together, or of a mistake. What a person has planned, applied or decided, and what came of a listing that a person
has approved of, is expected.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from syncd.core.entity import Entity, Link, base
from syncd.core.fieldmap import FieldRule, Sync
from syncd.core.guard import BOUNDLESS, Guard, mass
from syncd.core.lens import Misfit, view
from syncd.core.record import Absent, Fields, Ref, Value
from syncd.engine.canary import accepted
from syncd.engine.debts import claims, frozen
from syncd.engine.guards import Tripped, approved, expected, refused, tripped
from syncd.engine.setback import expected as agreed_to
from syncd.engine.world import World
from syncd.store.codec import value_from
from syncd.store.ports import Transaction
from syncd.store.values import Delivery, Entry, Event, Intent, IntentKind, Parked

__all__ = ["stays", "unwanted", "watch_writes"]

_HOUR: Final = 3600.0
_MOST: Final = 200_000
_BACK: Final = 20
"""So many changes of a value may lie between what an app shows and what is agreed."""
_SENT: Final = (Event.SENT, Event.COERCED)
_GUARDS: Final = (Guard.CHANGES, Guard.BLANKS, Guard.CREATES)


def watch_writes(world: World, tx: Transaction, sync: Sync, app: str, batch: Sequence[Intent]) -> None:
    """Raise Tripped, before any of the batch is made durable, if too much would be written there within the hour."""
    limits, since = world.limits(sync, app), tx.now - _HOUR
    least = min(limits.changes, limits.blanks, limits.creates)
    if least == BOUNDLESS:
        return  # a person sees each of them in a plan: they are not even counted
    sent = sum(tx.log.count(app=app, sync=sync.name, event=event, since=since) for event in _SENT)
    if sent + len(batch) <= least or _is_expected(tx, sync):
        world.recent.drop(sync.name, app, _SENT)
        return
    after, linked = expected(tx, sync), world.recent.linked(tx, sync.name, app)
    ours = _unexpected(tx, (intent.cause for intent in batch), after)
    counting = partial(_counting, tx, sync, after)
    for guard in _GUARDS:
        records: dict[Ref, Sequence[str]] = {}
        for intent in batch:
            fields = tuple(_taking(sync, guard, intent))
            if fields and intent.cause in ours:
                records[intent.ref or Ref(app, intent.object, f"new: {intent.entity}")] = fields
        if not records or mass(guard, linked, sent + len(records), limits) is None:
            continue  # it would not trip if all that was sent counted: to look at each takes longer than to send it
        counted = world.recent.counted(tx, sync.name, app, _SENT, counting, since=since, after=after).get(guard, ())
        more = sum(1 for ref in records if str(ref) not in counted)
        if mass(guard, linked, len(counted) + more, limits) is None:
            continue
        linked = world.recent.recount(tx, sync.name, app)
        if mass(guard, linked, len(counted) + more, limits) is None:
            continue
        told = tx.log.find(app=app, sync=sync.name, events=_SENT, since=since, after=after, limit=_MOST)
        for one, entry in counting(told):
            if one is guard and entry.ref is not None:
                records.setdefault(entry.ref, tuple(_told(sync, guard, entry)))
        trip = mass(guard, linked, len(records), limits)
        if trip is not None:
            raise Tripped(_question(tripped(sync, app, trip, records, first=after)))


def _counting(tx: Transaction, sync: Sync, after: int, entries: Sequence[Entry]) -> Iterator[tuple[Guard, Entry]]:
    """Which guards count which of the writes that were answered."""
    theirs = _unexpected(tx, (entry.cause for entry in entries), after)
    for entry in entries:
        if entry.cause in theirs:
            yield from ((guard, entry) for guard in _GUARDS if any(_told(sync, guard, entry)))


def _told(sync: Sync, guard: Guard, entry: Entry) -> Iterator[str]:
    goal = {name: what.get("new") for name, what in entry.fields.items()}
    return _telling(sync, guard, entry.note, goal)


def _question(work: Parked) -> Parked:
    reason = f"{work.field}: syncd would write to {work.detail['count']} of {work.detail['linked']} records in an hour"
    return replace(work, reason=reason, detail={**work.detail, "outgoing": True})


def _is_expected(tx: Transaction, sync: Sync) -> bool:
    """A first listing is under way, or a person has answered for what an app shows, or for all that comes."""
    if agreed_to(tx):
        return True
    return any(
        accepted(tx, app)
        or approved(tx, sync, app)
        or refused(tx, sync, app)
        or tx.cursors.get(sync.name, app).listed_at is None
        for app in sync.apps
    )


def _taking(sync: Sync, guard: Guard, intent: Intent) -> Iterator[str]:
    """The fields by which an open write counts: a value where there was none is nothing to be afraid of."""
    for name in _telling(sync, guard, intent.kind.value, intent.goal):
        stood = view(sync.rules[name].lenses[intent.app], intent.before, {})
        if guard is Guard.CREATES or (stood is not None and not isinstance(stood, Absent)):
            yield name


def _telling(sync: Sync, guard: Guard, kind: str, goal: Fields) -> Iterator[str]:
    """The fields by which a write counts for a guard; an opt-out counts for none."""
    if (kind == IntentKind.CREATE.value) != (guard is Guard.CREATES):
        return
    for name, value in goal.items():
        known = name in sync.rules and not sync.rules[name].consent
        if known and (guard is not Guard.BLANKS or value is None):
            yield name


def _unexpected(tx: Transaction, causes: Iterable[int | None], after: int) -> Collection[int]:
    """Those of what brings writes about that are an app's doing, and were not expected."""
    persons = tx.log.persons({cause for cause in causes if cause is not None and cause > after})
    return frozenset(cause for cause, person in persons.items() if not person)


# --- a no ----------------------------------------------------------------------------------------------------------


def unwanted(tx: Transaction, work: Parked) -> Iterator[Delivery]:
    """What the app is owed, and a person does not want written there."""
    owed = tx.deliveries.due(work.app, math.inf, _MOST, sync=work.sync)
    causes = _unexpected(tx, (delivery.cause for delivery in owed), int(work.detail["since"]))
    for delivery in owed:
        if delivery.cause in causes and not tx.entities.get(delivery.entity).deleted:
            yield delivery


def stays(tx: Transaction, sync: Sync, delivery: Delivery, guard: Guard) -> dict[str, Value]:
    """What the app shows of each field that it would have been told, and that is to stand instead."""
    entity, link = tx.entities.get(delivery.entity), tx.links.at(delivery.entity, delivery.app)
    if link is None:
        return {}
    work = tx.parked.of([entity.id]).get(entity.id, [])
    wanted = claims(tx, sync, entity, link, frozen(sync, work, entity, delivery.app))
    stand: dict[str, Value] = {}
    for name in _telling(sync, guard, IntentKind.UPDATE.value, wanted):
        rule = sync.rules[name]
        shown = link.sent.get(name, base(rule, link, entity.fields))  # what it was sent, whatever it has kept of that
        if shown is None or isinstance(shown, Absent | Misfit):
            continue  # a blank takes the place of nothing
        if name in entity.held and rule.computed is None:
            stand[name] = shown if name in link.sent else _meant(tx, rule, link, entity, shown)
    return stand


def _meant(tx: Transaction, rule: FieldRule, link: Link, entity: Entity, shown: Value) -> Value:
    """The value that was agreed before and that the app shows, in its own form: what was typed, not what it kept."""
    seq: int | None = entity.held[rule.name].seq
    for _ in range(_BACK):
        entry = tx.log.get(seq) if seq else None
        what = entry.fields.get(rule.name, {}) if entry else {}
        if "old" not in what:
            return shown
        old = value_from(what["old"])
        if base(rule, link, {**entity.fields, rule.name: old}) == old:
            return old
        seq = what.get("from")
    return shown
