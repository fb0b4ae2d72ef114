"""Forgetting a person: what it would come to, ordering it, how far it has come, and the certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from syncd.console.find import Found
from syncd.console.private import keep_private
from syncd.console.status import moment
from syncd.console.voice import json_text
from syncd.core.record import EntityId
from syncd.engine.forgetting import Foreseen, Reached, foresee, forget, lift, waits_for
from syncd.engine.world import World
from syncd.errors import ConfigError, Halted, Problem
from syncd.store.forgetting import Forgetting
from syncd.store.ports import Transaction

__all__ = [
    "Lifted",
    "Order",
    "Ordered",
    "certificate_text",
    "keep_certificate",
    "look",
    "order",
    "order_about",
    "orders",
    "put_back",
]

FORM: Final = "certificate-1"
_TITLE: Final = "CERTIFICATE OF ERASURE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """That somebody is to be forgotten: the number of the order."""

    order: int
    records: tuple[Reached, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """That whoever was forgotten by an order may come back."""

    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order and how far it has come. `waits_for`: records that are still there, until it is `done`."""

    order: int
    asked: datetime | None
    by: str
    reason: str
    done: datetime | None
    lifted: datetime | None
    waits_for: tuple[Reached, ...]
    certificate: Mapping[str, Any]


def look(world: World, found: Found) -> Foreseen:
    """What forgetting somebody would come to."""
    with world.store.read() as tx:
        return foresee(world, tx, found.entity)


def order(world: World, found: Found, *, by: str, reason: str, many: bool = False) -> Ordered:
    """Have somebody forgotten. `many`: also if more are deleted within the hour than the cap.

    Raises Halted where they are so many and that was not said, and where it was ordered before.
    """
    foreseen = look(world, found)
    if foreseen.beyond and not many:
        raise Halted(
            f"that would be more deletes within the hour than the cap: {foreseen.beyond}",
            hint="see whom it was done to: syncd forget; if so many are meant, say --many",
        )
    return Ordered(order=forget(world, found.entity, by=by, reason=reason), records=foreseen.records)


def put_back(world: World, number: int, *, by: str) -> Lifted:
    """Let whoever was forgotten come back, as somebody new. Raises Halted where that cannot be."""
    lift(world, number, by=by)
    return Lifted(order=number)


def orders(world: World) -> tuple[Order, ...]:
    """Every order, oldest first."""
    with world.store.read() as tx:
        return tuple(_told(world, tx, one) for one in tx.forgotten.all())


def order_about(world: World, id: EntityId) -> Order | None:
    """The latest order that an entity be forgotten; None where nobody gave one."""
    with world.store.read() as tx:
        about = [one for one in tx.forgotten.all() if id in one.entities]
        return _told(world, tx, about[-1]) if about else None


def _told(world: World, tx: Transaction, one: Forgetting) -> Order:
    return Order(
        order=one.id,
        asked=moment(one.asked),
        by=one.by,
        reason=one.reason,
        done=moment(one.done),
        lifted=moment(one.lifted),
        waits_for=() if one.done is not None else waits_for(world, tx, one),
        certificate=one.certificate,
    )


def keep_certificate(world: World, number: int, path: Path) -> Mapping[str, Any]:
    """Write what was done to a file, for its owner's eyes only, and beside it the same in words (`.txt`).

    Raises ConfigError where there is no such order, and Halted while it is not done.
    """
    found = next((one for one in orders(world) if one.order == number), None)
    if found is None:
        raise ConfigError(f"there is no order {number}", hint="see: syncd forget")
    if found.done is None:
        left = ", ".join(sorted({one.app for one in found.waits_for}))
        why = f"it waits for {left}" if left else "the records are gone, and the rest is erased within a minute"
        raise Halted(f"order {number} is not done yet: {why}", hint="see: syncd forget")
    if not found.certificate:
        raise Halted(f"order {number} was given anew after a backup was restored", hint="see: syncd forget")
    certificate = {**found.certificate, "form": FORM}
    words = path.with_suffix(".txt")
    if words == path:
        raise ConfigError([Problem(str(path), "is where the same is told in words", "name a file such as ada.json")])
    if words.exists() and not words.read_bytes().startswith(_TITLE.encode()):
        raise ConfigError([Problem(str(words), "exists, and is no certificate", "name another file")])
    keep_private([json_text(certificate).encode(), b"\n"], path)
    words.unlink(missing_ok=True)
    keep_private([certificate_text(found.certificate).encode()], words)
    return certificate


def certificate_text(certificate: Mapping[str, Any]) -> str:
    """The certificate in words."""
    erased = certificate["erased"]
    lines = [
        _TITLE,
        "",
        f"Order {certificate['order']}, given {certificate['asked']} by {certificate['by']}.",
        f"Reason: {certificate['reason'] or 'none was given'}",
        f"Done {certificate['done']}; entry {certificate['entry']} of the change log.",
        "",
        "Records in apps:",
        *(f"- {one['app']}: {one['outcome']}{', ' + one['at'] if one['at'] else ''}" for one in certificate["records"]),
        "",
        "Erased from syncd's store:",
        f"- {erased['values']} agreed values, and what each app had shown",
        f"- what {erased['entries']} entries of the change log said of them",
        f"- {erased['questions']} questions that were asked about them",
        "",
        "Kept, and why:",
        *(f"- {kept}" for kept in certificate["kept"]),
        "",
        "Not reached by this:",
        *(f"- {one}" for one in certificate["not_reached"]),
    ]
    return "\n".join(lines) + "\n"
