"""Taking in facts: who is this, what does it change, who must be told. All of a page in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

from syncd.core.entity import Entity, Held, Link, LinkState
from syncd.core.fieldmap import Sync, told
from syncd.core.guard import Guard, spared
from syncd.core.match import Ambiguous, Found, New, Taken, keys, match
from syncd.core.merge import Merge, Verdict, merge
from syncd.core.record import EntityId, Fields, Record, Ref, echoes
from syncd.engine.asks import ask
from syncd.engine.consent import all_keys, enrol, heed, newly_opted_out, opt_in, register
from syncd.engine.debts import note_debts, note_freed
from syncd.engine.deletes import believe
from syncd.engine.forgotten import hear, keep_out, turn_away
from syncd.engine.fuse import bearer
from syncd.engine.guards import is_set_aside, left_aside, refused, set_aside
from syncd.engine.namesakes import part, tells_apart
from syncd.engine.ours import adopted, made_by, touched
from syncd.engine.pointers import note_referrers
from syncd.engine.promises import agreed, one_each, reserved, wanted
from syncd.engine.revive import is_to_go, revive
from syncd.engine.strangers import age_of, any_strange, ask_whose, is_strange, made_for
from syncd.engine.tombs import bury, remains
from syncd.engine.world import Tally, World
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Intent, Parked, ParkedKind

__all__ = ["Source", "another", "bind", "creates", "succeeded", "take"]


class Source(str):
    """How a fact came: by a read of its id, or as a row of a listing."""

    __slots__ = ()


READ, LISTED = Source("read"), Source("listed")


@dataclass(frozen=True, slots=True)
class _Page:
    world: World
    tx: Transaction
    sync: Sync
    source: Source
    doubtful: Callable[[], Sequence[Intent]]
    """Creates in this app of which nobody knows whether they were applied; asked for where somebody is not linked."""
    writing: Collection[Ref] = ()
    """Records with an open write."""
    refused: Collection[Guard] = ()
    """What a person has said is to be put aside."""
    some_aside: Callable[[], bool] = bool
    """Whether new records of the app were put aside before; asked for where somebody is not known."""
    some_strange: Callable[[], bool] = bool
    """Whether it was said of any record of the app that it is not somebody's; asked for where one is known."""


def take(world: World, tx: Transaction, sync: Sync, facts: Sequence[Record], source: Source) -> Tally:
    """Fold facts of one app into the entities of a sync; note who is owed what."""
    if not facts:
        return Tally()
    app, read = facts[0].ref.app, len(facts)
    tx.links.load(sync.name, [fact.ref for fact in facts])
    if not tx.forgotten.open():  # else even what is known well may have to be kept out
        facts = [fact for fact in facts if not _is_echo(sync, tx.links.get(sync.name, fact.ref), fact)]
    open_writes = tx.intents.of_refs(app, [fact.ref for fact in facts])
    doubtful = {ref for ref, intent in open_writes.items() if in_force(world, intent)}
    doubtful_creates, writing = cache(lambda: creates(tx, sync, app)), reserved(world, app, open_writes)
    some_aside, some_strange = cache(lambda: left_aside(tx, sync, app)), cache(lambda: any_strange(tx, sync, app))
    page = _Page(world, tx, sync, source, doubtful_creates, writing, refused(tx, sync, app), some_aside, some_strange)
    known = {fact.ref: tx.links.get(sync.name, fact.ref) for fact in facts}
    views = {fact.ref: told(sync, fact) for fact in facts if known[fact.ref] is None}
    holders = tx.entities.holders(sync.name, [key for fields in views.values() for key in keys(sync, fields)])
    entities = [link.entity for link in known.values() if link] + [id for ids in holders.values() for id in ids]
    tx.entities.load(entities)
    tx.links.load_of(entities)
    tx.parked.of(entities)
    known_fields = [*views.values(), *(tx.entities.get(link.entity).fields for link in known.values() if link)]
    register(tx, sync, known_fields)
    whole = world.syncs.get(sync.name, sync)  # a stopped app is told of opt-outs by a mapping of nothing else
    changed = 0
    for fact in facts:
        if fact.ref in doubtful:
            continue  # nothing is merged from a record whose last write is in doubt; resolving it reads again
        link = tx.links.get(sync.name, fact.ref)  # one that came before on this page may have changed whose it is
        if link is not None and is_to_go(tx, tx.entities.get(link.entity)) and not another(link, fact):
            if source is READ:
                keep_out(world, tx, sync, link, fact, told(sync, fact))
            elif link.state is not LinkState.LIVE or _again(page, link, fact):
                tx.hints.add([fact.ref], tx.now)  # a listing may still show what is gone, or was
            elif newly_opted_out(sync, link, fact):  # it may be gone before it is read
                hear(world, tx, sync, told(sync, fact), app)
            continue
        if link is not None and _again(page, link, fact):
            tx.hints.add([fact.ref], tx.now)
            continue
        if link is not None and succeeded(world, tx, sync, link, fact):
            link = None
        if link is not None and link.state is LinkState.GONE:
            link = _returned(page, link, fact)
            back = link is not None
        else:
            back = link is not None and link.state is LinkState.MISSING
        if link is None:
            changed += _first(page, fact, views.get(fact.ref) or told(sync, fact))
        elif link.state is LinkState.OUT_OF_SCOPE:
            changed += _outside(page, link, fact)
        else:
            owner, link = link.entity, link if link.seen else bearer(world, tx, sync, link, told(sync, fact))
            if newly_opted_out(whole, link, fact):  # by the address that it shows itself, whatever else is agreed
                enrol(world, tx, whole, told(whole, fact), app, None)
            found = replace(link, state=LinkState.LIVE, missed_at=None) if back else link
            changed += fold(page, tx.entities.get(link.entity), found, fact)
            for id in {owner: 0, link.entity: 0} if back else ():  # what they were owed had been let go
                note_debts(tx, sync, tx.entities.get(id), None)
                note_referrers(tx, world.syncs, sync.name, id)
    return Tally(read=read, changed=changed)


def _is_echo(sync: Sync, link: Link | None, fact: Record) -> bool:
    """Whether a fact says what its link says already: the very values, version and age of a record that is there."""
    if link is None or link.state is not LinkState.LIVE or link.missed_at is not None:
        return False
    same_age = fact.created is None or fact.created == link.created
    return same_age and fact.version == link.version and echoes(sync.window(fact.ref.app), link.seen, fact.fields)


def in_force(world: World, intent: Intent) -> bool:
    """Whether the mapping that a write was made by still stands: else nobody will ever settle it."""
    sync = world.syncs.get(intent.sync)
    return sync is not None and intent.app in sync.apps


def _again(page: _Page, link: Link, fact: Record) -> bool:
    """A listed row may be older than what we know: then only a read by id settles it."""
    if page.source is READ:
        return False
    if link.version.at is None and fact.version.at is not None and not link.seen:
        return True  # tied anew when two were fused: nothing tells how old the row is
    if link.version.at is None or fact.version.at is None:
        return link.state is LinkState.GONE
    if link.state is LinkState.GONE:
        return True
    return not _as_seen(page.sync, link, fact) and fact.version.at <= link.version.at


def _as_seen(sync: Sync, link: Link, fact: Record) -> bool:
    """Whether all that a record shows of the mapped fields is what it showed before."""
    window = sync.window(fact.ref.app)
    return all(name not in fact.fields or link.seen.get(name) == fact.fields[name] for name in window)


def _returned(page: _Page, link: Link, fact: Record) -> Link | None:
    """A record that was gone is here: the same one, restored, or another under its id."""
    tx, sync = page.tx, page.sync
    if another(link, fact):
        bury(tx, sync.name, link)
        return None
    entity = tx.entities.get(link.entity)
    if tx.links.at(entity.id, fact.ref.app) is not None:
        tx.links.drop(sync.name, fact.ref)
        return None
    note = "the record is back in the app"
    tx.log.append(Entry(event=Event.RETURNED, sync=sync.name, entity=entity.id, ref=fact.ref, note=note))
    work = tx.parked.of([entity.id]).get(entity.id, [])
    asked = [item for item in work if item.kind is ParkedKind.HOLD and item.app == fact.ref.app]
    tx.parked.withdraw(asked, "the record came back")
    if entity.deleted:
        revive(tx, sync, entity, note)  # what syncd had deleted elsewhere is made again
    return replace(link, state=LinkState.LIVE, missed_at=None)


def another(link: Link, fact: Record) -> bool:
    """The app has given the id of a record that is gone to a new one."""
    return fact.created is not None and link.created is not None and fact.created > link.created


def succeeded(world: World, tx: Transaction, sync: Sync, link: Link, fact: Record) -> bool:
    """The record has the id of an older one, which was deleted, and nobody had noticed yet: that is taken in first."""
    if link.state is LinkState.GONE or not another(link, fact):
        return False
    believe(world, tx, sync, link)
    bury(tx, sync.name, link)
    return True


def creates(tx: Transaction, sync: Sync, app: str) -> list[Intent]:
    """Creates in an app of which nobody knows yet what came of them."""
    return [intent for intent in tx.intents.open(app) if intent.ref is None and intent.sync == sync.name]


def _first(page: _Page, fact: Record, fields: Fields) -> int:
    """A record without a link: find its entity, or found one."""
    world, tx, sync, app = page.world, page.tx, page.sync, fact.ref.app
    made = next((create for create in page.doubtful() if made_for(tx, sync, create, fact)), None)
    if made is not None:  # whose it is may have become one with another since
        made = tx.intents.get(app, made.key)
    if made is not None and tx.links.at(made.entity, app) is None:  # whether it is within the filter by now or not
        return bind(world, tx, sync, tx.entities.get(made.entity), fact, "made by a create in doubt", fields)
    if turn_away(world, tx, sync, fact, fields, sure=page.source is READ):
        return 0
    wants = sync.filters.get(app)
    if wants is not None and not wants(fields):
        enrol(world, tx, sync, fields, app, None)
        return 0
    own = keys(sync, fields)
    holders = tx.entities.holders(sync.name, own)
    linked = frozenset(
        id for ids in holders.values() for id in ids if (at := tx.links.at(id, app)) is not None and at.ref != fact.ref
    )
    found = match(own, holders, linked)
    match found:
        case Found(id, by) if page.some_strange() and is_strange(tx, sync, fact.ref, id, fact.created):
            ask_whose(tx, sync, fact.ref, id, by)
        case Taken(id) if page.some_strange() and is_strange(tx, sync, fact.ref, id, fact.created):
            _answered(page, fact, "it was said to be somebody else's")
        case Found(id, by):
            _answered(page, fact, "matched")
            return bind(page.world, tx, sync, tx.entities.get(id), fact, f"found by {by}", fields)
        case New() if _left_alone(page, fact):
            pass
        case New():
            _answered(page, fact, "new")
            founded = Entity(world.new_entity(), sync.name)
            tx.links.begin(founded.id)
            tx.parked.begin(founded.id)
            return bind(page.world, tx, sync, founded, fact, "new", fields)
        case Taken(id, by):
            rival = tx.links.at(id, app)
            reason = f"a second record in {app} with the same {by}" + (f" as {rival.ref.id}" if rival else "")
            parked = Parked(kind=ParkedKind.DUPLICATE, sync=sync.name, app=app, ref=fact.ref, reason=reason)
            tx.parked.park(replace(parked, detail={"entity": id, "by": by, **age_of(fact)}))
        case Ambiguous(candidates, by):
            reason = f"{len(candidates)} entities have the same {by}"
            parked = Parked(kind=ParkedKind.AMBIGUOUS, sync=sync.name, app=app, ref=fact.ref, reason=reason)
            tx.parked.park(replace(parked, detail={"entities": list(candidates), "by": by}))
    enrol(world, tx, sync, fields, app, None)
    return 0


def _left_alone(page: _Page, fact: Record) -> bool:
    """Nothing is founded on a new record that a person has put aside, with many others, and nobody has edited since."""
    if Guard.CREATES in page.refused:
        set_aside(page.tx, page.sync, fact.ref, fact.fields)
        return True
    return page.some_aside() and is_set_aside(page.tx, page.sync, fact.ref, fact.fields)


def _answered(page: _Page, fact: Record, how: str) -> None:
    """Whose a record is, is no question any more."""
    works = [work for work in page.tx.parked.rivals(fact.ref.app) if work.ref == fact.ref]
    page.tx.parked.withdraw(works, how)
    note_freed(page.tx, page.sync, works, None)


def bind(
    world: World, tx: Transaction, sync: Sync, entity: Entity, fact: Record, how: str, shown: Fields | None = None
) -> int:
    """Tie a record to an entity and take in what it shows, as first contact.

    If a create for this entity and app is in doubt and the record shows its key, it is its result: what it shows of
    the values we sent is our own write coming back, not an edit. Else the doubt goes on beside it. `shown`: what it
    says in canonical terms, where that is known.
    """
    link = Link(entity.id, fact.ref, created=fact.created)
    own = told(sync, fact) if shown is None else shown
    if is_to_go(tx, entity):
        keep_out(world, tx, sync, link, fact, own)
        return 0
    enrol(world, tx, sync, own, fact.ref.app, None)  # of the address it shows, whatever is agreed by now
    work = tx.parked.of([entity.id]).get(entity.id, [])
    held = [item for item in work if item.kind is ParkedKind.HOLD and item.app == fact.ref.app]
    tx.parked.withdraw(held, "there is such a record in the app again")
    sent = tx.intents.of_entities([entity.id], fact.ref.app).get(entity.id)
    edited = False
    if sent is not None and sent.ref is None and made_by(sync, sent, fact):
        edited = touched(sync, sent, fact)
        link = adopted(tx, sync, entity, link, fact, sent)
    done = fold(_Page(world, tx, sync, READ, tuple), entity, link, fact, how)
    note_referrers(tx, world.syncs, sync.name, entity.id)
    if entity.deleted:
        doubt = f"{fact.ref} may have been edited since it was made" if edited else ""
        _made_too_late(world, tx, sync, entity.id, doubt)
    return done


def _made_too_late(world: World, tx: Transaction, sync: Sync, id: EntityId, doubt: str) -> None:
    """A create in doubt has made a record of somebody whom a person deleted meanwhile: the policy decides again.

    An answer that was given before holds, unless the record shows what syncd did not write: see `believe` for `doubt`.
    """
    entity = tx.entities.get(id)
    if not entity.deleted:  # what the record shows has brought them back
        return
    entries = tx.log.find(entity=id, events=(Event.GONE, Event.DECIDED, Event.RETURNED))
    deleted = [entry.ref for entry in entries if entry.event is Event.GONE and not entry.note and entry.ref]
    gone = next((link for ref in deleted for link in tx.links.of(id) if remains(link.ref, ref)), None)  # the last one
    if gone is not None and (doubt or wanted(entries) is Event.GONE):
        tx.entities.put(replace(entity, deleted=False), all_keys(sync, entity.fields))
        believe(world, tx, sync, gone, doubt=doubt)


def _outside(page: _Page, link: Link, fact: Record) -> int:
    """A record that left its filter: only an opt-out, or its coming back, is taken in."""
    entity, fields = page.tx.entities.get(link.entity), told(page.sync, fact)
    known = {**entity.fields, **fields}
    enrol(page.world, page.tx, page.sync, known, fact.ref.app, None)
    wants = page.sync.filters.get(fact.ref.app)
    if wants is not None and (_as_seen(page.sync, link, fact) or not wants(known)):  # its own forms may be within
        return 0
    back = link if entity.deleted else replace(link, state=LinkState.LIVE)  # let go of before: no delete reaches it
    changed = fold(page, entity, back, fact)
    note_debts(page.tx, page.sync, page.tx.entities.get(entity.id), None)  # what has changed while it was left alone
    return changed


def fold(page: _Page, entity: Entity, link: Link, fact: Record, how: str = "") -> int:
    """Merge one fact of a linked record, log it, park what needs a person, note the debts. 1 if it changed anything."""
    world, tx, sync = page.world, page.tx, page.sync
    result = merge(entity, link, fact, sync, skew=world.safety.skew)
    if page.refused:
        result = spared(entity, result, sync, page.refused)
    agreed(sync, entity, link, result, page.writing)
    if how:
        one_each(tx, entity.id, fact.ref)
    if how or result.verdicts:
        seq = _log(tx, sync, entity, fact.ref, result, how)
        result = replace(result, entity=_stamped(result, seq))
        ask(world, tx, sync, entity, fact.ref, result, seq)
    else:
        seq = 0
    if how or result.link != tx.links.get(sync.name, fact.ref):  # `link` may be back from the missing already
        tx.links.put(sync.name, result.link)
    entity_now = result.entity
    if entity.deleted and result.news:
        note = "edited elsewhere: an edit beats a delete"
        seq = tx.log.append(Entry(event=Event.RETURNED, sync=sync.name, entity=entity.id, ref=fact.ref, note=note))
        entity_now = revive(tx, sync, entity_now, note)
    if entity_now is not entity or how:
        tx.entities.put(entity_now, all_keys(sync, entity_now.fields))
        for v in result.verdicts:
            if v.verdict is Verdict.TAKEN and v.old is True and sync.rules[v.field].consent:
                opt_in(tx, sync, sync.rules[v.field], entity_now.fields, seq or None, app=fact.ref.app)
        if tells_apart(sync, result.changed) and tx.links.of(entity.id):
            part(tx, sync, entity.id, "it has another key")
        entity_now = heed(tx, sync, entity_now)
        opted_out = any(v.new is True and sync.rules[v.field].consent for v in result.verdicts)
        if opted_out or any(rule.consent and rule.address in result.changed for rule in sync.rules.values()):
            enrol(world, tx, sync, entity_now.fields, fact.ref.app, seq or None)
        note_debts(tx, sync, entity_now, seq or None, urgent=opted_out)
    elif result.verdicts or result.link.seen != link.seen:  # a field that is only ever written may have been edited
        note_debts(tx, sync, entity_now, seq or None)
    return 1 if result.news else 0


def _stamped(result: Merge, seq: int) -> Entity:
    held: dict[str, Held] = dict(result.entity.held)
    for name in result.changed:
        own = held[name]
        held[name] = Held(own.value, own.ver, own.author, own.at, seq)
    return replace(result.entity, held=held)


def _log(tx: Transaction, sync: Sync, entity: Entity, ref: Ref, result: Merge, how: str) -> int:
    fields = {
        v.field: {
            "old": v.old,
            "new": v.new,
            "verdict": v.verdict.value,
            "rule": v.rule,
            "from": entity.held[v.field].seq if v.field in entity.held else None,
        }
        for v in result.verdicts
    }
    event = Event.LINKED if how else Event.MERGED
    return tx.log.append(
        Entry(
            event=event,
            sync=sync.name,
            entity=entity.id,
            ref=ref,
            fields=fields,
            note=how,
            cause=max((entity.held[name].seq for name in result.changed if name in entity.held), default=0) or None,
            mapping=sync.digest,
        )
    )
