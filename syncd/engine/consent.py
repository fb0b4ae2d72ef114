"""The register of opt-outs: by address, over all entities and syncs, never undone by a sync."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from syncd.core.entity import Entity, Held, Link
from syncd.core.fieldmap import FieldRule, Sync
from syncd.core.lens import View, view
from syncd.core.match import Key, keys, within
from syncd.core.record import Fields, Raws, Record
from syncd.engine.calls import reference_keys
from syncd.engine.debts import note_debts
from syncd.engine.world import World
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, OptOut

__all__ = [
    "address_key",
    "all_keys",
    "consent_keys",
    "enrol",
    "heed",
    "newly_opted_out",
    "opt_in",
    "own_keys",
    "record_opt_out",
    "register",
]


def address_key(rule: FieldRule, fields: Fields) -> Key | None:
    """How entities with the address that an opt-out is about are found."""
    address = fields.get(rule.address)
    return ("consent:" + rule.channel, within(str(address).casefold())) if address else None


def consent_keys(sync: Sync, fields: Fields) -> tuple[Key, ...]:
    """The address of somebody with these values, for each channel."""
    return tuple(key for rule in sync.consents if (key := address_key(rule, fields)) is not None)


def own_keys(sync: Sync, fields: Fields) -> tuple[Key, ...]:
    """By which somebody with these values is known themselves: what they are matched by, and their addresses."""
    return (*keys(sync, fields), *consent_keys(sync, fields))


def all_keys(sync: Sync, fields: Fields) -> tuple[Key, ...]:
    """Everything by which an entity with these values is found."""
    return (*own_keys(sync, fields), *reference_keys(sync, fields))


def newly_opted_out(sync: Sync, link: Link, fact: Record) -> bool:
    """Whether a record shows an opt-out, or one of another address, that it did not show before."""
    shown = {rule.name: _with_address(sync, rule, link.ref.app, fact.fields) for rule in sync.consents}
    seen = {rule.name: _with_address(sync, rule, link.ref.app, link.seen) for rule in sync.consents}
    return any(now is not None and now != seen[name] for name, now in shown.items())


def _with_address(sync: Sync, rule: FieldRule, app: str, raws: Raws) -> View:
    """The address of which these raw values show an opt-out; None where they show none."""
    if app not in rule.lenses or view(rule.lenses[app], raws, {}) is not True:
        return None
    address = sync.rules[rule.address].lenses.get(app) if rule.address in sync.rules else None
    return view(address, raws, {}) if address else True


def enrol(world: World, tx: Transaction, sync: Sync, fields: Fields, app: str, cause: int | None) -> None:
    """Note every opt-out that `fields` show, and let every entity with that address know, in every sync."""
    for rule in sync.consents:
        key = address_key(rule, fields)
        if fields.get(rule.name) is not True or key is None:
            continue
        channel, address = key
        if tx.optouts.of(channel, [address]):
            continue
        seq = tx.log.append(
            Entry(event=Event.OPTED_OUT, sync=sync.name, app=app, cause=cause, note=f"{rule.name} by address")
        )
        tx.optouts.add(OptOut(channel, address, tx.now, app, seq))
        for name, id in tx.entities.by_key(key):
            other = world.syncs.get(name)
            if other is not None:
                heeded = heed(tx, other, tx.entities.get(id))
                note_debts(tx, other, heeded, seq, urgent=True)


def opt_in(
    tx: Transaction, sync: Sync, rule: FieldRule, fields: Fields, cause: int | None, *, app: str = "", by: str = ""
) -> None:
    """Recorded consent, by a person or by an app that is believed: the address of somebody with these values is free.

    Somebody with the same address in another sync stays opted out until that is taken back there, too.
    """
    key = address_key(rule, fields)
    if key is not None:
        tx.optouts.lift(*key, tx.now)
        entry = Entry(event=Event.OPTED_IN, sync=sync.name, app=app, cause=cause, by=by, note="recorded consent")
        tx.log.append(entry)


def register(tx: Transaction, sync: Sync, people: Iterable[Fields]) -> None:
    """Look many people's addresses up in the register at once."""
    addresses: dict[str, list[str]] = defaultdict(list)
    for channel, own in {key for fields in people for key in consent_keys(sync, fields)}:
        addresses[channel].append(own)
    for channel, all_of_them in addresses.items():
        tx.optouts.of(channel, all_of_them)


def record_opt_out(tx: Transaction, sync: Sync, fields: Fields) -> Mapping[str, OptOut]:
    """The register's word on each consent field of somebody with these values."""
    found = {}
    for rule in sync.consents:
        key = address_key(rule, fields)
        entries = tx.optouts.of(key[0], [key[1]]) if key else {}
        if key and key[1] in entries:
            found[rule.name] = entries[key[1]]
    return found


def heed(tx: Transaction, sync: Sync, entity: Entity) -> Entity:
    """The entity with every opt-out that the register knows of its address; stored if that changed anything."""
    before = entity
    for name, entry in record_opt_out(tx, sync, entity.fields).items():
        held = entity.held.get(name)
        if held is None or held.value is not True:
            ver = 1 if held is None else held.ver + 1
            since = datetime.fromtimestamp(entry.since, UTC)
            entity = entity.holding(name, Held(True, ver, entry.app, since, entry.seq))
    if entity is not before:
        tx.entities.put(entity, all_keys(sync, entity.fields))
    return entity
