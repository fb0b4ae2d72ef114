"""Work on its way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import islice

from syncd.core.record import EntityId, Ref
from syncd.store.memory._tables import Tables
from syncd.store.values import Delivery, Intent, IntentState, Progress


class Hints:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, refs: Iterable[Ref], due: float) -> None:
        for ref in refs:
            self._tables.put(self._tables.hints, ref, (due, self.tries(ref)))

    def due(self, app: str, object: str, now: float, limit: int) -> Sequence[Ref]:
        hints = self._tables.hints.items()
        ripe = sorted((due, ref) for ref, (due, _) in hints if due <= now and ref.app == app and ref.object == object)
        return [ref for _, ref in ripe[:limit]]

    def between(self, app: str, object: str, since: float, until: float) -> Collection[Ref]:
        due = {ref: at for ref, (at, _) in self._tables.hints.items() if ref.app == app and ref.object == object}
        return frozenset(ref for ref, at in due.items() if since < at <= until)

    def drop(self, refs: Sequence[Ref], read_at: float) -> None:
        for ref in refs:
            if ref in self._tables.hints and self._tables.hints[ref][0] <= read_at:
                self._tables.drop(self._tables.hints, ref)

    def postpone(self, ref: Ref, until: float) -> None:
        self._tables.put(self._tables.hints, ref, (until, self.tries(ref) + 1))

    def tries(self, ref: Ref) -> int:
        return self._tables.hints[ref][1] if ref in self._tables.hints else 0

    def count(self, app: str) -> int:
        return sum(1 for ref in self._tables.hints if ref.app == app)


class Cursors:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, sync: str, app: str) -> Progress:
        return self._tables.cursors.get((sync, app), Progress())

    def put(self, sync: str, app: str, progress: Progress) -> None:
        kept = replace(progress, cursor=None) if progress.cursor == "" else progress
        self._tables.put(self._tables.cursors, (sync, app), kept)


class Deliveries:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def owe(self, delivery: Delivery) -> None:
        name = (delivery.sync, delivery.app, delivery.entity)
        before = self._tables.deliveries.get(name)
        if before is None:
            joined = replace(delivery, attempts=0) if delivery.attempts else delivery
        else:
            due, urgent = min(before.due, delivery.due), before.urgent or delivery.urgent
            cause = before.cause if delivery.cause is None else delivery.cause
            joined = replace(delivery, due=due, urgent=urgent, attempts=before.attempts, cause=cause)
        self._tables.put(self._tables.deliveries, name, joined)

    def due(self, app: str, now: float, limit: int, *, sync: str = "") -> Sequence[Delivery]:
        debts = self._tables.deliveries.values()
        ripe = [d for d in debts if d.app == app and d.due <= now and (not sync or d.sync == sync)]
        return sorted(ripe, key=lambda d: (not d.urgent, d.due, d.sync, d.entity))[:limit]

    def get(self, sync: str, app: str, entity: EntityId) -> Delivery | None:
        return self._tables.deliveries.get((sync, app, entity))

    def postpone(self, delivery: Delivery, until: float) -> None:
        name = (delivery.sync, delivery.app, delivery.entity)
        known = self._tables.deliveries.get(name)
        if known is not None:
            self._tables.put(self._tables.deliveries, name, replace(known, due=until, attempts=known.attempts + 1))

    def settle(self, delivery: Delivery) -> None:
        self._tables.drop(self._tables.deliveries, (delivery.sync, delivery.app, delivery.entity))

    def count(self, app: str, *, sync: str = "", until: float | None = None, most: int | None = None) -> int:
        owed = (d for d in self._tables.deliveries.values() if d.app == app and sync in ("", d.sync))
        return sum(1 for _ in islice((d for d in owed if until is None or d.due <= until), most))

    def removals(self, app: str, sync: str) -> int:
        owed = (d for d in self._tables.deliveries.values() if d.app == app and d.sync == sync)
        return sum(1 for debt in owed if self._tables.entities[debt.entity].deleted)

    def next_due(self, app: str) -> float | None:
        return min((debt.due for debt in self._tables.deliveries.values() if debt.app == app), default=None)

    def flush(self) -> None:
        pass


class Intents:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def put(self, intents: Sequence[Intent]) -> None:
        for intent in intents:
            self._tables.put(self._tables.intents, intent.key, intent)

    def drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._tables.drop(self._tables.intents, key)

    def get(self, app: str, key: str) -> Intent | None:
        found = self._tables.intents.get(key)
        return found if found is not None and found.app == app else None

    def of_entities(self, entities: Sequence[EntityId], app: str) -> dict[EntityId, Intent]:
        by_entity = {intent.entity: intent for intent in self.open(app)}
        return {entity: by_entity[entity] for entity in entities if entity in by_entity}

    def of_refs(self, app: str, refs: Sequence[Ref]) -> dict[Ref, Intent]:
        by_ref = {intent.ref: intent for intent in self.open(app) if intent.ref is not None}
        return {ref: by_ref[ref] for ref in refs if ref in by_ref}

    def open(self, app: str = "", state: IntentState | None = None) -> Sequence[Intent]:
        known = self._tables.intents.values()
        if not known:
            return []
        found = [i for i in known if (not app or i.app == app) and (state is None or i.state is state)]
        return sorted(found, key=lambda intent: (intent.at, intent.key))

    def keys(self, app: str) -> Collection[str]:
        return frozenset(key for key, intent in self._tables.intents.items() if intent.app == app)

    def flush(self) -> None:
        pass
