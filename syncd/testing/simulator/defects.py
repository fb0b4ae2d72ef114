"""Defects for mutants: each takes a function of the engine and gives back one that does it wrongly."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from syncd.console.undo import prepare
from syncd.core import merge as merging
from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Deletion, FieldRule, Sync
from syncd.core.lens import Misfit, View
from syncd.core.match import Key, Match, New, Taken
from syncd.core.merge import Merge, Verdict
from syncd.core.record import Absent, Cursor, EntityId, Gone, Merged, Outcome, Record, Ref, Stored, Update, Value
from syncd.core.record import Write as AnyWrite
from syncd.engine import apart
from syncd.engine.deletes import believe
from syncd.engine.draft import Draft
from syncd.engine.sight import Sight
from syncd.engine.world import Tally, World
from syncd.sdk.contract import Page
from syncd.store.ports import Transaction
from syncd.store.values import Delivery, Entry, Intent, IntentState

Function: TypeAlias = Callable[..., Any]

_AGAIN = 5.0
"""Seconds until a write is tried again that is taken for one that failed."""


def always(answer: object) -> Callable[[Function], Function]:
    """Whatever it is asked, it says this."""
    return lambda _: lambda *_, **__: answer


# --- writing -------------------------------------------------------------------------------------------------------


def writes_blindly(look: Function) -> Function:
    """`look` that reads no record before it is written over: what was seen last is what stands there."""

    def blind(world: World, sync: Sync, app: str, deliveries: Sequence[Delivery]) -> Sight:
        with world.store.read() as tx:
            links = {delivery.entity: tx.links.at(delivery.entity, app) for delivery in deliveries}
        sight: Sight = look(world, sync, app, [one for one in deliveries if links[one.entity] is None])
        known = {at.ref: Record(at.ref, at.seen, at.version, at.created) for at in links.values() if at}
        return replace(sight, records={**sight.records, **known})

    return blind


def sends_no_condition(drafted: Function) -> Function:
    """`drafted` that never says which version of a record it is about."""

    def unconditional(*given: Any) -> Draft | None:
        draft: Draft | None = drafted(*given)
        if draft is None or not isinstance(draft.write, Update):
            return draft
        return replace(draft, write=replace(draft.write, expect=None))

    return unconditional


def believes_itself(send: Function) -> Function:
    """`_send` that notes the values as seen when it sends them, and not when the app has said so."""

    def early(world: World, app: str, writes: Sequence[AnyWrite]) -> Sequence[Outcome]:
        with world.store.begin() as tx:
            for write in [one for one in writes if isinstance(one, Update)]:
                for name in world.syncs:
                    link = tx.links.get(name, write.ref)
                    if link is not None:
                        tx.links.put(name, replace(link, seen={**link.seen, **write.patch}))
        outcomes: Sequence[Outcome] = send(world, app, writes)
        return outcomes

    return early


def keeps_no_intent(write: Function) -> Function:
    """`write` that lets go of what was made durable as it calls the app."""

    def careless(world: World, app: str, writes: Sequence[AnyWrite]) -> Sequence[Outcome]:
        with world.store.begin() as tx:
            tx.intents.drop([one.key for one in writes])
        outcomes: Sequence[Outcome] = write(world, app, writes)
        return outcomes

    return careless


def forgets_what_was_on_its_way(_: Function) -> Function:
    """`recover` that takes for failed what a killed process has sent."""

    def forgetful(world: World, app: str = "") -> int:
        with world.store.begin() as tx:
            flying = tx.intents.open(app, IntentState.INFLIGHT)
            tx.intents.drop([intent.key for intent in flying])
        return len(flying)

    return forgetful


def takes_doubt_for_failure(_: Function) -> Function:
    """`_doubt` that tries again soon."""

    def hasty(world: World, tx: Transaction, sync: Sync, intent: Intent, reason: str) -> None:
        del world, reason
        tx.intents.drop([intent.key])
        debt = tx.deliveries.get(sync.name, intent.app, intent.entity)
        if debt is not None:
            tx.deliveries.postpone(debt, tx.now + _AGAIN)

    return hasty


def ignores_what_was_kept(store_outcomes: Function) -> Function:
    """`store_outcomes` that takes it for granted that an app keeps what it is given."""

    def trusting(
        world: World, sync: Sync, app: str, sent: Sequence[Any], outcomes: Sequence[Outcome], look: object
    ) -> Tally:
        bare = [replace(one, record=None) if isinstance(one, Stored) else one for one in outcomes]
        tally: Tally = store_outcomes(world, sync, app, sent, bare, look)
        return tally

    return trusting


def matches_by_place(store_outcomes: Function) -> Function:
    """`store_outcomes` that takes the first outcome for that of the first write, and so on."""

    def placed(
        world: World,
        sync: Sync,
        app: str,
        sent: Sequence[tuple[Intent, Delivery]],
        outcomes: Sequence[Outcome],
        look: object,
    ) -> Tally:
        keyed = [replace(one, key=intent.key) for (intent, _), one in zip(sent, outcomes, strict=False)]
        tally: Tally = store_outcomes(world, sync, app, sent, keyed, look)
        return tally

    return placed


def looks_for_nobody(_: Function) -> Function:
    """`find_records` that finds nobody."""

    def blind(world: World, sync: Sync, app: str, entities: Sequence[Entity]) -> Mapping[EntityId, Sequence[Ref]]:
        del world, sync, app
        return {entity.id: () for entity in entities}

    return blind


# --- reading -------------------------------------------------------------------------------------------------------


def skips_equal_times(changes: Function) -> Function:
    """`changes` that resumes just after the cursor."""

    def exclusive(world: World, app: str, object: str, since: Cursor | None) -> Iterator[Page]:
        later = None if since is None else Cursor(str(float(since) + 0.001))
        pages: Iterator[Page] = changes(world, app, object, later)
        return pages

    return exclusive


def takes_hints_for_facts(changes: Function) -> Function:
    """`changes` whose every row is a fact."""

    def trusting(world: World, app: str, object: str, since: Cursor | None) -> Iterator[Page]:
        return (replace(page, facts=True) for page in changes(world, app, object, since))

    return trusting


def takes_hidden_for_blank(read: Function) -> Function:
    """`read` that shows what is not shown as blank."""

    def blank(world: World, app: str, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        names = [name for shape in world.apps[app].objects.values() for name in shape.fields]
        found: Mapping[Ref, Record | Gone | Merged] = read(world, app, refs)
        return {
            ref: replace(fact, fields={**dict.fromkeys(names), **fact.fields}) if isinstance(fact, Record) else fact
            for ref, fact in found.items()
        }

    return blank


def never_lists_everything(pull: Function) -> Function:
    """`pull` that asks only for what has changed."""

    def incremental(world: World, sync: Sync, app: str, *, whole: bool = False) -> Tally:
        del whole
        tally: Tally = pull(world, sync, app)
        return tally

    return incremental


def reads_without_canaries(_: Function) -> Function:
    """`sworn_read` that swears nothing."""

    def unsworn(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        return apart.read(world, sync, app, refs).found

    return unsworn


def believes_the_first_miss(missed: Function) -> Function:
    """`missed` for which every 404 is a tombstone."""
    return lambda world, tx, sync, gone: missed(world, tx, sync, replace(gone, told=True))


# --- merging -------------------------------------------------------------------------------------------------------


def asks_the_clock(rule_on: Function) -> Function:
    """`_rule` that lets the later value win, whatever its app had been told."""

    def newest(
        rule: FieldRule, entity: Entity, app: str, now: Value, last: View, settled: View, at: Any, *rest: Any
    ) -> Any:
        ruling = rule_on(rule, entity, app, now, last, settled, at, *rest)
        ours = entity.held.get(rule.name)
        first = rule.consent or isinstance(settled, Absent | Misfit)
        if first or ruling is None or ruling.verdict not in (Verdict.TAKEN, Verdict.LOST):
            return ruling
        if at is None or ours is None or ours.at is None:
            return ruling
        wins = at > ours.at
        return ruling._replace(verdict=Verdict.TAKEN if wins else Verdict.LOST, value=now if wins else ours.value)

    return newest


def lets_blanks_win(rule_on: Function) -> Function:
    """`_rule` that takes the blank of an app which has never shown the field."""

    def blank(rule: FieldRule, entity: Entity, app: str, now: Value, last: View, settled: View, *rest: Any) -> Any:
        if now is None and isinstance(settled, Absent | Misfit) and entity.value(rule.name) is not None:
            # What a rule comes to has no public name.
            return None if rule.consent else merging._Ruling(Verdict.TAKEN, None, "blank")  # noqa: SLF001
        return rule_on(rule, entity, app, now, last, settled, *rest)

    return blank


def takes_every_opt_in(consent: Function) -> Function:
    """`_consent` that believes whoever spoke last."""

    def newest(rule: FieldRule, app: str, now: Value, value: Value, *, told: bool) -> Any:
        ruling = consent(rule, app, now, value, told=told)
        return None if now is None or ruling is None else ruling._replace(verdict=Verdict.TAKEN, value=now)

    return newest


def heeds_nothing(_: Function) -> Function:
    """`heed` that asks no register: what the record says is all there is."""
    return lambda _tx, _sync, entity: entity


def guesses_what_was_kept(merge: Function) -> Function:
    """`merge` that takes what looks like the agreed value, cut short or in another case, for what the app keeps."""

    def guessing(entity: Entity, link: Link, fact: Record, sync: Sync, **named: Any) -> Merge:
        seen, sent = dict(link.seen), dict(link.sent)
        for rule in sync.mapped(link.ref.app):
            (name, *_), ours = rule.lenses[link.ref.app].window, entity.value(rule.name)
            shown = fact.fields.get(name)
            if not (isinstance(shown, str) and isinstance(ours, str)) or shown in ("", ours, seen.get(name)):
                continue
            if shown.casefold() == ours.casefold() or ours.startswith(shown):
                seen[name], sent[rule.name] = shown, ours
        done: Merge = merge(entity, replace(link, seen=seen, sent=sent), fact, sync, **named)
        return done

    return guessing


def founds_a_second(match: Function) -> Function:
    """`match` for which a second record of an app is somebody new."""

    def anew(*given: Any) -> Match:
        found: Match = match(*given)
        return New() if isinstance(found, Taken) else found

    return anew


def believes_rows_though_older(_: Function) -> Function:
    """`_again` that looks again only at what is gone."""
    return lambda page, link, _fact: page.source == "listed" and link.state is LinkState.GONE


# --- deleting ------------------------------------------------------------------------------------------------------


def takes_leaving_for_deleting(fold: Function) -> Function:
    """`fold` for which a record that has left its filter was deleted."""

    def deleting(page: Any, entity: Entity, link: Link, fact: Record, how: str = "") -> int:
        done: int = fold(page, entity, link, fact, how)
        now = page.tx.links.get(page.sync.name, fact.ref)
        if now is not None and now.state is LinkState.OUT_OF_SCOPE and link.state is LinkState.LIVE:
            believe(page.world, page.tx, page.sync, now)
        return done

    return deleting


def lets_deletes_win(revive: Function) -> Function:
    """`revive` that brings nobody back for an edit."""

    def final(tx: Transaction, sync: Sync, entity: Entity, why: str, by: str = "") -> Entity:
        alive: Entity = entity if why.startswith("edited") else revive(tx, sync, entity, why, by)
        return alive

    return final


def holds_nothing(held_back: Function) -> Function:
    """`_held_back` for a mapping in which no delete waits for a yes."""

    def at_once(world: World, tx: Transaction, sync: Sync, *rest: Any) -> str:
        told = replace(sync, deletes=Deletion.PROPAGATE) if sync.deletes is Deletion.HOLD else sync
        reason: str = held_back(world, tx, told, *rest)
        return reason

    return at_once


def forgets_its_own_delete(removed: Function) -> Function:
    """`removed`: the record is thought to be there, until somebody else seems to have deleted it."""

    def forgetful(world: World, tx: Transaction, sync: Sync, intent: Intent, *rest: Any) -> None:
        removed(world, tx, sync, intent, *rest)
        link = tx.links.get(sync.name, intent.ref) if intent.ref else None
        if link is not None:
            tx.links.put(sync.name, replace(link, state=LinkState.LIVE))

    return forgetful


# --- what an operator says -----------------------------------------------------------------------------------------


def forgets_opt_outs(addresses: Function) -> Function:
    """`_addresses` of whoever is erased that lets go of what they had opted out of."""

    def lifted(world: World, tx: Transaction, entities: Sequence[Entity]) -> Sequence[Key]:
        for channel, address in addresses(world, tx, entities):
            tx.optouts.lift(channel, address, tx.now)
        return ()

    return lifted


def undoes_over_edits(field: Function) -> Function:
    """`_field` that looks at no change but those that are to be taken back."""

    def blind(
        tx: Transaction, sync: Sync, entity: Entity, name: str, turns: Sequence[Entry], chosen: Collection[int]
    ) -> object:
        mine = [turn for turn in turns if turn.seq in chosen]
        held = entity.held.get(name)
        if held is not None and mine:
            entity = entity.holding(name, held._replace(seq=mine[0].seq))
        return field(tx, sync, entity, name, mine or turns, chosen)

    return blind


def undoes_opt_outs(field: Function) -> Function:
    """`_field` that does not know which fields are about consent."""

    def careless(tx: Transaction, sync: Sync, *rest: Any) -> object:
        rules = {name: replace(rule, consent=False) for name, rule in sync.rules.items()}
        return field(tx, replace(sync, rules=rules), *rest)

    return careless


def undoes_what_it_is_now(carry_out: Function) -> Function:
    """`carry_out` for which what was shown is whatever it has become meanwhile."""
    return lambda world, order, *, by: carry_out(world, prepare(world, order.chosen), by=by)
