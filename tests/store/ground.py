"""What store tests put into a store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from syncd.core.entity import Entity, Held, Link
from syncd.core.match import Key
from syncd.core.record import EntityId, Ref, Value
from syncd.store.values import Delivery, Intent, IntentKind, Parked, ParkedKind

__all__ = ["ANN", "BEN", "START", "debt", "entity", "key", "link", "question", "ref", "write"]

START = 1_800_000_000.0
ANN, BEN = EntityId("ann"), EntityId("ben")


def entity(id: EntityId = ANN, sync: str = "people", **values: Value) -> Entity:
    return Entity(id, sync, {name: Held(value, 1, "crm", None, 0) for name, value in values.items()})


def key(address: str) -> Key:
    return ("email", address)


def ref(id: str = "1", app: str = "crm") -> Ref:
    return Ref(app, "contacts", id)


def link(of: EntityId = ANN, at: Ref | None = None, **more: Any) -> Link:
    return replace(Link(of, at or ref()), **more)


def debt(of: EntityId = ANN, due: float = START, **more: Any) -> Delivery:
    return replace(Delivery("people", "crm", of, due), **more)


def write(key: str = "w1", of: EntityId = ANN, **more: Any) -> Intent:
    plain = Intent(
        key=key,
        sync="people",
        app="crm",
        object="contacts",
        entity=of,
        kind=IntentKind.UPDATE,
        ref=ref(),
        patch={"phone": "1"},
        before={"phone": None},
        goal={"phone": "1", "tags": ("a", "b")},
        at=START,
    )
    return replace(plain, **more)


def question(of: EntityId = ANN, field: str = "phone", **more: Any) -> Parked:
    return replace(Parked(kind=ParkedKind.CONFLICT, sync="people", entity=of, field=field, reason="two values"), **more)
