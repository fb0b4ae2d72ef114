"""People who are to be forgotten, or were, in a database."""

# ruff: noqa: D102 (what each method promises is written in syncd.store.forgetting)

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select

from syncd.core.match import Key
from syncd.core.record import EntityId
from syncd.store.codec import dump, load
from syncd.store.facts import Meta
from syncd.store.forgetting import SALT, Forgetting, blinded
from syncd.store.statements import Upsert, among, chunks, same
from syncd.store.tables import ForgettingRow, ForgottenRow, table

__all__ = ["Forgotten", "order_row"]

ORDER, FORGOTTEN = table(ForgettingRow), table(ForgottenRow)

_ASK: Final = ORDER.insert().returning(ORDER.c.id)
_ORDER: Final = select(ORDER).where(same(ORDER.c.id))
_ORDERS: Final = select(ORDER).order_by(ORDER.c.id)
_OPEN: Final = _ORDERS.where(ORDER.c.done.is_(None))
_PUT_ORDER: Final = Upsert(ORDER)
_KNOWN: Final = select(FORGOTTEN).where(among(FORGOTTEN.c.digest))
_LIFT: Final = delete(FORGOTTEN).where(same(FORGOTTEN.c.forgetting))
_PUT_FORGOTTEN: Final = Upsert(FORGOTTEN)


class Forgotten:
    """Who is to be forgotten, who was, and the hashes of their keys."""

    def __init__(self, db: Connection, now: float) -> None:
        self._db = db
        self._now = now
        self._meta = Meta(db)
        self._open: dict[EntityId, Forgetting] | None = None
        self._salt: str | None = None
        self._salted = False
        """Whether it was looked up: it is asked for with each record that nobody knows."""

    def ask(self, order: Forgetting) -> int:
        self._open = None
        row = order_row(replace(order, asked=self._now))
        del row["id"]
        return int(self._db.execute(_ASK, row).scalar_one())

    def put(self, order: Forgetting) -> None:
        self._open = None
        _PUT_ORDER(self._db, [order_row(order)])

    def get(self, id: int) -> Forgetting | None:
        row = self._db.execute(_ORDER, {"id": id}).first()
        return _order(row) if row else None

    def all(self) -> Sequence[Forgetting]:
        return [_order(row) for row in self._db.execute(_ORDERS)]

    def open(self) -> Mapping[EntityId, Forgetting]:
        if self._open is None:
            self._open = {id: order for order in map(_order, self._db.execute(_OPEN)) for id in order.entities}
        return self._open

    def remember(self, keys: Iterable[Key], order: int) -> None:
        salt = self._known_salt()
        if salt is None:
            salt = self._salt = secrets.token_hex(32)
            self._meta.put(SALT, salt)
        _PUT_FORGOTTEN(self._db, [{"digest": blinded(salt, key), "forgetting": order} for key in keys])

    def known(self, keys: Iterable[Key]) -> Mapping[Key, int]:
        salt = self._known_salt()
        if salt is None:
            return {}
        digests = {blinded(salt, key): key for key in keys}
        found: dict[Key, int] = {}
        for part in chunks(list(digests)):
            rows = self._db.execute(_KNOWN, {"digest": part})
            found.update({digests[row.digest]: row.forgetting for row in rows})
        return found

    def lift(self, order: int) -> None:
        self._db.execute(_LIFT, {"forgetting": order})

    def _known_salt(self) -> str | None:
        if not self._salted:
            self._salt, self._salted = self._meta.get(SALT), True
        return self._salt


def order_row(order: Forgetting) -> dict[str, Any]:
    """An order as a row."""
    return {**asdict(order), "entities": dump(list(order.entities)), "certificate": dump(dict(order.certificate))}


def _order(row: Row[Any]) -> Forgetting:
    return Forgetting(
        id=row.id,
        entities=tuple(EntityId(id) for id in load(row.entities)),
        by=row.by,
        reason=row.reason,
        cause=row.cause,
        asked=row.asked,
        done=row.done,
        lifted=row.lifted,
        certificate=load(row.certificate),
    )
