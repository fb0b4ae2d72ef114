"""Opt-outs wait for nobody: while a guard has stopped an app, it is listened to for them, and told of them, alone.

Nothing else is taken in from what is read for this, and nothing else is written. The cursor stays where it is, and what
was read is read again once the guard's question is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from syncd.core.entity import LinkState
from syncd.core.fieldmap import Sync, told
from syncd.core.lens import view
from syncd.core.record import Absent, Record, Ref
from syncd.engine import apart, calls
from syncd.engine.consent import enrol, newly_opted_out
from syncd.engine.debts import claims, frozen, note_debt
from syncd.engine.push import deliver, payable
from syncd.engine.take import READ, another, take
from syncd.engine.world import Tally, World
from syncd.sdk.contract import Page
from syncd.store.ports import Transaction
from syncd.store.values import Delivery

__all__ = ["hear_opt_outs", "tell_opt_outs", "urgent"]

_BATCH: Final = 100


def hear_opt_outs(world: World, app: str) -> Tally:
    """List what may have changed in the app, and take in who has opted out there."""
    tally = Tally()
    for sync in world.syncs.values():
        if not any(app in rule.lenses for rule in sync.consents):
            continue
        with world.store.read() as tx:
            progress = tx.cursors.get(sync.name, app)
            hinted = tx.hints.due(app, sync.apps[app], tx.now, _BATCH)
        incremental = world.object(sync, app).capabilities.incremental
        since = progress.cursor if incremental and progress.listed_at is not None else None
        with world.apps[app].turn:
            tally += _heard(world, sync, app, _read(world, sync, app, hinted))
            for page in calls.changes(world, app, sync.apps[app], since):
                tally += _heard(world, sync, app, _facts(world, sync, app, page))
    return tally


def tell_opt_outs(world: World, app: str) -> Tally:
    """Tell the app who has opted out elsewhere."""
    tally = Tally()
    if world.apps[app].read_only:
        return tally
    with world.apps[app].turn:
        with world.store.read() as tx:
            due = urgent(world, tx, app)
        for sync in world.syncs.values():
            mine = [delivery for delivery in due if delivery.sync == sync.name]
            if mine:
                tally += deliver(world, _alone(sync, app), app, mine)
                _owe_the_rest(world, sync, app, mine)
    return tally


def urgent(world: World, tx: Transaction, app: str) -> list[Delivery]:
    """Opt-outs that the app has yet to be told of, about records that it has."""
    due = [delivery for delivery in payable(world, tx, app, _BATCH) if delivery.urgent]
    return [delivery for delivery in due if _opts_out(tx, _alone(world.syncs[delivery.sync], app), delivery)]


def _opts_out(tx: Transaction, sync: Sync, delivery: Delivery) -> bool:
    """Nothing is said of anybody but that they have opted out: that somebody may be mailed again can wait."""
    entity, link = tx.entities.get(delivery.entity), tx.links.at(delivery.entity, delivery.app)
    if entity.deleted or link is None:
        return False
    work = tx.parked.of([entity.id]).get(entity.id, [])
    said = claims(tx, sync, entity, link, frozen(sync, work, entity, delivery.app))
    return bool(said) and all(value is True for value in said.values())


def _alone(sync: Sync, app: str) -> Sync:
    """The sync as far as the app may show and be told opt-outs: but for those it keeps together with something else."""
    others = {name for rule in sync.mapped(app) if not rule.consent for name in rule.lenses[app].window}
    rules = {}
    for name, rule in sync.rules.items():
        apart_of_it = rule.consent and app in rule.lenses and others.isdisjoint(rule.lenses[app].window)
        lenses = rule.lenses if apart_of_it else {other: lens for other, lens in rule.lenses.items() if other != app}
        rules[name] = replace(rule, lenses=lenses)
    return replace(sync, rules=rules, creates=frozenset())


def _facts(world: World, sync: Sync, app: str, page: Page) -> Sequence[Record]:
    """The records of a page that may show an opt-out; where rows are no facts, they are read."""
    rows = [row for row in page.rows if isinstance(row, Record) and _may_say_so(sync, row)]
    return rows if page.facts else _read(world, sync, app, [row.ref for row in rows])


def _may_say_so(sync: Sync, row: Record) -> bool:
    app = row.ref.app
    shown = [view(rule.lenses[app], row.fields, {}) for rule in sync.consents if app in rule.lenses]
    return any(one is True or isinstance(one, Absent) for one in shown)


def _read(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Sequence[Record]:
    with world.store.read() as tx:
        tx.links.load(sync.name, refs)
        opted_out = {ref for ref in refs if _known(tx, sync, ref)}
    asked = apart.read(world, sync, app, [ref for ref in dict.fromkeys(refs) if ref not in opted_out])
    return [fact for fact in asked.found.values() if isinstance(fact, Record)]


def _known(tx: Transaction, sync: Sync, ref: Ref) -> bool:
    """Whoever this is of has opted out of everything already."""
    link = tx.links.get(sync.name, ref)
    return link is not None and all(tx.entities.get(link.entity).value(rule.name) for rule in sync.consents)


def _heard(world: World, sync: Sync, app: str, facts: Iterable[Record]) -> Tally:
    with world.store.begin() as tx:
        news: list[Record] = []
        for fact in facts:
            link = tx.links.get(sync.name, fact.ref)
            enrol(world, tx, sync, told(sync, fact), app, None)
            live = link is not None and link.state is LinkState.LIVE and link.seen and not another(link, fact)
            if link is not None and live and newly_opted_out(sync, link, fact):
                news.append(fact)
        tally = take(world, tx, _alone(sync, app), news, READ)
        tx.hints.add([fact.ref for fact in news], tx.now)
    return tally


def _owe_the_rest(world: World, sync: Sync, app: str, told_now: Sequence[Delivery]) -> None:
    """What else the app lacks is owed as before, and what it showed meanwhile is read again.

    Of those alone that were told: a debt that was put off stays so.
    """
    with world.store.begin() as tx:
        for delivery in told_now:
            if tx.deliveries.get(sync.name, app, delivery.entity) is not None:
                continue
            note_debt(tx, sync, tx.entities.get(delivery.entity), app, delivery.cause)
            link = tx.links.at(delivery.entity, app)
            if link is not None:
                tx.hints.add([link.ref], tx.now)
