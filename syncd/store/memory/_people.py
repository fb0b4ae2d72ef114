"""What concerns people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from syncd.core.record import EntityId, Ref
from syncd.store.codec import dump, load
from syncd.store.forgetting import SALT, blinded
from syncd.store.memory._tables import Tables
from syncd.store.values import AppState, OptOut, Parked, ParkedKind


class ParkedWork:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def park(self, work: Parked) -> int:
        tables = self._tables
        detail = load(dump(dict(work.detail)))
        known = tables.waiting.get(work.name)
        if known is not None:
            latest = replace(tables.parked[known], reason=work.reason, detail=detail, cause=work.cause)
            tables.put(tables.parked, known, latest)
            return known
        id = len(tables.parked) + 1
        ref = Ref(work.app, work.ref.object, work.ref.id) if work.ref else None
        fresh = replace(work, id=id, entity=work.entity or None, ref=ref, detail=detail)
        tables.put(tables.parked, id, replace(fresh, opened=self._tables.now, closed=None, answer="", by=""))
        tables.put(tables.waiting, work.name, id)
        return id

    def get(self, id: int) -> Parked | None:
        return self._tables.parked.get(id)

    def open(self, kinds: Sequence[ParkedKind] = (), *, sync: str = "", limit: int = 1000) -> Sequence[Parked]:
        if not self._tables.waiting:
            return []
        works = [self._tables.parked[id] for id in sorted(self._tables.waiting.values())]
        return [w for w in works if (not kinds or w.kind in kinds) and (not sync or w.sync == sync)][:limit]

    def newest(self, kinds: Sequence[ParkedKind], limit: int) -> Sequence[int]:
        works = [self._tables.parked[id] for id in sorted(self._tables.waiting.values(), reverse=True)]
        return [work.id for work in works if work.kind in kinds][:limit]

    def ever(self, entities: Iterable[EntityId], refs: Iterable[Ref]) -> Sequence[Parked]:
        these, those = set(entities), set(refs)
        return [work for work in self._tables.parked.values() if work.entity in these or work.ref in those]

    def begin(self, entity: EntityId) -> None:
        pass

    def of(self, entities: Iterable[EntityId]) -> dict[EntityId, list[Parked]]:
        if not self._tables.waiting:
            return {}
        found: dict[EntityId, list[Parked]] = {entity: [] for entity in entities}
        for work in self.open(limit=len(self._tables.waiting)):
            if work.entity in found:
                found[work.entity].append(work)
        return {entity: works for entity, works in found.items() if works}

    def close(self, id: int, answer: str, by: str) -> bool:
        tables, work = self._tables, self._tables.parked.get(id)
        if work is None or work.closed is not None:
            return False
        tables.put(tables.parked, id, replace(work, closed=self._tables.now, answer=answer, by=by))
        for name in [name for name, open in tables.waiting.items() if open == id]:
            tables.drop(tables.waiting, name)
        return True

    def withdraw(self, works: Iterable[Parked], why: str) -> None:
        for work in works:
            self.close(work.id, why, "")

    def erase(self, works: Iterable[Parked]) -> None:
        for work in works:
            self.close(work.id, "forgotten", "")
            kept = self._tables.parked[work.id]
            gone = replace(kept, reason="", detail={}, ref=None, answer="forgotten")
            self._tables.put(self._tables.parked, work.id, gone)

    def rivals(self, app: str) -> Sequence[Parked]:
        works = self.open((ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE), limit=len(self._tables.waiting))
        return [work for work in works if work.app in ("", app)]

    def counts(self) -> dict[str, int]:
        return dict(Counter(self._tables.parked[id].kind.value for id in self._tables.waiting.values()))


class OptOuts:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def of(self, channel: str, addresses: Iterable[str]) -> dict[str, OptOut]:
        known = {address: self._entry(channel, address) for address in addresses}
        return {
            address: replace(entry, address=address)
            for address, entry in known.items()
            if entry is not None and entry.lifted is None
        }

    def add(self, entry: OptOut) -> None:
        self._tables.put(self._tables.optouts, (entry.channel, entry.address), replace(entry, lifted=None))

    def lift(self, channel: str, address: str, at: float) -> None:
        for name in self._names(channel, address):
            known = self._tables.optouts.get((channel, name))
            if known is not None:
                self._tables.put(self._tables.optouts, (channel, name), replace(known, lifted=at))

    def conceal(self, channel: str, address: str) -> None:
        tables, known = self._tables, self._tables.optouts.get((channel, address))
        *_, name = self._names(channel, address)
        if known is None or name == address:
            return
        tables.drop(tables.optouts, (channel, address))
        if known.lifted is None or (channel, name) not in tables.optouts:
            tables.put(tables.optouts, (channel, name), replace(known, address=name))

    def _entry(self, channel: str, address: str) -> OptOut | None:
        found = [self._tables.optouts.get((channel, name)) for name in self._names(channel, address)]
        return next((entry for entry in found if entry is not None and entry.lifted is None), None)

    def _names(self, channel: str, address: str) -> list[str]:
        salt = self._tables.meta.get(SALT)
        return [address] if salt is None else [address, blinded(salt, (channel, address))]

    def count(self) -> int:
        return sum(1 for entry in self._tables.optouts.values() if entry.lifted is None)


class Apps:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, name: str) -> AppState:
        return self._tables.apps.get(name) or AppState(name)

    def pause(self, name: str, reason: str) -> bool:
        state = self.get(name)
        if state.paused:
            return False
        self._tables.put(self._tables.apps, name, replace(state, paused=reason, paused_at=self._tables.now))
        return True

    def resume(self, name: str) -> bool:
        state = self.get(name)
        if not state.paused:
            return False
        self._tables.put(self._tables.apps, name, replace(state, paused="", paused_at=None))
        return True

    def answered(self, name: str) -> None:
        known, now = self.get(name), self._tables.now
        if known.answered_at == now and not known.failing and known.failing_since is None:
            return
        state = replace(known, failing="", failing_since=None, answered_at=now)
        self._tables.put(self._tables.apps, name, state)

    def failing(self, name: str, reason: str) -> None:
        state = self.get(name)
        since = state.failing_since if state.failing else self._tables.now
        self._tables.put(self._tables.apps, name, replace(state, failing=reason, failing_since=since))

    def secret(self, app: str, name: str) -> str | None:
        return self._tables.secrets.get((app, name))

    def keep_secret(self, app: str, name: str, value: str) -> None:
        self._tables.put(self._tables.secrets, (app, name), value)

    def drop_secret(self, app: str, name: str) -> None:
        self._tables.drop(self._tables.secrets, (app, name))

    def secrets(self) -> Sequence[tuple[str, str, str]]:
        return sorted((app, name, value) for (app, name), value in self._tables.secrets.items())

    def heard(self, digest: str) -> bool:
        if digest in self._tables.heard:
            return True
        self._tables.put(self._tables.heard, digest, self._tables.now)
        return False

    def forget_heard(self, before: float) -> None:
        for digest in [digest for digest, at in self._tables.heard.items() if at < before]:
            self._tables.drop(self._tables.heard, digest)


class Meta:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, name: str) -> str | None:
        return self._tables.meta.get(name)

    def put(self, name: str, value: str) -> None:
        self._tables.put(self._tables.meta, name, value)

    def mark(self) -> str:
        return ""

    def marked(self, name: str) -> str:
        del name
        return ""
