"""Why a field is what it is, shown in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from syncd.console.show import when, words, work
from syncd.console.tell import said

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.console.mapped import Version
    from syncd.console.why import Holding, Why

__all__ = ["reasons"]


def reasons(found: Why) -> Iterable[RenderableType]:
    """`syncd why`."""
    yield words(f"{found.field} of {found.label} is {said(found.value)}", "bold")
    whose = "a person decided so" if found.author == "syncd" else f"it came from {found.author}" if found.author else ""
    since = f", entry {found.set_by}" if found.set_by else ""
    yield words(f"  entity {found.entity}, sync {found.sync}{'; ' + whose + since if whose else ''}")
    if found.deleted:
        yield words("  the entity is deleted", "red")
    if found.register:
        yield words(f"  the register of opt-outs: {found.register}")
    yield words("")
    yield words("What happened", "bold")
    yield from (words(f"  {when(step.at)}  {step.seq:>6}  {step.text}") for step in found.steps)
    if found.mappings:
        yield words("")
        yield words("By which mapping", "bold")
        yield from (words(f"  {_version(one)}") for one in found.mappings)
    yield words("")
    yield words("What the apps hold, and what comes next", "bold")
    yield from (words(f"  {_holding(app)}") for app in found.apps)
    if found.waiting:
        yield words("")
        yield words("What waits for a person", "bold")
        yield from work(found.waiting)


def _version(one: Version) -> str:
    who = f" by {one.by}" if one.by else ""
    told = f"put in force{who} {when(one.at)}, entry {one.put_in_force}" if one.put_in_force else "never put in force"
    numbers = ", ".join(str(seq) for seq in one.steps)
    word = "entry" if len(one.steps) == 1 else "entries"
    return f"{one.mapping}, {told}; {'in force now' if one.now else 'not in force any more'}: {word} {numbers}"


def _holding(app: Holding) -> str:
    if not app.record:
        return f"{app.app}: {app.next}"
    raw = ", ".join(f"{name} = {said(value)}" for name, value in app.raw.items()) or "nothing shown"
    kept = f", meant as {said(app.sent)}" if app.sent is not None else ""
    doubt = ", a write is in doubt" if app.state == "doubtful" else ""
    return f"{app.record}: {said(app.shows)} ({raw}{kept}{doubt}); next: {app.next}"
