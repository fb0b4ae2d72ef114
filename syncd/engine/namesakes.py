"""Two entities that come to have the same match key: neither is told to an app where the other has a record too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Sync
from syncd.core.match import Key, keys
from syncd.core.record import EntityId, Fields
from syncd.engine.debts import claims, frozen, note_debts
from syncd.store.ports import Transaction
from syncd.store.values import Intent, IntentKind, Parked, ParkedKind

__all__ = [
    "ask_about_key",
    "being_made",
    "key_field",
    "moves_on",
    "not_free",
    "part",
    "shows",
    "tells_apart",
    "unsettled",
]


def tells_apart(sync: Sync, names: Iterable[str]) -> bool:
    """Is one of these fields a match key by itself?"""
    return any(len(key) == 1 and key[0] in names for key in sync.match)


def ask_about_key(
    tx: Transaction,
    sync: Sync,
    app: str,
    entity: Entity,
    wanted: Iterable[str],
    showing: Sequence[Link],
    cause: int | None,
) -> frozenset[str]:
    """The fields that would make a second record of the app known by a key; a person is asked about each.

    `showing`: links of the app whose records showed one of the entity's keys when they were last seen.
    """
    own = [key for key in keys(sync, entity.fields) if key[0] in wanted]  # a key of several fields is a weak one
    taken: set[str] = set()
    for (field, value), holders in tx.entities.holders(sync.name, own).items():
        late = [link.entity for link in showing if _keeps(tx, sync, link, entity, (field, value))]
        for rival in dict.fromkeys([*holders, *late]):
            link = tx.links.at(rival, app) if rival != entity.id else None
            if link is None or field in taken:
                continue
            taken.add(field)
            tx.parked.park(
                Parked(
                    kind=ParkedKind.AMBIGUOUS,
                    sync=sync.name,
                    app=app,
                    entity=entity.id,
                    field=field,
                    reason=f"another record in {app} has the same {field}",
                    detail={"entities": [entity.id, rival], "by": field, "record": link.ref.id},
                    cause=cause,
                )
            )
    return frozenset(taken)


def _keeps(tx: Transaction, sync: Sync, link: Link, entity: Entity, key: Key) -> bool:
    """The record still shows the key, and is not about to show another."""
    name = key_field(sync, link.ref.app, (key[0],))
    return (
        name is not None
        and shows(link, name, key[1])
        and link.state is not LinkState.GONE
        and not moves_on(tx, sync, link, entity)
    )


def shows(link: Link, name: str, value: object) -> bool:
    """The record showed this value in a field of the app, in upper or lower case, when it was last seen."""
    return str(link.seen.get(name)).casefold() == str(value).casefold()


def unsettled(sync: Sync, app: str, intent: Intent) -> Iterator[tuple[str, str]]:
    """The keys that are not free before this write is settled: field of the app, and what stands there."""
    for name in _key_fields(sync, app):
        made = intent.kind is IntentKind.CREATE
        old = intent.patch.get(name) if made else intent.before.get(name)
        if (made or intent.kind is IntentKind.DELETE or name in intent.patch) and isinstance(old, str):
            yield name, old.casefold()


def being_made(tx: Transaction, sync: Sync, app: str, entity: Entity, wanted: Fields) -> frozenset[str]:
    """The fields that would give a record the key of another that may just be made there: a create in doubt counts."""
    names = {key[0]: key_field(sync, app, key) for key in sync.match if len(key) == 1 and key[0] in wanted}
    if not names:
        return frozenset()  # as with most changes: the open writes need not be asked for
    others = (i for i in tx.intents.open(app) if i.object == sync.apps[app] and i.entity != entity.id)
    made = {key for intent in others if intent.ref is None for key in unsettled(sync, app, intent)}
    return frozenset(own for own, name in names.items() if (name, str(wanted[own]).casefold()) in made)


def not_free(sync: Sync, app: str, create: Intent, leaving: Collection[tuple[str, str]]) -> bool:
    """Would this create give the app a key that another record there has, may have, or has not given up yet?"""
    own = ((name, create.patch.get(name)) for name in _key_fields(sync, app))
    return any((name, raw.casefold()) in leaving for name, raw in own if isinstance(raw, str))


def _key_fields(sync: Sync, app: str) -> Iterator[str]:
    for key in sync.match:
        name = key_field(sync, app, key)
        if name is not None:
            yield name


def key_field(sync: Sync, app: str, key: Sequence[str]) -> str | None:
    """The app's field that is a match key by itself; None where it takes several."""
    lens = sync.rules[key[0]].lenses.get(app) if len(key) == 1 and key[0] in sync.rules else None
    return lens.window[0] if lens is not None and len(lens.window) == 1 else None


def moves_on(tx: Transaction, sync: Sync, link: Link, entity: Entity) -> bool:
    """The record is somebody else's, who has another key by now; once the app is told of it, `entity`'s own is free."""
    other = tx.entities.get(link.entity)
    first = keys(sync, entity.fields)[:1]
    if not first or other.deleted or first[0] in keys(sync, other.fields):
        return False
    work = tx.parked.of([other.id]).get(other.id, [])
    owed = claims(tx, sync, other, link, frozen(sync, work, other, link.ref.app))
    if not tells_apart(sync, owed) or tx.deliveries.get(sync.name, link.ref.app, other.id) is None:
        return False
    return not any(
        tx.links.at(rival, link.ref.app)  # the next key is a third one's there: that will be a question
        for rivals in tx.entities.holders(sync.name, keys(sync, other.fields)).values()
        for rival in rivals
        if rival != other.id
    )


def part(tx: Transaction, sync: Sync, id: EntityId, why: str) -> None:
    """An entity has another key, or is no more: questions about whose key it is are closed, and what waited goes.

    A record that may be theirs by the key is looked at again: it may be somebody else's now.
    """
    for app in sync.apps:
        whose = [work.ref for work in tx.parked.rivals(app) if work.ref is not None and id in work.concerned]
        tx.hints.add(whose, tx.now)
        for work in [work for work in tx.parked.rivals(app) if work.field and id in work.detail.get("entities", ())]:
            tx.parked.withdraw([work], why)
            if work.entity is not None:
                note_debts(tx, sync, tx.entities.get(work.entity), work.cause)
