"""What a person decides: every answer is logged with who gave it, and takes effect as a new edit."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.entity import LinkState
from syncd.core.fieldmap import Sync
from syncd.core.record import EntityId, Gone, Merged, Record, Value
from syncd.engine import calls
from syncd.engine.consent import all_keys, opt_in
from syncd.engine.debts import note_debts, note_freed, unreckoned
from syncd.engine.decree import CONTESTED, decree
from syncd.engine.deletes import REFUSED, bring_back
from syncd.engine.fuse import follow_merge, found_again, fuse_again
from syncd.engine.namesakes import part
from syncd.engine.promises import APPROVED, SPARED
from syncd.engine.take import READ, take
from syncd.engine.world import World
from syncd.errors import ConfigError, Halted
from syncd.store.codec import plain
from syncd.store.ports import Transaction
from syncd.store.values import Delivery, Entry, Event, Parked, ParkedKind

__all__ = ["approve", "asked", "drop_hold", "resolve_conflict", "retry", "sync_of"]

_WON = SPARED[1]


def resolve_conflict(world: World, id: int, value: Value, *, by: str) -> int:
    """Let `value` stand in a contested field, in every app. The number of the log entry.

    An opt-in that is confirmed here is recorded consent: it lifts the address from the register.
    """
    with world.store.begin() as tx:
        work = asked(tx, id, CONTESTED)
        sync = sync_of(world, work)
        if work.field not in sync.rules:
            raise ConfigError(f"the sync {sync.name} has no field {work.field} any more")
        unreckoned(tx, sync)
        entity, rule = tx.entities.get(_entity(work)), sync.rules[work.field]
        old = entity.value(work.field)
        seq = tx.log.append(
            Entry(
                event=Event.DECIDED,
                sync=sync.name,
                entity=entity.id,
                fields={work.field: {"old": plain(old), "new": plain(value)}},
                cause=work.cause,
                by=by,
                note=work.kind.value,
                mapping=sync.digest,
            )
        )
        if rule.consent and value is not True:
            opt_in(tx, sync, rule, entity.fields, seq, by=by)
        decree(world, tx, sync, entity, {work.field: value}, seq, answer=_word(value), by=by)
        return seq


def approve(world: World, id: int, *, by: str) -> bool:
    """Say yes to a held delete. False if the record is there again, or a remaining one was edited since: that wins.

    Two phases: every remaining record is read first; only if nothing is new there is anything deleted.
    """
    with world.store.read() as tx:
        work = asked(tx, id, (ParkedKind.HOLD,))
        sync = sync_of(world, work)
        entity = tx.entities.get(_entity(work))
        tied = [link for link in tx.links.of(entity.id) if link.ref.app in sync.apps]
        remaining = {link.ref: link for link in tied if link.state is not LinkState.GONE}
        lost = [link.ref for link in tied if (link.ref.app, link.ref.id) == (work.app, work.detail.get("record"))]
    facts: list[Record | Gone | Merged] = []
    for ref in dict.fromkeys([*lost, *remaining]):
        with world.apps[ref.app].turn:
            facts.append(calls.read(world, ref.app, [ref])[ref])
    with world.store.begin() as tx:
        asked(tx, id, (ParkedKind.HOLD,))
        if any(tx.links.get(sync.name, ref) != link for ref, link in remaining.items()):
            raise Halted("one of the records was written or read just now", hint="say it again")
        unreckoned(tx, sync)
        back = [fact for fact in facts if fact.ref in lost and not isinstance(fact, Gone)]
        changed = sum(take(world, tx, sync, [fact], READ).changed for fact in facts if isinstance(fact, Record))
        entity = tx.entities.get(entity.id)
        if back:
            for fact in back:
                if isinstance(fact, Merged):
                    _merged_meanwhile(world, tx, work, fact)
            return False
        if changed:
            _bring_back(world, tx, work, by, _WON)
            return False
        seq = tx.log.append(
            Entry(event=Event.DECIDED, sync=sync.name, entity=entity.id, by=by, note=APPROVED, cause=work.cause)
        )
        tx.parked.close(id, "approved", by)
        entity = replace(entity, deleted=True)
        tx.entities.put(entity, all_keys(sync, entity.fields))
        part(tx, sync, entity.id, "deleted")
        note_debts(tx, sync, entity, seq)
    return True


def _merged_meanwhile(world: World, tx: Transaction, work: Parked, merged: Merged) -> None:
    """The record was there all the while, and is part of another by now."""
    sync, link = sync_of(world, work), tx.links.get(work.sync, merged.ref)
    tx.parked.withdraw([work], f"the record was not deleted, but merged into {merged.into.id}")
    if link is not None:
        found_again(tx, sync, link, "it was not deleted, but merged")
        follow_merge(world, tx, sync, merged)
        entity = tx.entities.get(link.entity)
        if not entity.deleted:  # what they were owed while the delete was asked about
            note_debts(tx, sync, entity, None)


def drop_hold(world: World, id: int, *, by: str) -> None:
    """Say no to a held delete: the record is made again where it was deleted."""
    with world.store.begin() as tx:
        work = asked(tx, id, (ParkedKind.HOLD,))
        _bring_back(world, tx, work, by, REFUSED)


def retry(world: World, id: int, *, by: str) -> None:
    """Try a quarantined record or field again."""
    with world.store.begin() as tx:
        work = asked(tx, id, (ParkedKind.QUARANTINE, ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE))
        tx.parked.close(id, "retry", by)
        seq = tx.log.append(
            Entry(event=Event.DECIDED, sync=work.sync, entity=work.entity, app=work.app, by=by, note="retry")
        )
        if work.ref is not None:
            _unsee(world, tx, work)
            tx.hints.add([work.ref], tx.now)
        if work.entity is not None and work.app:
            tx.deliveries.owe(Delivery(work.sync, work.app, work.entity, tx.now, seq))
        if work.kind is not ParkedKind.QUARANTINE and work.sync in world.syncs:
            unreckoned(tx, world.syncs[work.sync])
            note_freed(tx, world.syncs[work.sync], [work], seq)
            fuse_again(world, tx, world.syncs[work.sync], work)


def _unsee(world: World, tx: Transaction, work: Parked) -> None:
    """Forget what the app showed of a field that made no sense: if it still shows that, the question opens again."""
    sync = sync_of(world, work)
    link = tx.links.get(sync.name, work.ref) if work.ref else None
    rule = sync.rules.get(work.field)
    if link is not None and rule is not None and link.ref.app in rule.lenses:
        window = rule.lenses[link.ref.app].window
        seen = {name: raw for name, raw in link.seen.items() if name not in window}
        tx.links.put(sync.name, replace(link, seen=seen))


def _bring_back(world: World, tx: Transaction, work: Parked, by: str, note: str) -> None:
    sync, entity = sync_of(world, work), tx.entities.get(_entity(work))
    unreckoned(tx, sync)
    bring_back(tx, sync, entity, note, by=by, cause=work.cause)


def asked(tx: Transaction, id: int, kinds: tuple[ParkedKind, ...]) -> Parked:
    """An open question by its number. Raises ConfigError if there is none, Halted if it was answered already."""
    work = tx.parked.get(id)
    if work is None:
        raise ConfigError(f"there is no open question with number {id}", hint="syncd status shows what is open")
    if work.kind not in kinds:
        kind = work.kind.replace("_", " ")
        hint = "syncd status shows what is open, and by which command it is listed"
        raise ConfigError(f"there is no open question of this sort with number {id}: it is about a {kind}", hint=hint)
    if work.closed is not None:
        raise Halted(f"{id} was answered already: {work.answer}" + (f" by {work.by}" if work.by else ""))
    return work


def sync_of(world: World, work: Parked) -> Sync:
    """The sync that a question is about. Raises ConfigError if the configuration has it no more."""
    if work.sync not in world.syncs:
        raise ConfigError(f"the configuration has no sync {work.sync} any more")
    return world.syncs[work.sync]


def _entity(work: Parked) -> EntityId:
    if work.entity is None:
        raise ConfigError(f"{work.id} names no entity")
    return work.entity


def _word(value: Value) -> str:
    return "" if value is None else ", ".join(value) if isinstance(value, tuple) else str(value)
