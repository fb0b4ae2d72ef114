"""What concerns people: parked work, the register of opt-outs, what was said of apps."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.ports)

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, func, select

from syncd.core.record import EntityId, Ref
from syncd.store.codec import dump, load
from syncd.store.connect import overwriting
from syncd.store.facts import Meta
from syncd.store.forgetting import SALT, blinded
from syncd.store.statements import Upsert, among, chunks, counted, given, same
from syncd.store.tables import AppRow, HeardRow, OptOutRow, ParkedRow, SecretRow, table
from syncd.store.values import AppState, OptOut, Parked, ParkedKind

__all__ = ["Apps", "OptOuts", "ParkedWork"]

PARKED, OPT_OUT, APP = table(ParkedRow), table(OptOutRow), table(AppRow)
SECRET, HEARD = table(SecretRow), table(HeardRow)

_OPEN: Final = PARKED.c.closed.is_(None)
_PARKED: Final = select(PARKED).where(same(PARKED.c.id))
_OPEN_BY_NAME: Final = select(PARKED.c.id).where(same(PARKED.c.name), _OPEN)
_PARK: Final = PARKED.insert().returning(PARKED.c.id)
_AGAIN: Final = PARKED.update().where(same(PARKED.c.id, prefix="of_"))
_CLOSE: Final = _AGAIN.where(_OPEN)
_NEWEST: Final = (
    select(PARKED.c.id).where(_OPEN, among(PARKED.c.kind)).order_by(PARKED.c.id.desc()).limit(bindparam("limit"))
)
_EVER: Final = select(PARKED).where(among(PARKED.c.entity))
_EVER_AT: Final = select(PARKED).where(same(PARKED.c.app, PARKED.c.object, PARKED.c.record))
_BY: Final[Mapping[str, ColumnElement[bool]]] = {"kind": among(PARKED.c.kind), "sync": same(PARKED.c.sync)}
_OPEN_OF: Final = select(PARKED).where(among(PARKED.c.entity), _OPEN).order_by(PARKED.c.id)
_COUNT_OPEN: Final = select(PARKED.c.kind, func.count()).where(_OPEN).group_by(PARKED.c.kind)

_STANDING: Final = OPT_OUT.c.lifted.is_(None)
_OPT_OUTS: Final = select(OPT_OUT).where(same(OPT_OUT.c.channel), among(OPT_OUT.c.address), _STANDING)
_COUNT_OPT_OUTS: Final = counted(OPT_OUT, _STANDING)
_LIFT: Final = OPT_OUT.update().where(same(OPT_OUT.c.channel, prefix="of_"), among(OPT_OUT.c.address, prefix="of_"))
_DROP_OPT_OUT: Final = delete(OPT_OUT).where(same(OPT_OUT.c.channel, OPT_OUT.c.address))
_EVER_OUT: Final = select(OPT_OUT).where(same(OPT_OUT.c.channel), among(OPT_OUT.c.address))
_PUT_OPT_OUT: Final = Upsert(OPT_OUT)

_APP: Final = select(APP).where(same(APP.c.name))
_PUT_APP: Final = Upsert(APP)
_SECRET: Final = select(SECRET.c.value).where(same(SECRET.c.app, SECRET.c.name))
_SECRETS: Final = select(SECRET).order_by(SECRET.c.app, SECRET.c.name)
_DROP_SECRET: Final = delete(SECRET).where(same(SECRET.c.app, SECRET.c.name))
_PUT_SECRET: Final = Upsert(SECRET)
_HEARD: Final = select(HEARD.c.digest).where(same(HEARD.c.digest))
_HEAR: Final = HEARD.insert()
_FORGET: Final = delete(HEARD).where(HEARD.c.at < bindparam("before"))

_RIVALS: Final = (ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE)


class ParkedWork:
    """Work that waits for a person."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now
        self._of: dict[EntityId, list[Parked]] = {}
        self._rivals: dict[str, Parked] | None = None
        """By name; kept while work is parked, for a listing may park thousands."""

    def park(self, work: Parked) -> int:
        self._of.clear()
        id = self._stored(work)
        if self._rivals is not None and work.kind in _RIVALS:
            self._rivals[work.name] = replace(work, id=id)
        return id

    def _stored(self, work: Parked) -> int:
        row: dict[str, Any] = {"reason": work.reason, "detail": dump(dict(work.detail)), "cause": work.cause}
        known = self._db.execute(_OPEN_BY_NAME, {"name": work.name}).scalar()
        if known is not None:
            self._db.execute(_AGAIN, {**row, "of_id": known})
            return int(known)
        ref = {"object": work.ref.object, "record": work.ref.id} if work.ref else {"object": "", "record": ""}
        row |= {"name": work.name, "kind": work.kind.value, "sync": work.sync, "app": work.app}
        row |= {"entity": work.entity, "field": work.field, "opened": self._now, "answer": "", "by": "", **ref}
        made = self._db.execute(_PARK, row)
        return int(made.scalar_one())

    def get(self, id: int) -> Parked | None:
        row = self._db.execute(_PARKED, {"id": id}).first()
        return _parked(row) if row else None

    def open(self, kinds: Sequence[ParkedKind] = (), *, sync: str = "", limit: int = 1000) -> Sequence[Parked]:
        asked = given(kind=[kind.value for kind in kinds], sync=sync)
        return [_parked(row) for row in self._db.execute(_open(*asked), {**asked, "limit": limit})]

    def newest(self, kinds: Sequence[ParkedKind], limit: int) -> Sequence[int]:
        return self._db.scalars(_NEWEST, {"kind": [kind.value for kind in kinds], "limit": limit}).all()

    def ever(self, entities: Iterable[EntityId], refs: Iterable[Ref]) -> Sequence[Parked]:
        found: dict[int, Parked] = {}
        for part in chunks(list(entities)):
            found.update({row.id: _parked(row) for row in self._db.execute(_EVER, {"entity": part})})
        for ref in refs:
            asked = {"app": ref.app, "object": ref.object, "record": ref.id}
            found.update({row.id: _parked(row) for row in self._db.execute(_EVER_AT, asked)})
        return [found[id] for id in sorted(found)]

    def begin(self, entity: EntityId) -> None:
        self._of.setdefault(entity, [])

    def of(self, entities: Iterable[EntityId]) -> dict[EntityId, list[Parked]]:
        asked = list(dict.fromkeys(entities))
        for part in chunks([entity for entity in asked if entity not in self._of]):
            self._of.update({entity: [] for entity in part})
            for row in self._db.execute(_OPEN_OF, {"entity": part}).all():
                self._of[row.entity].append(_parked(row))
        return {entity: list(self._of[entity]) for entity in asked if self._of[entity]}

    def close(self, id: int, answer: str, by: str) -> bool:
        self._forget()
        done = self._db.execute(_CLOSE, {"of_id": id, "closed": self._now, "answer": answer, "by": by})
        return done.rowcount == 1

    def _forget(self) -> None:
        """What was read is no longer so."""
        self._of.clear()
        self._rivals = None

    def withdraw(self, works: Iterable[Parked], why: str) -> None:
        for work in works:
            self.close(work.id, why, "")

    def erase(self, works: Iterable[Parked]) -> None:
        self._forget()
        for work in works:
            gone = {"reason": "", "detail": "{}", "object": "", "record": "", "answer": "forgotten"}
            gone["name"] = f"erased|{work.id}"
            ended = {} if work.closed is not None else {"closed": self._now}
            self._db.execute(_AGAIN, {**gone, **ended, "of_id": work.id})

    def rivals(self, app: str) -> Sequence[Parked]:
        if self._rivals is None:
            self._rivals = {work.name: work for work in self.open(_RIVALS, limit=100_000)}
        return [work for work in self._rivals.values() if work.app in ("", app)]

    def counts(self) -> dict[str, int]:
        return {kind: int(count) for kind, count in self._db.execute(_COUNT_OPEN)}


class OptOuts:
    """The register of opt-outs, by channel and normalised address."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, str], OptOut | None] = {}
        self._blind: dict[str, str] = {}
        """The hash of an address that was asked about, to the address."""

    def of(self, channel: str, addresses: Iterable[str]) -> dict[str, OptOut]:
        asked = list(dict.fromkeys(addresses))
        unknown = [address for address in asked if (channel, address) not in self._known]
        self._known.update({(channel, address): None for address in unknown})
        for part in chunks(self._names(channel, unknown)):
            for row in self._db.execute(_OPT_OUTS, {"channel": channel, "address": part}).all():
                address = self._blind.get(row.address, row.address)
                self._known[channel, address] = OptOut(channel, address, row.since, row.app, row.seq, row.lifted)
        known = {address: self._known[channel, address] for address in asked}
        return {address: entry for address, entry in known.items() if entry is not None}

    def add(self, entry: OptOut) -> None:
        self._known.clear()
        row = {"channel": entry.channel, "address": entry.address, "since": entry.since, "app": entry.app}
        _PUT_OPT_OUT(self._db, [{**row, "seq": entry.seq, "lifted": None}])

    def lift(self, channel: str, address: str, at: float) -> None:
        self._known.clear()
        of = {"of_channel": channel, "of_address": self._names(channel, [address])}
        self._db.execute(_LIFT, {**of, "lifted": at})

    def conceal(self, channel: str, address: str) -> None:
        self._known.clear()
        *_, hidden = names = self._names(channel, [address])
        asked = {"channel": channel, "address": names}
        rows = {row["address"]: row for row in self._db.execute(_EVER_OUT, asked).mappings()}
        row = rows.get(address)
        if row is None or hidden == address:
            return
        self._db.execute(_DROP_OPT_OUT, {"channel": channel, "address": address})
        if hidden not in rows or row["lifted"] is None:  # one that was lifted once takes nothing back that stands
            _PUT_OPT_OUT(self._db, [{**row, "address": hidden}])

    def _names(self, channel: str, addresses: Sequence[str]) -> list[str]:
        """Under which these addresses may stand in the register: themselves, and their hashes."""
        salt = Meta(self._db).get(SALT) if addresses else None
        if salt is None:
            return list(addresses)
        own = {blinded(salt, (channel, address)): address for address in addresses}
        self._blind |= own
        return [*addresses, *own]

    def count(self) -> int:
        return int(self._db.execute(_COUNT_OPT_OUTS).scalar_one())


class Apps:
    """What a person or a guard said of an app, its changing secrets, and the webhooks it has sent."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now

    def get(self, name: str) -> AppState:
        row = self._db.execute(_APP, {"name": name}).first()
        return AppState(*row) if row else AppState(name)

    def pause(self, name: str, reason: str) -> bool:
        state = self.get(name)
        if state.paused:
            return False
        _PUT_APP(self._db, [{"name": name, "paused": reason, "paused_at": self._now, "failing": state.failing}])
        return True

    def resume(self, name: str) -> bool:
        if not self.get(name).paused:
            return False
        _PUT_APP(self._db, [{"name": name, "paused": "", "paused_at": None}])
        return True

    def answered(self, name: str) -> None:
        row = {"name": name, "failing": "", "failing_since": None, "answered_at": self._now}
        _PUT_APP(self._db, [{**row, "paused": self.get(name).paused}])

    def failing(self, name: str, reason: str) -> None:
        state = self.get(name)
        since = state.failing_since if state.failing else self._now
        row = {"name": name, "failing": reason, "failing_since": since, "paused": state.paused}
        _PUT_APP(self._db, [row])

    def secret(self, app: str, name: str) -> str | None:
        value: str | None = self._db.execute(_SECRET, {"app": app, "name": name}).scalar()
        return value

    def keep_secret(self, app: str, name: str, value: str) -> None:
        with overwriting(self._db):
            _PUT_SECRET(self._db, [{"app": app, "name": name, "value": value}])

    def drop_secret(self, app: str, name: str) -> None:
        with overwriting(self._db):
            self._db.execute(_DROP_SECRET, {"app": app, "name": name})

    def secrets(self) -> Sequence[tuple[str, str, str]]:
        return [(row.app, row.name, row.value) for row in self._db.execute(_SECRETS)]

    def heard(self, digest: str) -> bool:
        if self._db.execute(_HEARD, {"digest": digest}).first():
            return True
        self._db.execute(_HEAR, {"digest": digest, "at": self._now})
        return False

    def forget_heard(self, before: float) -> None:
        self._db.execute(_FORGET, {"before": before})


@cache
def _open(*by: str) -> Select[*tuple[Any, ...]]:
    where = (_BY[name] for name in by)
    return select(PARKED).where(_OPEN, *where).order_by(PARKED.c.id).limit(bindparam("limit"))


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
