"""Our own writes, met again: what an app shows of a write whose outcome nobody knew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from syncd.core.entity import Entity, Link
from syncd.core.fieldmap import Sync
from syncd.core.record import Record
from syncd.store.codec import plain
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Intent

__all__ = ["adopted", "kept_ours", "made_by", "touched"]


def adopted(tx: Transaction, sync: Sync, entity: Entity, link: Link, fact: Record, sent: Intent) -> Link:
    """The link of a record that a write in doubt has made or changed: fields that show what we sent are settled."""
    shown = {name: raw for name, raw in fact.fields.items() if name in sent.patch}
    ours = {name: raw for name, raw in shown.items() if kept_ours(sync, link.ref.app, name, sent, raw)}
    tx.intents.drop([sent.key])
    settled = {
        rule.name: {"new": plain(sent.goal[rule.name])}
        for rule in sync.mapped(link.ref.app)
        if rule.name in sent.goal and not ours.keys().isdisjoint(rule.lenses[link.ref.app].window)
    }
    entry = Entry(event=Event.RESOLVED, sync=sync.name, entity=entity.id, ref=fact.ref, fields=settled)
    tx.log.append(replace(entry, note="the write in doubt had been applied", cause=sent.cause))
    return replace(link, seen={**link.seen, **ours})


def touched(sync: Sync, sent: Intent, fact: Record) -> bool:
    """Does the record show anything but what this write has put there?"""
    shown = [name for name in sent.patch if name in fact.fields]
    return not all(kept_ours(sync, fact.ref.app, name, sent, fact.fields[name]) for name in shown)


def made_by(sync: Sync, create: Intent, fact: Record) -> bool:
    """Does the record show the values that this create sent for one of the ways to match?"""

    def same(name: str) -> bool:
        lens = sync.rules[name].lenses.get(create.app)
        raws = [raw for raw in lens.window if raw in create.patch] if lens else []
        return bool(raws) and all(_same(sync, create, raw, fact) for raw in raws)

    return any(all(same(name) for name in names) for names in sync.match)


def _same(sync: Sync, create: Intent, name: str, fact: Record) -> bool:
    if name not in fact.fields:
        return False
    shown, sent = fact.fields[name], create.patch[name]
    return str(shown).casefold() == str(sent).casefold() or kept_ours(sync, create.app, name, create, shown)


def kept_ours(sync: Sync, app: str, name: str, sent: Intent, raw: Any) -> bool:
    """Does the app show, in this raw field, what we sent, as it was or in the app's declared canonical form?"""
    if raw == sent.patch[name]:
        return True
    lenses = [rule.lenses[app] for rule in sync.mapped(app) if name in rule.lenses[app].window]
    return any(lens.settles({name: sent.patch[name]}).get(name) == raw for lens in lenses)
