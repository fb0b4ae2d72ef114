"""The gap between our look at a record and our write, in apps that take no condition with a write.

What a person types in just that moment is overwritten, and nobody has seen it. How long the gap is can be measured,
and sometimes it can be told that somebody was in it: then it is written down and counted, and where the app remembers
what its fields held, what was overwritten is looked up, so that it can be brought back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncd.core.fieldmap import Sync
from syncd.core.lens import Misfit, view
from syncd.core.record import Absent, Raw, Raws, Record, Ref, echoes
from syncd.engine.world import World
from syncd.errors import ConnectorError
from syncd.sdk.contract import Past, Remembers
from syncd.store.codec import plain
from syncd.store.values import Entry, Event, Intent, IntentKind

__all__ = ["Look", "moved", "overwritten", "watch"]


@dataclass(frozen=True, slots=True)
class Look:
    """What was read before a batch of writes, when, when the answer came, and whom the app told of in between."""

    began: float
    ended: float
    facts: Mapping[Ref, Record]
    told: Collection[Ref] = ()


def watch(
    world: World, sync: Sync, app: str, look: Look, stored: Sequence[Intent], after: Mapping[Ref, Record]
) -> None:
    """Measure the gap of each of these writes, which the app took, and note who seems to have been in it."""
    if world.object(sync, app).capabilities.conditional:
        return
    for intent in stored:
        before = look.facts.get(intent.ref) if intent.ref else None
        if intent.kind is not IntentKind.UPDATE or before is None:
            continue
        world.counts.gap(app, look.ended - look.began)
        now = after.get(before.ref)
        beside = moved(world, sync, before, intent.patch, now) if now else []
        reasons = [f"{name} changed as well" for name in beside]
        reasons += ["the app told of a change"] if before.ref in look.told else []
        if reasons:
            _suspect(world, sync, app, intent, before, "in between, " + ", ".join(reasons))


def moved(world: World, sync: Sync, before: Record, patch: Raws, after: Record) -> list[str]:
    """The fields outside of our patch that show another value after it; those that the app makes itself say nothing."""
    app, shapes = before.ref.app, world.object(sync, before.ref.app).fields
    names = []
    for rule in sync.mapped(app):
        lens = rule.lenses[app]
        if any(name in patch or name not in shapes or not shapes[name].writable for name in lens.window):
            continue
        if echoes(lens.window, before.fields, after.fields):
            continue
        then, now = view(lens, before.fields, {}), view(lens, after.fields, {})
        if then != now and not isinstance(then, Absent | Misfit) and not isinstance(now, Absent | Misfit):
            names.append(rule.name)
    return names


def overwritten(before: Raw, ours: Raw, history: Sequence[Past]) -> list[Raw] | None:
    """The values that came after the one we read and before the one we wrote; None where the history does not say."""
    values = [past.value for past in history]
    mine = next((place for place, value in enumerate(values) if _same(value, ours)), None)
    if mine is None:
        return None
    older = values[mine + 1 :]
    for place, value in enumerate(older):
        if _same(value, before):
            return older[:place]
    return older if _same(before, None) else None  # of a field that was always blank, the history knows no blank


def _same(one: Raw, other: Raw) -> bool:
    """A history may tell every value as text."""
    return str("" if one is None else one) == str("" if other is None else other)


def _suspect(world: World, sync: Sync, app: str, intent: Intent, before: Record, note: str) -> None:
    lost = {name: overwritten(before.fields.get(name), intent.patch[name], past) for name, past in _past(world, intent)}
    if lost.keys() == intent.patch.keys() and all(values == [] for values in lost.values()):
        return  # the app's own history says that nobody was there
    fields = dict(_fields(sync, app, intent, before, {name: values or [] for name, values in lost.items()}))
    entry = Entry(event=Event.SUSPECTED, sync=sync.name, entity=intent.entity, ref=intent.ref, fields=fields)
    with world.store.begin() as tx:
        tx.log.append(replace(entry, cause=intent.cause, note=note, mapping=sync.digest))
        name = f"suspected:{app}"
        tx.meta.put(name, str(int(tx.meta.get(name) or 0) + 1))
    world.counts.suspected(app)


def _past(world: World, intent: Intent) -> Iterator[tuple[str, Sequence[Past]]]:
    connector = world.apps[intent.app].connector
    if not isinstance(connector, Remembers) or intent.ref is None:
        return
    try:
        yield from connector.history(intent.ref, list(intent.patch)).items()
    except ConnectorError as failed:
        world.log.warning("history not read", app=intent.app, reason=failed.message)


def _fields(
    sync: Sync, app: str, intent: Intent, before: Record, lost: Mapping[str, Sequence[Raw]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was written, over what, and what was there in between as far as it is known, in canonical terms."""
    for name, value in intent.goal.items():
        lens = sync.rules[name].lenses[app]
        if not any(raw in intent.patch for raw in lens.window):
            continue
        told: dict[str, Any] = {"old": _told(view(lens, before.fields, {})), "new": plain(value)}
        between = [{**before.fields, raw: past} for raw in lens.window for past in lost.get(raw, ())]
        if between:
            told["overwritten"] = [_told(view(lens, raws, {})) for raws in between]
        yield name, told


def _told(seen: Any) -> Any:
    if isinstance(seen, Absent):
        return None
    return seen.found if isinstance(seen, Misfit) else plain(seen)
