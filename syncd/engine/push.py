"""Bringing an app up to date: look, compose from fresh state, make the write durable, send it, store its outcome.

One batch at a time, the app's turn held throughout, so that no listing fetched before a write is merged after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from syncd.core.fieldmap import Sync
from syncd.core.record import Outcome, Record, Ref, Write
from syncd.engine import calls, promises
from syncd.engine.debts import lacks
from syncd.engine.draft import Draft, backoff, drafted
from syncd.engine.gap import Look
from syncd.engine.namesakes import not_free, unsettled
from syncd.engine.outcome import doubt_all, store_outcomes
from syncd.engine.outgoing import watch_writes
from syncd.engine.reckoning import reckon
from syncd.engine.sight import load, look
from syncd.engine.world import Tally, World
from syncd.errors import BrokenProtocol, ConnectorError, InDoubt
from syncd.store.ports import Transaction
from syncd.store.values import Delivery

__all__ = ["deliver", "payable", "push", "waiting"]

_BATCH = 500
_ONE_BY_ONE = 10
"""Where every write is a call of its own and takes no condition: few at a time, for what a person types between our
read and our write is overwritten unseen, and that gap grows with the batch."""


def push(world: World, app: str, *, sync: str = "") -> Tally:
    """Work off one batch of what an app is owed. An empty tally with nothing due means: up to date."""
    port, tally = world.apps[app], Tally()
    if port.read_only:
        return tally
    with port.turn:
        able = [o.capabilities for o in port.objects.values()]
        size = _ONE_BY_ONE if all(one.write_batch == 1 and not one.conditional for one in able) else _BATCH
        with world.store.read() as tx:
            due = payable(world, tx, app, size, sync=sync)
        by_sync: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in due:
            by_sync[delivery.sync].append(delivery)
        for name, deliveries in by_sync.items():
            reckon(world, world.syncs[name])  # before anything is let go as not owed by this mapping
            tally += deliver(world, world.syncs[name], app, deliveries)
    return tally


def payable(world: World, tx: Transaction, app: str, limit: int, *, sync: str = "") -> list[Delivery]:
    """What is due to an app by a mapping in force. What others have left behind waits, and keeps nobody waiting."""
    names = [name for name in _syncs_of(world, app) if sync in ("", name)]
    due = [delivery for name in names for delivery in tx.deliveries.due(app, tx.now, limit, sync=name)]
    return sorted(due, key=lambda delivery: (not delivery.urgent, delivery.due))[:limit]


def waiting(world: World, tx: Transaction, app: str, most: int) -> int:
    """How much is payable to an app now; of each sync no more than `most` are counted."""
    return sum(tx.deliveries.count(app, sync=name, until=tx.now, most=most) for name in _syncs_of(world, app))


def _syncs_of(world: World, app: str) -> list[str]:
    """The syncs whose mapping names the app."""
    return [name for name, sync in world.syncs.items() if app in sync.apps]


def deliver(world: World, sync: Sync, app: str, deliveries: Sequence[Delivery]) -> Tally:
    """Bring an app up to date about these entities, as one batch, in the app's turn.

    Raises Tripped, with nothing written, where that would be too much within the hour.
    """
    deliveries = _sift(world, sync, app, deliveries)
    if not deliveries:
        return Tally()
    looked_at = world.clock.now()
    sight = look(world, sync, app, deliveries)
    with world.store.begin() as tx:
        if not promises.running(tx, sync, app):
            return Tally()
        load(tx, sync, deliveries)
        for delivery in [one for one in deliveries if one.entity in sight.unseen]:
            tx.deliveries.postpone(delivery, tx.now + backoff(world, delivery))
        seen = [delivery for delivery in deliveries if delivery.entity not in sight.unseen]
        seen.sort(key=lambda delivery: tx.links.at(delivery.entity, app) is None)  # whose key is free, they tell first
        drafts = [draft for delivery in seen if (draft := drafted(world, tx, sync, app, delivery, sight))]
        # One that was composed later may have found out that two are one: then what was composed before is out of date.
        drafts = [draft for draft in drafts if tx.entities.get(draft.entity.id) == draft.entity]
        drafts = _one_by_one(world, tx, sync, app, drafts)
        if not drafts:
            return Tally()
        watch_writes(world, tx, sync, app, [draft.intent for draft in drafts])
        tx.intents.put([draft.intent for draft in drafts])
        promises.composed(world, tx, sync, app, [_leaving(tx, draft, sight.records) for draft in drafts])
    try:
        with world.spans.span("push batch", app=app, sync=sync.name, writes=len(drafts)):
            outcomes = _send(world, app, [draft.write for draft in drafts])
    except (InDoubt, BrokenProtocol) as doubt:
        doubt_all(world, sync, [draft.intent for draft in drafts], doubt.message)
        raise
    except ConnectorError as failed:
        with world.store.begin() as tx:
            tx.intents.drop([draft.intent.key for draft in drafts])
            for draft in drafts:
                tx.deliveries.postpone(draft.delivery, tx.now + backoff(world, draft.delivery, failed))
        raise
    told = _looked(world, sync, app, looked_at, sight.records)
    pairs = [(draft.intent, draft.delivery) for draft in drafts]
    return store_outcomes(world, sync, app, pairs, outcomes, told)


def _one_by_one(world: World, tx: Transaction, sync: Sync, app: str, drafts: list[Draft]) -> list[Draft]:
    """Without the creates whose key another record there may have, or is only about to give up: that may be refused."""
    open_now = [intent for intent in tx.intents.open(app) if intent.object == sync.apps[app]]
    under_way = [draft.intent for draft in drafts if draft.intent.ref] + open_now
    leaving = {key for intent in under_way for key in unsettled(sync, app, intent)}
    if not leaving:
        return drafts
    early = [draft for draft in drafts if draft.intent.ref is None and not_free(sync, app, draft.intent, leaving)]
    for draft in early:
        tx.deliveries.postpone(draft.delivery, tx.now + backoff(world, draft.delivery))
    return [draft for draft in drafts if draft not in early]


def _send(world: World, app: str, writes: Sequence[Write]) -> Sequence[Outcome]:
    """The one door to an app: nothing leaves by it but what stands in the store."""
    with world.store.read() as tx:
        promises.leaving(tx, app, writes)
    return calls.write(world, app, writes)


def _looked(world: World, sync: Sync, app: str, began: float, facts: Mapping[Ref, Record]) -> Look:
    """What there was to see before the answer, which has just come."""
    with world.store.read() as tx:
        return Look(began, tx.now, facts, tx.hints.between(app, sync.apps[app], began, tx.now))


def _leaving(tx: Transaction, draft: Draft, current: Mapping[Ref, Record]) -> promises.Leaving:
    ref = draft.intent.ref
    link = tx.links.get(draft.intent.sync, ref) if ref else None
    entity = tx.entities.get(draft.intent.entity)
    return promises.Leaving(draft.write, draft.intent, entity, link, current.get(ref) if ref else None)


def _sift(world: World, sync: Sync, app: str, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Only what is still owed; what has settled itself since costs no call."""
    with world.store.begin() as tx:
        load(tx, sync, deliveries)
        left = []
        for delivery in deliveries:
            work = tx.parked.of([delivery.entity]).get(delivery.entity, [])
            if lacks(tx, sync, tx.entities.get(delivery.entity), app, work):
                left.append(delivery)
            else:
                tx.deliveries.settle(delivery)
    return left
