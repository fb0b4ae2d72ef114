"""Taking changes back: what would be, of which changes of the log; what people have changed since stays.

Of each field of each entity, the newest changes that were chosen are taken back, down to the first that was not: what
was agreed before them stands again, as a person's word, and goes to the apps as any edit does. So whatever bounds
edits bounds this: the vendors' limits, the guards, the filters, the register of opt-outs. Whoever syncd deleted is made
anew. An undo is in the log, entry by entry, and can itself be taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from syncd.core.entity import Entity, Held, LinkState
from syncd.core.fieldmap import Sync, Way
from syncd.core.merge import Verdict
from syncd.core.record import EntityId, Value
from syncd.engine.debts import frozen, note_debts, unreckoned
from syncd.engine.decree import decree
from syncd.engine.promises import APPROVED
from syncd.engine.revive import revive
from syncd.engine.world import World
from syncd.store.codec import dump, plain, value_from
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event

__all__ = ["Back", "Chosen", "Kept", "Undo", "choose", "take_back", "undoing"]

MOST: Final = 200_000
"""So many changes at most are taken back at once."""

_ALL: Final = 1_000_000
_PART: Final = 200
_OPTED_OUT: Final = "an opt-out is never taken back by an undo: only whoever opted out can, by opting in"
_AS_BEFORE: Final = "it is what it was before"
_CHANGED: Final = frozenset({Verdict.TAKEN.value, Verdict.SEEDED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which changes are to be taken back; what is empty is not asked about, and at least one thing must be."""

    seq: int = 0
    """This change alone."""
    run: int = 0
    """Everything since this run began, until the next one did."""
    undo: int = 0
    """What this undo has taken back."""
    app: str = ""
    """What was typed in this app."""
    sync: str = ""
    entity: EntityId | None = None
    field: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """One thing to be taken back: the value of a field, or, where `field` is empty, that somebody was deleted."""

    sync: str
    entity: EntityId
    field: str
    now: Value
    then: Value
    """What will stand again."""
    undoes: int
    """The newest change that is taken back."""
    apps: tuple[str, ...]
    """Where something will be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A change that stays, and why."""

    sync: str
    entity: EntityId
    field: str
    seq: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """What an undo comes to."""

    back: tuple[Back, ...]
    kept: tuple[Kept, ...]

    @property
    def digest(self) -> str:
        """The same for undos that take the same back."""
        text = dump([asdict(one) for one in self.back])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def choose(tx: Transaction, chosen: Chosen) -> tuple[Entry, ...]:
    """The changes that are meant, newest first. Those of which nothing can be taken back are not among them."""
    after, until = 0, chosen.until
    if chosen.seq:
        entry = tx.log.get(chosen.seq)
        found: Sequence[Entry] = [entry] if entry is not None else []
    else:
        after = max(chosen.run, chosen.undo)
        found = tx.log.find(
            entity=chosen.entity,
            app=chosen.app,
            sync=chosen.sync,
            field=chosen.field,
            since=chosen.since,
            after=after,
            limit=_ALL,
        )
    if chosen.run:
        ends = [entry.seq for entry in tx.log.find(events=(Event.BEGAN,), after=chosen.run, limit=_ALL)]
        found = [entry for entry in found if not ends or entry.seq < min(ends)]
    if chosen.undo:
        found = [entry for entry in found if entry.cause == chosen.undo]
    return tuple(
        entry
        for entry in found
        if (until is None or entry.at < until)
        and entry.entity is not None
        and (_fields(entry) or _ends(entry) or _said_yes(entry))
    )


def undoing(world: World, tx: Transaction, entries: Sequence[Entry], field: str = "") -> Undo:
    """What taking these changes back would come to; of one field only, if one is named."""
    back: list[Back] = []
    kept: list[Kept] = []
    by_entity: dict[EntityId, list[Entry]] = {}
    for entry in entries:
        if entry.entity is not None:
            by_entity.setdefault(entry.entity, []).append(entry)
    ids = list(by_entity)
    for start in range(0, len(ids), _PART):
        part = ids[start : start + _PART]
        tx.entities.load(part)
        tx.links.load_of(part)
        tx.parked.of(part)
        for id in part:
            for one in _of_entity(world, tx, id, by_entity[id], field):
                if isinstance(one, Back):
                    back.append(one)
                else:
                    kept.append(one)
    return Undo(back=tuple(back), kept=tuple(kept))


def take_back(world: World, undo: Undo, *, by: str, what: str) -> tuple[int, tuple[Kept, ...]]:
    """Do it. The number of the entry that heads the undo, and what was changed by somebody else meanwhile.

    `what`: what was chosen, in words. In parts, each a transaction: killed between two, it goes on where it stopped
    when the same is asked for again.
    """
    late: list[Kept] = []
    with world.store.begin() as tx:
        head = tx.log.append(Entry(event=Event.UNDONE, by=by, note=what))
    for start in range(0, len(undo.back), _PART):
        part = undo.back[start : start + _PART]
        with world.store.begin() as tx:
            tx.entities.load([one.entity for one in part])
            tx.links.load_of([one.entity for one in part])
            tx.parked.of([one.entity for one in part])
            for name in {one.sync for one in part}:
                unreckoned(tx, world.syncs[name])
            for one in part:
                reason = _moved(tx, one)
                if reason:
                    late.append(_stays(one.sync, one.entity, one.field, one.undoes, reason))
                else:
                    _back(world, tx, one, head, by)
    return head, tuple(late)


def _back(world: World, tx: Transaction, one: Back, head: int, by: str) -> None:
    sync, entity = world.syncs[one.sync], tx.entities.get(one.entity)
    if not one.field:
        note = "its delete was taken back"
        seq = tx.log.append(Entry(event=Event.RETURNED, sync=sync.name, entity=entity.id, cause=head, by=by, note=note))
        note_debts(tx, sync, revive(tx, sync, entity, note, by), seq)
        return
    fields = {one.field: {"old": plain(one.now), "new": plain(one.then), "undoes": one.undoes}}
    entry = Entry(event=Event.UNDONE, sync=sync.name, entity=entity.id, fields=fields, cause=head, by=by)
    seq = tx.log.append(replace(entry, mapping=sync.digest))
    decree(world, tx, sync, entity, {one.field: one.then}, seq, answer="undone", by=by)


def _moved(tx: Transaction, one: Back) -> str:
    """Why this is not taken back any more, though it was to be a moment ago."""
    entity = tx.entities.get(one.entity)
    if not one.field:
        lost = entity.deleted or any(link.state is LinkState.GONE for link in tx.links.of(entity.id))
        return "" if lost else "it is back already"
    held = entity.held.get(one.field)
    if held is not None and held.value == one.then and not entity.deleted:
        return _AS_BEFORE  # what was taken back before it may have brought that about: an opt-out is of an address
    if held is None or held.value != one.now or entity.deleted:
        return "it was changed just now"
    return ""


def _fields(entry: Entry) -> tuple[str, ...]:
    """The fields whose agreed value this entry tells of another of."""
    return tuple(name for name in entry.fields if _turned(entry, name))


def _turned(entry: Entry, field: str) -> bool:
    what = entry.fields.get(field)
    if what is None:
        return False
    if "verdict" in what:
        return what["verdict"] in _CHANGED
    told = entry.event in (Event.DECIDED, Event.UNDONE, Event.LINKED) and "new" in what
    return told and what.get("old") != what["new"]


def _said_yes(entry: Entry) -> tuple[str, ...]:
    """The fields of which an app told what the register knew by then: opt-outs come that way."""
    return tuple(name for name, what in entry.fields.items() if what.get("new") is True and what.get("old") is True)


def _ends(entry: Entry) -> bool:
    """Whether it tells of a delete, by a person at an app or by syncd."""
    return entry.event is Event.REMOVED or (entry.event is Event.GONE and not entry.note) or entry.note == APPROVED


def _stays(sync: str, entity: EntityId, field: str, seq: int, reason: str) -> Kept:
    return Kept(sync=sync, entity=entity, field=field, seq=seq, reason=reason)


def _of_entity(
    world: World, tx: Transaction, id: EntityId, chosen: Sequence[Entry], field: str
) -> Iterable[Back | Kept]:
    entity, newest = tx.entities.get(id), chosen[0].seq
    sync = world.syncs.get(entity.sync)
    if sync is None:
        yield _stays(entity.sync, id, "", newest, f"the configuration has no sync {entity.sync} any more")
        return
    seqs = {entry.seq for entry in chosen}
    told = tx.log.find(entity=id, limit=_ALL)
    if any(entry.event is Event.FORGETTING for entry in told):
        yield _stays(sync.name, id, "", newest, "a person asked to be forgotten: nothing brings them back")
        return
    ends = [entry for entry in chosen if _ends(entry)]
    if ends and not field:
        yield _return(tx, sync, entity, ends[0])
    names = dict.fromkeys(name for entry in chosen for name in _fields(entry) if field in ("", name))
    for name in dict.fromkeys(name for entry in chosen for name in _said_yes(entry) if field in ("", name)):
        if name in sync.rules and sync.rules[name].consent and name not in names:
            yield _stays(sync.name, id, name, newest, _OPTED_OUT)
    for name in names:
        if entity.deleted:
            yield _stays(sync.name, id, name, newest, "it is deleted; take that back first")
        else:
            yield _field(tx, sync, entity, name, [entry for entry in told if _turned(entry, name)], seqs)


def _return(tx: Transaction, sync: Sync, entity: Entity, end: Entry) -> Back | Kept:
    """Somebody who was deleted is made anew where they were."""
    links = tx.links.of(entity.id)
    lost = [link.ref.app for link in links if link.state is LinkState.GONE and link.ref.app in sync.apps]
    apps = tuple(app for app in sync.apps if app in lost and tx.links.at(entity.id, app) is None)
    if not links:
        return _stays(sync.name, entity.id, "", end.seq, "it has become one with another")
    if not apps:
        return _stays(sync.name, entity.id, "", end.seq, "it is back already")
    if any(tx.intents.of_entities([entity.id], app) for app in sync.apps):
        return _stays(sync.name, entity.id, "", end.seq, "a write to it is under way: say it again in a moment")
    return Back(sync=sync.name, entity=entity.id, field="", now=None, then=None, undoes=end.seq, apps=apps)


def _field(
    tx: Transaction, sync: Sync, entity: Entity, name: str, turns: Sequence[Entry], chosen: Collection[int]
) -> Back | Kept:
    """`turns`: whatever has changed the agreed value, newest first."""

    def stays(reason: str) -> Kept:
        mine = next(turn.seq for turn in turns if turn.seq in chosen)
        return _stays(sync.name, entity.id, name, mine, reason)

    rule, held, top = sync.rules.get(name), entity.held.get(name), turns[0]
    if rule is None or held is None:
        return stays("the mapping has no such field any more")
    if top.seq not in chosen or held.seq != top.seq:
        return stays(_since(top, held, chosen, name))
    mine: list[Entry] = []
    for turn in turns:
        if turn.seq not in chosen or turn.event is Event.LINKED:
            break
        mine.append(turn)
    if not mine:
        return stays("it was settled when the records were first tied: there was no agreed value before")
    then = value_from(mine[-1].fields[name].get("old"))
    if then == held.value:
        return stays(_AS_BEFORE)
    if rule.consent and then is not True:
        return stays(_OPTED_OUT)
    trial = entity.holding(name, Held(then, held.ver + 1))
    apps = tuple(link.ref.app for link in tx.links.of(entity.id) if _reached(tx, sync, trial, link.ref.app, name))
    return Back(sync=sync.name, entity=entity.id, field=name, now=held.value, then=then, undoes=top.seq, apps=apps)


def _reached(tx: Transaction, sync: Sync, trial: Entity, app: str, name: str) -> bool:
    """Would the app be told? What waits for an answer there now is answered by the undo."""
    link = tx.links.at(trial.id, app)
    if link is None or app not in sync.apps or sync.rules[name].ways.get(app, Way.READ) is Way.READ:
        return False
    work = tx.parked.of([trial.id]).get(trial.id, [])
    waiting = frozen(sync, [item for item in work if item.field != name], trial, app)
    return link.state is LinkState.LIVE and name in link.owed(trial, sync, waiting)


def _since(top: Entry, held: Held, chosen: Collection[int], name: str) -> str:
    """Who has changed it since."""
    if top.event is Event.UNDONE and top.fields[name].get("undoes") in chosen:
        return f"it is taken back already, by entry {top.seq}"
    if held.seq != top.seq:
        return f"it was changed since, by entry {held.seq}"
    return f"it was changed since, {f'by {top.by}' if top.by else f'in {top.app}'}, in entry {top.seq}"
