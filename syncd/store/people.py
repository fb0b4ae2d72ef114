"""What concerns people: parked work, the register of opt-outs, what was said of apps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, select

from syncd.core.record import EntityId, Ref
from syncd.store.codec import dump, load
from syncd.store.statements import chunks, upsert
from syncd.store.tables import AppRow, HeardRow, MetaRow, OptOutRow, ParkedRow, SecretRow, table
from syncd.store.values import OptOut, Parked, ParkedKind

__all__ = ["AppState", "Apps", "Meta", "OptOuts", "ParkedWork"]

PARKED, OPT_OUT, APP = table(ParkedRow), table(OptOutRow), table(AppRow)
META, SECRET, HEARD = table(MetaRow), table(SecretRow), table(HeardRow)


class ParkedWork:
    """Work that waits for a person."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now
        self._of: dict[EntityId, list[Parked]] = {}
        self._rivals: Sequence[Parked] | None = None

    def park(self, work: Parked) -> int:
        """Open a piece of work, or bring the one that is open up to date; its number."""
        self._forget()
        where = and_(PARKED.c.name == work.name, PARKED.c.closed.is_(None))
        row: dict[str, Any] = {
            "reason": work.reason,
            "detail": dump(dict(work.detail)),
            "cause": work.cause,
        }
        known = self._db.execute(select(PARKED.c.id).where(where)).scalar()
        if known is not None:
            self._db.execute(PARKED.update().where(PARKED.c.id == known).values(**row))
            return int(known)
        ref = {"object": work.ref.object, "record": work.ref.id} if work.ref else {"object": "", "record": ""}
        row |= {"name": work.name, "kind": work.kind.value, "sync": work.sync, "app": work.app}
        row |= {"entity": work.entity, "field": work.field, "opened": self._now, "answer": "", "by": "", **ref}
        made = self._db.execute(PARKED.insert().returning(PARKED.c.id), row)
        return int(made.scalar_one())

    def get(self, id: int) -> Parked | None:
        """One piece of work, open or closed."""
        row = self._db.execute(select(PARKED).where(PARKED.c.id == id)).first()
        return _parked(row) if row else None

    def open(self, kinds: Sequence[ParkedKind] = (), *, sync: str = "", limit: int = 1000) -> Sequence[Parked]:
        """Open work, oldest first."""
        where: list[ColumnElement[bool]] = [PARKED.c.closed.is_(None)]
        if kinds:
            where.append(PARKED.c.kind.in_([kind.value for kind in kinds]))
        if sync:
            where.append(PARKED.c.sync == sync)
        rows = self._db.execute(select(PARKED).where(and_(*where)).order_by(PARKED.c.id).limit(limit))
        return [_parked(row) for row in rows]

    def of(self, entities: Iterable[EntityId]) -> dict[EntityId, list[Parked]]:
        """The open work of each entity; an entity without any is not in the answer."""
        asked = list(dict.fromkeys(entities))
        for part in chunks([entity for entity in asked if entity not in self._of]):
            self._of.update({entity: [] for entity in part})
            where = and_(PARKED.c.entity.in_(part), PARKED.c.closed.is_(None))
            for row in self._db.execute(select(PARKED).where(where)):
                self._of[row.entity].append(_parked(row))
        return {entity: list(self._of[entity]) for entity in asked if self._of[entity]}

    def close(self, id: int, answer: str, by: str) -> bool:
        """Answer a piece of work; False if somebody else has done so already."""
        self._forget()
        where = and_(PARKED.c.id == id, PARKED.c.closed.is_(None))
        done = self._db.execute(PARKED.update().where(where).values(closed=self._now, answer=answer, by=by))
        return done.rowcount == 1

    def _forget(self) -> None:
        """What was read is no longer so."""
        self._of.clear()
        self._rivals = None

    def withdraw(self, works: Iterable[Parked], why: str) -> None:
        """Close work that has become pointless."""
        for work in works:
            self.close(work.id, why, "")

    def rivals(self, app: str) -> Sequence[Parked]:
        """The open questions about which record of an app is whose."""
        if self._rivals is None:
            self._rivals = self.open((ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE), limit=100_000)
        return [work for work in self._rivals if work.app in ("", app)]

    def counts(self) -> dict[str, int]:
        """How much is open, by kind."""
        rows = self._db.execute(
            select(PARKED.c.kind, func.count()).where(PARKED.c.closed.is_(None)).group_by(PARKED.c.kind)
        )
        return {kind: int(count) for kind, count in rows}


class OptOuts:
    """The register of opt-outs, by channel and normalised address."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, str], OptOut | None] = {}

    def of(self, channel: str, addresses: Iterable[str]) -> dict[str, OptOut]:
        """Those of the addresses that are opted out now."""
        asked = list(dict.fromkeys(addresses))
        for part in chunks([address for address in asked if (channel, address) not in self._known]):
            self._known.update({(channel, address): None for address in part})
            where = and_(OPT_OUT.c.channel == channel, OPT_OUT.c.address.in_(part), OPT_OUT.c.lifted.is_(None))
            for row in self._db.execute(select(OPT_OUT).where(where)):
                entry = OptOut(row.channel, row.address, row.since, row.app, row.seq, row.lifted)
                self._known[channel, row.address] = entry
        known = {address: self._known[channel, address] for address in asked}
        return {address: entry for address, entry in known.items() if entry is not None}

    def add(self, entry: OptOut) -> None:
        """Note an opt-out, or renew one that had been lifted."""
        self._known.clear()
        row = {"channel": entry.channel, "address": entry.address, "since": entry.since, "app": entry.app}
        upsert(self._db, OPT_OUT, [{**row, "seq": entry.seq, "lifted": None}])

    def lift(self, channel: str, address: str, at: float) -> None:
        """Recorded consent: the address may be mailed again."""
        self._known.clear()
        where = and_(OPT_OUT.c.channel == channel, OPT_OUT.c.address == address)
        self._db.execute(OPT_OUT.update().where(where).values(lifted=at))

    def count(self) -> int:
        """How many addresses are opted out."""
        where = OPT_OUT.c.lifted.is_(None)
        return int(self._db.execute(select(func.count()).select_from(OPT_OUT).where(where)).scalar_one())


@dataclass(frozen=True, slots=True)
class AppState:
    """How an app is doing. `paused` is the reason, "" while it runs."""

    name: str
    paused: str = ""
    paused_at: float | None = None
    failing: str = ""
    failing_since: float | None = None
    answered_at: float | None = None


class Apps:
    """What a person or a guard said of an app, its changing secrets, and the webhooks it has sent."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now

    def get(self, name: str) -> AppState:
        """The state of an app."""
        row = self._db.execute(select(APP).where(APP.c.name == name)).first()
        return AppState(*row) if row else AppState(name)

    def pause(self, name: str, reason: str) -> bool:
        """Stop everything for this app; False if it was paused already."""
        state = self.get(name)
        if state.paused:
            return False
        upsert(self._db, APP, [{"name": name, "paused": reason, "paused_at": self._now, "failing": state.failing}])
        return True

    def resume(self, name: str) -> bool:
        """Go on; False if it was not paused."""
        if not self.get(name).paused:
            return False
        upsert(self._db, APP, [{"name": name, "paused": "", "paused_at": None}])
        return True

    def answered(self, name: str) -> None:
        """The app answered a call."""
        row = {"name": name, "failing": "", "failing_since": None, "answered_at": self._now}
        upsert(self._db, APP, [{**row, "paused": self.get(name).paused}])

    def failing(self, name: str, reason: str) -> None:
        """The app does not answer."""
        state = self.get(name)
        since = state.failing_since if state.failing else self._now
        row = {"name": name, "failing": reason, "failing_since": since, "paused": state.paused}
        upsert(self._db, APP, [row])

    def secret(self, app: str, name: str) -> str | None:
        """A secret that changes while running."""
        where = and_(SECRET.c.app == app, SECRET.c.name == name)
        value: str | None = self._db.execute(select(SECRET.c.value).where(where)).scalar()
        return value

    def keep_secret(self, app: str, name: str, value: str) -> None:
        """Replace a secret."""
        upsert(self._db, SECRET, [{"app": app, "name": name, "value": value}])

    def heard(self, digest: str) -> bool:
        """Note a webhook call; True if the same call came in before."""
        if self._db.execute(select(HEARD.c.digest).where(HEARD.c.digest == digest)).first():
            return True
        self._db.execute(HEARD.insert(), {"digest": digest, "at": self._now})
        return False

    def forget_heard(self, before: float) -> None:
        """Let go of webhook calls older than any vendor's last retry."""
        self._db.execute(delete(HEARD).where(HEARD.c.at < before))


class Meta:
    """Facts about the store itself."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def get(self, name: str) -> str | None:
        """A fact, or None."""
        value: str | None = self._db.execute(select(META.c.value).where(META.c.name == name)).scalar()
        return value

    def put(self, name: str, value: str) -> None:
        """Replace a fact."""
        upsert(self._db, META, [{"name": name, "value": value}])


def _parked(row: Row[Any]) -> Parked:
    return Parked(
        kind=ParkedKind(row.kind),
        sync=row.sync,
        app=row.app,
        entity=EntityId(row.entity) if row.entity else None,
        ref=Ref(row.app, row.object, row.record) if row.record else None,
        field=row.field,
        reason=row.reason,
        detail=load(row.detail),
        cause=row.cause,
        id=row.id,
        opened=row.opened,
        closed=row.closed,
        answer=row.answer,
        by=row.by,
    )
