"""Writes whose outcome is unknown: wait until none can land late, then read, then decide.

    update   shows what we sent -> applied; shows what stood there before -> not applied; else a foreign edit: merged
    create   found by its keys -> it was applied, and is tied; not found after the wait -> not applied
    delete   gone -> done; still there -> decided afresh

A 404, an outage or a refused login settles nothing, nor does a listing of nobody where nothing but a listing tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.core.entity import Entity, Held, LinkState
from syncd.core.fieldmap import Sync, told
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine.canary import accepted, sworn_read
from syncd.engine.consent import enrol
from syncd.engine.debts import note_debts
from syncd.engine.deletes import gone_everywhere
from syncd.engine.fuse import follow_merge
from syncd.engine.ours import kept_ours
from syncd.engine.outcome import applied, removed
from syncd.engine.pull import pull, unswept
from syncd.engine.revive import revive
from syncd.engine.sight import find_records, searchable
from syncd.engine.strangers import made_for
from syncd.engine.take import READ, another, bind, in_force, take
from syncd.engine.world import Tally, World
from syncd.errors import Halted
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Intent, IntentKind, IntentState

__all__ = ["recover", "resolve", "ripened"]


def recover(world: World, app: str = "") -> int:
    """Every write that is still on its way, and that nobody is waiting for any more, is in doubt. How many there are.

    After a start that is all of them; later, those of an app whose turn we hold: their outcome could not be stored.
    """
    with world.store.begin() as tx:
        flying = tx.intents.open(app, IntentState.INFLIGHT)
        tx.intents.put([replace(intent, state=IntentState.UNKNOWN, at=tx.now) for intent in flying])
        for intent in flying:
            tx.log.append(_entry(Event.DOUBTED, intent, "the answer was never stored"))
    return len(flying)


def resolve(world: World, app: str) -> Tally:
    """Settle the writes in doubt whose wait is over."""
    tally = Tally()
    with world.store.read() as tx:
        doubtful = tx.intents.open(app)
    if any(intent.state is IntentState.INFLIGHT for intent in doubtful):
        with world.apps[app].turn:
            recover(world, app)
    ripe = ripened(world, app)
    for name in dict.fromkeys(intent.sync for intent in ripe):
        sync = world.syncs[name]
        with world.apps[app].turn:
            own = [_still_mapped(sync, intent) for intent in ripe if intent.sync == name]
            tally += _known(world, sync, app, [intent for intent in own if intent.ref is not None])
            tally += _created(world, sync, app, [intent for intent in own if intent.ref is None])
    return tally


def ripened(world: World, app: str) -> list[Intent]:
    """The writes in doubt that can no longer land late: now a read tells what became of them."""
    with world.store.read() as tx:
        doubtful = [intent for intent in tx.intents.open(app, IntentState.UNKNOWN) if in_force(world, intent)]
        return [intent for intent in doubtful if tx.now >= intent.at + _wait(world, intent)]


def _wait(world: World, intent: Intent) -> float:
    sync = world.syncs[intent.sync]
    lag = world.object(sync, intent.app).capabilities.list_lag.total_seconds()
    return world.late(sync, intent.app) + (lag if intent.kind is IntentKind.CREATE else 0.0)


def _still_mapped(sync: Sync, intent: Intent) -> Intent:
    """The write without fields that the mapping has let go of since."""
    mapped = {rule.name for rule in sync.mapped(intent.app)}
    return replace(intent, goal={name: value for name, value in intent.goal.items() if name in mapped})


def _known(world: World, sync: Sync, app: str, intents: Sequence[Intent]) -> Tally:
    """Updates and deletes: the record's id is known."""
    if not intents:
        return Tally()
    refs = [intent.ref for intent in intents if intent.ref is not None]
    found = sworn_read(world, sync, app, refs)
    tally = Tally()
    with world.store.begin() as tx:
        for intent in intents:
            fact = found.get(intent.ref) if intent.ref else None
            if fact is None:
                tx.intents.put([replace(intent, at=tx.now)])  # it cannot be read: the doubt goes on
            elif isinstance(fact, Record):
                tally += _settle(world, tx, sync, intent, fact)
            elif isinstance(fact, Gone) and intent.kind is IntentKind.DELETE:
                _deleted(world, tx, sync, intent, fact.ref)
                tally += Tally(deleted=1)
            else:
                _not_believed(world, tx, sync, intent, fact)
    return tally


def _settle(world: World, tx: Transaction, sync: Sync, intent: Intent, fact: Record) -> Tally:
    tx.intents.drop([intent.key])
    entity = tx.entities.get(intent.entity)
    link = tx.links.get(sync.name, fact.ref)
    lost = link is None or link.state is LinkState.GONE or link.entity != intent.entity
    if link is None or lost or another(link, fact):
        # It was deleted meanwhile, and is back, or its id is another's: the merge tells what it shows.
        if intent.kind is IntentKind.DELETE and not lost:
            _deleted(world, tx, sync, intent, fact.ref)  # and nobody else is known to have deleted it
        else:
            tx.log.append(_entry(Event.RESOLVED, intent, "not known: the record had been deleted meanwhile"))
        tally = take(world, tx, sync, [fact], READ)
        note_debts(tx, sync, tx.entities.get(entity.id), intent.cause)
        return tally
    sent = {name for name in intent.patch if name in fact.fields}
    ours = {name for name in sent if kept_ours(sync, intent.app, name, intent, fact.fields[name])}
    if intent.kind is IntentKind.DELETE or not ours:
        tx.log.append(_entry(Event.RESOLVED, intent, "not applied"))
        if entity.deleted and fact.version != link.version:
            note = "touched while a write was in doubt: an edit beats a delete"
            tx.log.append(replace(_entry(Event.RETURNED, intent, ""), note=note))
            revive(tx, sync, entity, note)
        tally = take(world, tx, sync, [fact], READ)
        note_debts(tx, sync, tx.entities.get(entity.id), intent.cause)
        return tally
    # What stands there as we sent it is ours; every other field goes through the merge, as anybody's edit would.
    goal = {
        name: value
        for name, value in intent.goal.items()
        if ours.intersection(sync.rules[name].lenses[intent.app].window)
    }
    partial = replace(intent, patch={name: intent.patch[name] for name in ours}, goal=goal)
    tx.log.append(_entry(Event.RESOLVED, intent, "applied"))
    # Whether an opt-out that stands there was ours or a person's, nobody can tell: it counts, for the address shown.
    enrol(world, tx, sync, told(sync, fact), intent.app, intent.cause)
    applied(tx, sync, partial, fact.ref, fact, intent.cause)
    tally = take(world, tx, sync, [fact], READ)
    note_debts(tx, sync, tx.entities.get(entity.id), intent.cause)
    return tally + Tally(updated=1)


def _deleted(world: World, tx: Transaction, sync: Sync, intent: Intent, ref: Ref) -> None:
    tx.intents.drop([intent.key])
    debt = tx.deliveries.get(sync.name, intent.app, intent.entity)
    if debt is not None:
        tx.deliveries.settle(debt)
    removed(world, tx, sync, intent, ref, f"{intent.kind.value}: the delete in doubt had been applied")


def _not_believed(world: World, tx: Transaction, sync: Sync, intent: Intent, fact: object) -> None:
    """The record is not shown while our write is in doubt: the two-look rules decide that; then we look again."""
    link = tx.links.get(sync.name, intent.ref) if intent.ref else None
    if isinstance(fact, Merged):
        tx.intents.drop([intent.key])
        tx.log.append(_entry(Event.RESOLVED, intent, "the record was merged into another"))
        follow_merge(world, tx, sync, fact)
        return
    if intent.attempts >= world.safety.attempts or (link is not None and link.state is LinkState.GONE):
        tx.intents.drop([intent.key])
        tx.log.append(_entry(Event.RESOLVED, intent, f"the record is no longer there ({type(fact).__name__.lower()})"))
        if intent.ref is not None:
            tx.hints.add([intent.ref], tx.now)
        return
    tx.intents.put([replace(intent, at=tx.now, attempts=intent.attempts + 1)])


def _created(world: World, sync: Sync, app: str, intents: Sequence[Intent]) -> Tally:
    """Creates: look for the record by its keys; a negative answer counts only now, after the listing lag."""
    if not intents:
        return Tally()
    with world.store.read() as tx:
        # Looked for by what was sent: the entity may have another address by now.
        entities = [Entity(i.entity, sync.name, {n: Held(value) for n, value in i.goal.items()}) for i in intents]
        tied = {intent.key for intent in intents if tx.links.at(intent.entity, app) is not None}
    at = find_records(world, sync, app, entities)
    blind = [intent for intent in intents if intent.key not in tied and not searchable(world, sync, app, intent.goal)]
    listed = not blind or _listed_whole(world, sync, app, blind)
    refs = list(dict.fromkeys(ref for found in at.values() for ref in found))
    facts = sworn_read(world, sync, app, refs) if refs else {}
    tally = Tally()
    with world.store.begin() as tx:
        for intent in intents:
            # Whose it is may have become one with another while the app was listed.
            still = tx.intents.get(app, intent.key)
            if still is None and intent in blind:
                continue  # the listing has shown it
            now = still or intent
            entity = tx.entities.get(now.entity)
            mine = [fact for fact in facts.values() if isinstance(fact, Record) and _is_ours(tx, sync, now, fact)]
            unread = intent.entity not in at or any(ref not in facts for ref in at[intent.entity])
            unread = unread or (intent in blind and not listed)
            if intent.key in tied:
                tx.intents.drop([intent.key])
            elif unread and not mine:
                tx.intents.put([replace(now, at=tx.now)])
                continue
            elif intent in blind and not mine and not intent.attempts:
                # A listing that was cut unseen lacks it, too: where nothing else tells, it is looked for twice.
                tx.intents.put([replace(now, at=tx.now, attempts=1)])
                continue
            elif mine:
                bind(world, tx, sync, entity, mine[0], "found after a create in doubt")
                tally += Tally(created=1)
            else:
                tx.intents.drop([intent.key])
                tx.log.append(_entry(Event.RESOLVED, now, "not applied"))
                gone_everywhere(tx, sync, entity)
            note_debts(tx, sync, tx.entities.get(entity.id), intent.cause)
    return tally


def _listed_whole(world: World, sync: Sync, app: str, doubtful: Sequence[Intent]) -> bool:
    """List an app that cannot be searched: what a create in doubt has made is found and tied as it is listed.

    False for a listing that lacks somebody who is known and there: it proves nothing of those who are not known. Nor
    does one that shows nobody, unless a person says so. Raises Halted where it shows nobody for a while.
    """
    shown = pull(world, sync, app, whole=True).read
    with world.store.read() as tx:
        sweep = int(tx.meta.get("sweep") or 0)
        if not shown and not accepted(tx, app):
            _nobody_listed(world, tx, app, doubtful)
            return False
    for part in unswept(world, sync, app, sweep):
        refs = [link.ref for link in part]
        found = sworn_read(world, sync, app, refs)
        if any(ref not in found or isinstance(found[ref], Record) for ref in refs):
            return False
    return True


def _nobody_listed(world: World, tx: Transaction, app: str, doubtful: Sequence[Intent]) -> None:
    """The app is empty, or blind. Other new records will tell; where there are none, a person does."""
    doubts = [tx.log.find(entity=intent.entity, events=(Event.DOUBTED,), limit=1) for intent in doubtful]
    since = min((entry.at for entries in doubts for entry in entries), default=0.0)
    if tx.now >= since + world.safety.second_look.total_seconds():
        raise Halted(
            f"{app}: whether it has made what it was sent cannot be told: it cannot be searched, and lists nobody",
            hint=f"look at {app}; if it is empty, run: syncd resume {app}",
        )


def _is_ours(tx: Transaction, sync: Sync, intent: Intent, fact: Record) -> bool:
    """An unlinked record that this create may have made."""
    return tx.links.get(sync.name, fact.ref) is None and made_for(tx, sync, intent, fact)


def _entry(event: Event, intent: Intent, note: str) -> Entry:
    return Entry(
        event=event,
        sync=intent.sync,
        entity=intent.entity,
        ref=intent.ref,
        app=intent.app,
        cause=intent.cause,
        note=f"{intent.kind.value}: {note}",
    )
