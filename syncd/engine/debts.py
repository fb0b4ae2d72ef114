"""Who is owed what: a comparison of state, made whenever an entity or a link has changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Sync
from syncd.core.match import keys
from syncd.core.record import Fields, Value
from syncd.engine.calls import reachable
from syncd.store.codec import plain
from syncd.store.ports import Transaction
from syncd.store.values import Delivery, Entry, Event, Parked, ParkedKind

__all__ = [
    "claims",
    "frozen",
    "lacks",
    "note_debt",
    "note_debts",
    "note_freed",
    "reckoned",
    "unreckoned",
    "waits",
]

_WHOLE = (ParkedKind.CONFLICT, ParkedKind.OPT_IN, ParkedKind.BLANK, ParkedKind.LOOP)


def frozen(sync: Sync, work: list[Parked], entity: Entity, app: str) -> frozenset[str]:
    """The fields of an entity that wait for a person before they may be written to an app.

    While a delete waits for its answer that is all of them but the opt-outs, which wait for nobody.
    """
    fields = {item.field for item in work if item.kind in _WHOLE}
    if waits(work):
        fields |= {rule.name for rule in sync.rules.values() if not rule.consent}
    for item in work:
        if item.kind is ParkedKind.AMBIGUOUS and item.app == app and item.field:
            fields.add(item.field)  # another record there has this match key
        refused = item.kind is ParkedKind.QUARANTINE and item.app == app and item.field and item.ref is None
        if refused and item.detail.get("value") == plain(entity.value(item.field)):
            fields.add(item.field)
    return frozenset(fields)


def waits(work: list[Parked]) -> bool:
    """The whole entity waits: a delete has not been answered yet."""
    return any(item.kind is ParkedKind.HOLD for item in work)


def note_debts(tx: Transaction, sync: Sync, entity: Entity, cause: int | None, *, urgent: bool = False) -> None:
    """Owe each app of the sync what it lacks; nothing where it is up to date."""
    work = tx.parked.of([entity.id]).get(entity.id, [])
    for link in tx.links.of(entity.id) if not waits(work) else ():
        _scope(tx, sync, entity, link, frozen(sync, work, entity, link.ref.app))
    for app in sync.apps:
        if lacks(tx, sync, entity, app, work):
            tx.deliveries.owe(Delivery(sync.name, app, entity.id, tx.now, cause, 0, urgent))


def note_debt(tx: Transaction, sync: Sync, entity: Entity, app: str, cause: int | None) -> None:
    """Owe one app what it still lacks, once it has taken something. What others lack is no other than before."""
    work = tx.parked.of([entity.id]).get(entity.id, [])
    link = tx.links.at(entity.id, app)
    if link is None or waits(work):
        return
    _scope(tx, sync, entity, link, frozen(sync, work, entity, app))
    if lacks(tx, sync, entity, app, work):
        tx.deliveries.owe(Delivery(sync.name, app, entity.id, tx.now, cause))


def unreckoned(tx: Transaction, sync: Sync) -> None:
    """Debts are about to be noted, of a person's answer. If by a mapping that was not reckoned by yet, what it leaves
    out is nobody's debt; once the mapping is what it was before, that is found out only if all is reckoned anew."""
    name = reckoned(sync)
    if tx.meta.get(name) != sync.digest:
        tx.meta.put(name, "anew")


def reckoned(sync: Sync) -> str:
    """The fact of the store that says by which mapping debts were last reckoned."""
    return f"reckoned:{sync.name}"


def note_freed(tx: Transaction, sync: Sync, works: Iterable[Parked], cause: int | None) -> None:
    """Questions about who is whose are closed: what had waited for the answers is owed."""
    for id in dict.fromkeys(id for work in works for id in work.concerned):
        entity = tx.entities.get(id)
        if not entity.deleted:
            note_debts(tx, sync, entity, cause)


def _scope(tx: Transaction, sync: Sync, entity: Entity, link: Link, parked: frozenset[str]) -> None:
    """An entity outside an app's filter is left alone there once its last update has gone through; nothing is deleted.

    One that comes back within the filter goes on where it stopped, merged against what was seen then; but for one that
    was deleted elsewhere meanwhile: there what was let go of stays so, unless it is edited.
    """
    if entity.deleted:
        return
    wants = sync.filters.get(link.ref.app)
    within = wants is None or wants(entity.fields)
    if link.state is LinkState.LIVE and not within and not link.owed(entity, sync, parked):
        tx.links.put(sync.name, replace(link, state=LinkState.OUT_OF_SCOPE))
        tx.log.append(Entry(event=Event.LEFT, sync=sync.name, entity=entity.id, ref=link.ref))
    elif link.state is LinkState.OUT_OF_SCOPE and within:
        tx.links.put(sync.name, replace(link, state=LinkState.LIVE))
        tx.hints.add([link.ref], tx.now)  # what was typed there while it was left alone was told to nobody


def claims(tx: Transaction, sync: Sync, entity: Entity, link: Link, parked: frozenset[str]) -> Fields:
    """What the app is to be told now. Outside its filter that is an opt-out and nothing else."""
    wanted = reachable(tx, sync, link.ref.app, link.owed(entity, sync, parked))
    wanted = {name: value for name, value in wanted.items() if not _elsewhere(sync, name, value, parked)}
    match link.state:
        case LinkState.LIVE:
            return wanted
        case LinkState.OUT_OF_SCOPE:
            return {name: value for name, value in wanted.items() if value is True and sync.rules[name].consent}
        case _:
            return {}


def _elsewhere(sync: Sync, name: str, value: Value, parked: frozenset[str]) -> bool:
    """That somebody may be mailed is said of an address: while the app keeps another one, it is not said there."""
    rule = sync.rules[name]
    return rule.consent and value is not True and rule.address in parked


def lacks(tx: Transaction, sync: Sync, entity: Entity, app: str, work: list[Parked]) -> bool:
    """Has this app yet to be told something about the entity?"""
    link = tx.links.at(entity.id, app)
    if link is not None:
        if entity.deleted and link.state is not LinkState.OUT_OF_SCOPE:
            return not waits(work)
        return bool(claims(tx, sync, entity, link, frozen(sync, work, entity, app)))
    if waits(work) or entity.deleted or app not in sync.creates or not keys(sync, entity.fields):
        return False
    if any(gone.ref.app == app for gone in tx.links.of(entity.id)):
        return False  # a person deleted it there: it stays deleted
    wants = sync.filters.get(app)
    return wants is None or wants(entity.fields)
