"""Whose a record is, where several fit and syncd does not guess: a person says it."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.record import EntityId, Record
from syncd.engine import calls
from syncd.engine.debts import note_freed, unreckoned
from syncd.engine.decide import asked, sync_of
from syncd.engine.ours import made_by
from syncd.engine.take import bind, creates, told
from syncd.engine.world import World
from syncd.errors import ConfigError, Halted
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = ["belongs", "candidates"]

_LATER = "look at it again: syncd quarantine"


def candidates(work: Parked) -> Sequence[EntityId]:
    """Whose a record may be by an open question; nobody's where the question is another one."""
    if work.kind is not ParkedKind.AMBIGUOUS or work.ref is None:
        return ()
    return [EntityId(id) for id in work.detail.get("entities", ())]


def belongs(world: World, id: int, entity: EntityId, *, by: str) -> int:
    """Tie the record that a question is about to one of those whose it may be. The number of the log entry.

    It is read first, and taken in as on first contact. Raises ConfigError for a question or an entity that does not
    fit, Halted where it cannot be theirs as things stand, ConnectorError where the app does not answer.
    """
    with world.store.read() as tx:
        work = asked(tx, id, (ParkedKind.AMBIGUOUS,))
    sync_of(world, work)
    if work.ref is None or entity not in candidates(work):
        raise ConfigError(f"{entity or 'nobody'} is none of those that {id} asks about", hint="syncd quarantine --json")
    if work.ref.app not in world.apps:
        raise ConfigError(f"the configuration has no app {work.ref.app} any more")
    with world.apps[work.ref.app].turn:
        fact = calls.read(world, work.ref.app, [work.ref])[work.ref]
    if not isinstance(fact, Record):
        raise Halted(f"{work.ref} is not there any more", hint=f"syncd retry {id}")
    with world.store.begin() as tx:
        work = asked(tx, id, (ParkedKind.AMBIGUOUS,))
        return _tied(world, tx, work, entity, fact, by)


def _tied(world: World, tx: Transaction, work: Parked, id: EntityId, fact: Record, by: str) -> int:
    sync, entity = sync_of(world, work), tx.entities.get(id)
    own, wants = told(sync, fact), sync.filters.get(fact.ref.app)
    if tx.links.get(sync.name, fact.ref) is not None:
        raise Halted(f"{fact.ref} is known by now", hint=_LATER)
    if entity.deleted:
        raise Halted(f"{id} was deleted", hint=_LATER)
    if (other := tx.links.at(id, fact.ref.app)) is not None:
        raise Halted(f"{id} has a record in {fact.ref.app} already: {other.ref.id}", hint=_LATER)
    if wants is not None and not wants(own):
        raise Halted(f"{fact.ref} is outside the filter of {fact.ref.app} by now", hint=_LATER)
    if any(create.entity != id and made_by(sync, create, fact) for create in creates(tx, sync, fact.ref.app)):
        raise Halted(f"{fact.ref} may be what syncd is just making for somebody", hint="say it again in a minute")
    unreckoned(tx, sync)
    note = "said whose it is"
    seq = tx.log.append(Entry(event=Event.DECIDED, sync=sync.name, entity=id, ref=fact.ref, by=by, note=note))
    tx.parked.close(work.id, str(id), by)
    bind(world, tx, sync, entity, fact, note, own)
    note_freed(tx, sync, [work], seq)
    return seq
