"""People who are to be forgotten, or were."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.core.match import Key
from syncd.core.record import EntityId
from syncd.store.forgetting import SALT, Forgetting, blinded
from syncd.store.memory._tables import Tables


class Forgotten:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def ask(self, order: Forgetting) -> int:
        id = len(self._tables.forgetting) + 1
        self._tables.put(self._tables.forgetting, id, replace(order, id=id, asked=self._tables.now))
        return id

    def put(self, order: Forgetting) -> None:
        self._tables.put(self._tables.forgetting, order.id, order)

    def get(self, id: int) -> Forgetting | None:
        return self._tables.forgetting.get(id)

    def all(self) -> Sequence[Forgetting]:
        return list(self._tables.forgetting.values())

    def open(self) -> Mapping[EntityId, Forgetting]:
        orders = self._tables.forgetting.values()
        return {id: order for order in orders if order.done is None for id in order.entities}

    def remember(self, keys: Iterable[Key], order: int) -> None:
        tables = self._tables
        if SALT not in tables.meta:
            tables.put(tables.meta, SALT, secrets.token_hex(32))
        for key in keys:
            tables.put(tables.forgotten, blinded(tables.meta[SALT], key), order)

    def known(self, keys: Iterable[Key]) -> Mapping[Key, int]:
        salt = self._tables.meta.get(SALT)
        if salt is None:
            return {}
        found = {key: self._tables.forgotten.get(blinded(salt, key)) for key in keys}
        return {key: order for key, order in found.items() if order is not None}

    def lift(self, order: int) -> None:
        for digest in [digest for digest, of in self._tables.forgotten.items() if of == order]:
            self._tables.drop(self._tables.forgotten, digest)
