"""Whose a record is, where several fit and syncd does not guess: a person says it."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.entity import Link
from syncd.core.fieldmap import Sync, told
from syncd.core.record import EntityId, Record
from syncd.engine import calls
from syncd.engine.debts import note_freed, unreckoned
from syncd.engine.decide import asked, sync_of
from syncd.engine.ours import made_by
from syncd.engine.strangers import befriend, estrange
from syncd.engine.take import bind, creates
from syncd.engine.world import World
from syncd.errors import ConfigError, Halted
from syncd.store.codec import seconds
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = ["belongs", "candidates", "is_apart", "said_of"]

_LATER = "look at it again: syncd quarantine"
_APART = "apart"
_WHOSE = (ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE)


def candidates(work: Parked) -> Sequence[EntityId]:
    """Whose a record may be by an open question; nobody's where the question is another one."""
    if work.ref is None:
        return ()
    if work.kind is ParkedKind.DUPLICATE:
        return [EntityId(work.detail["entity"])]
    return [EntityId(id) for id in work.detail.get("entities", ())] if work.kind is ParkedKind.AMBIGUOUS else ()


def is_apart(world: World, id: int, *, by: str) -> int:
    """A second record of an app is another person's: it is left alone, and not asked about again. The log entry.

    Should the first one ever have no record there any more, it is a question again. Raises ConfigError for a question
    that is about no such record.
    """
    with world.store.begin() as tx:
        work = asked(tx, id, (ParkedKind.DUPLICATE,))
        sync = sync_of(world, work)
        if work.ref is None:
            raise ConfigError(f"{id} is about no second record that could be left alone", hint=f"syncd retry {id}")
        (entity,) = candidates(work)
        estrange(tx, sync, work.ref, entity, work.detail.get("created"))
        note = "said to be somebody else's"
        seq = tx.log.append(Entry(event=Event.DECIDED, sync=sync.name, entity=entity, ref=work.ref, by=by, note=note))
        tx.parked.close(id, _APART, by)
        unreckoned(tx, sync)
        note_freed(tx, sync, [work], seq)
        return seq


def said_of(tx: Transaction, id: int) -> Parked:
    """A question about whose a record is: an open one, or one that was answered by leaving the record alone.

    Raises ConfigError where there is none of this number, and Halted where it has another answer.
    """
    work = tx.parked.get(id)
    return work if work is not None and work.answer == _APART else asked(tx, id, _WHOSE)


def belongs(world: World, id: int, entity: EntityId, *, by: str) -> int:
    """Tie the record that a question is about to one of those whose it may be. The number of the log entry.

    It is read first, and taken in as on first contact. A second record of theirs takes the place of the first, which
    is left alone from then on as it is. Raises ConfigError for a question or an entity that does not
    fit, Halted where it cannot be theirs as things stand, ConnectorError where the app does not answer.
    """
    with world.store.read() as tx:
        work = said_of(tx, id)
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
        work = said_of(tx, id)
        return _tied(world, tx, work, entity, fact, by)


def _tied(world: World, tx: Transaction, work: Parked, id: EntityId, fact: Record, by: str) -> int:
    sync, entity = sync_of(world, work), tx.entities.get(id)
    own, wants = told(sync, fact), sync.filters.get(fact.ref.app)
    if tx.links.get(sync.name, fact.ref) is not None:
        raise Halted(f"{fact.ref} is known by now", hint=_LATER)
    if entity.deleted:
        raise Halted(f"{id} was deleted", hint=_LATER)
    other = tx.links.at(id, fact.ref.app)
    if other is not None and work.kind is not ParkedKind.DUPLICATE:
        raise Halted(f"{id} has a record in {fact.ref.app} already: {other.ref.id}", hint=_LATER)
    if other is not None and tx.intents.of_entities([id], fact.ref.app):
        raise Halted(f"something is just being written there for {id}", hint="say it again in a minute")
    if wants is not None and not wants(own):
        raise Halted(f"{fact.ref} is outside the filter of {fact.ref.app} by now", hint=_LATER)
    if any(create.entity != id and made_by(sync, create, fact) for create in creates(tx, sync, fact.ref.app)):
        raise Halted(f"{fact.ref} may be what syncd is just making for somebody", hint="say it again in a minute")
    unreckoned(tx, sync)
    if other is not None:
        _give_way(tx, sync, other)
    befriend(tx, sync, fact.ref, id)
    note = f"said whose it is, in place of {other.ref.id}" if other else "said whose it is"
    seq = tx.log.append(Entry(event=Event.DECIDED, sync=sync.name, entity=id, ref=fact.ref, by=by, note=note))
    tx.parked.close(work.id, str(id), by)
    bind(world, tx, sync, entity, fact, note, own)
    note_freed(tx, sync, [work], seq)
    return seq


def _give_way(tx: Transaction, sync: Sync, link: Link) -> None:
    """Another record takes this one's place: nothing is deleted, and nothing is asked about it any more."""
    asked_of = tx.parked.of([link.entity]).get(link.entity, [])
    tx.parked.withdraw([work for work in asked_of if work.ref == link.ref], "another record took its place")
    tx.links.drop(sync.name, link.ref)
    estrange(tx, sync, link.ref, link.entity, seconds(link.created))
