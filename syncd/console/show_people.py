"""Tables of what forgetting somebody comes to, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from syncd.console.show import grid, when, words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.console.forget import Lifted, Order, Ordered
    from syncd.engine.forgetting import Foreseen, Reached

__all__ = ["foreseen", "lifted", "ordered", "orders"]


def foreseen(found: Foreseen) -> Iterable[RenderableType]:
    """What it would come to."""
    yield words(f"to forget: {', '.join(found.entities)}", "bold")
    yield from _records(found.records)
    erased = f"{found.values} values, what {found.entries} entries of the log say, {found.questions} questions"
    yield words(f"then erased here: {erased}")
    yield words(
        f"kept: a salted hash of {found.keys} keys, and {found.opted_out} opt-outs by the hash of their address"
    )
    if found.beyond:
        yield words(f"more deletes within the hour than the cap: {found.beyond}", "yellow")
    yield words("backups made before still hold them: delete those, or let them expire")
    yield words(f"this cannot be taken back; to do it: say it again with --yes{' --many' if found.beyond else ''}")


def ordered(found: Ordered) -> Iterable[RenderableType]:
    """What was ordered."""
    yield words(
        f"order {found.order}: {len(found.records)} records are to be deleted, then all is erased here", "green"
    )
    yield from _records(one for one in found.records if one.how != "deleted")
    yield words("the daemon does it; without one: syncd run --once. How far it is: syncd forget")


def lifted(found: Lifted) -> Iterable[RenderableType]:
    """What was lifted."""
    yield words(f"whoever was forgotten by order {found.order} may come back, as somebody new", "green")


def orders(found: Sequence[Order]) -> Iterable[RenderableType]:
    """Every order."""
    if not found:
        yield words("nobody was forgotten")
        return
    rows = ((x.order, when(x.asked), x.by, x.reason, _state(x)) for x in found)
    yield grid(("order", "asked", "by", "reason", "how far"), rows)
    for one in found:
        if one.waits_for:
            yield words(f"order {one.order} waits for:")
            yield from _records(one.waits_for)


def _state(one: Order) -> str:
    if one.lifted is not None:
        return f"done {when(one.done)}, lifted {when(one.lifted)}"
    if one.done is not None and not one.certificate:
        return "given anew after a backup was restored"
    if one.done is not None:
        return f"done {when(one.done)}"
    # A write in doubt may hold it up for longer; the daemon looks every minute.
    return "under way" if one.waits_for else "the records are gone; erased within a minute"


def _records(found: Iterable[Reached]) -> Iterable[RenderableType]:
    for one in found:
        how = "is deleted" if one.how == "deleted" else one.how
        yield words(f"  {one.record}: {how}", "" if one.how == "deleted" else "yellow")
