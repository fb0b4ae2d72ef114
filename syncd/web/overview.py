"""The overview: is everything in step, how far behind, and what has just happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from syncd.console.history import Asked, lines
from syncd.console.questions import GROUPS
from syncd.console.status import AppStatus, Status
from syncd.engine.world import World
from syncd.sdk.pace import Spent
from syncd.web.inbox import TITLES
from syncd.web.visit import Visit

__all__ = ["Verdict", "overview", "verdict"]

_LATEST: Final = 14


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it stands, in a word and a sentence. `tone`: good, busy, warn or bad."""

    tone: str
    text: str


def overview(visit: Visit) -> Response:
    """Everything at a glance."""
    desk = visit.desk
    found = desk.standing()
    latest = lines(desk.store, Asked(limit=_LATEST))[::-1]
    return visit.render(
        "overview.html",
        found=found,
        beats=desk.pulse.beats(desk.world.clock.now()),
        rooms={app.name: _rooms(desk.world, app) for app in found.apps},
        latest=latest,
        people=visit.people(latest),
        verdict=verdict(found),
        groups={name: sum(found.waiting.get(kind, 0) for kind in kinds) for name, kinds in GROUPS.items()},
        titles=TITLES,
    )


def verdict(found: Status) -> Verdict:
    """The gravest of what there is to say."""
    stuck = [app for app in found.apps if app.state in ("paused", "failing")]
    if stuck:
        named = " and ".join(app.name for app in stuck)
        return Verdict("bad", f"{named} {'is' if len(stuck) == 1 else 'are'} not being served.")
    waiting = sum(found.waiting.values())
    if waiting:
        return Verdict("warn", f"{waiting} {'thing waits' if waiting == 1 else 'things wait'} for you.")
    owed = sum(app.owed + app.hints for app in found.apps)
    if owed:
        return Verdict("busy", f"{owed} {'change is' if owed == 1 else 'changes are'} on the way.")
    return Verdict("good", "Everything is in step.")


def _rooms(world: World, app: AppStatus) -> Sequence[Spent]:
    """An app's budgets of calls; the one of which least is left first."""
    gate = world.apps[app.name].gate if app.name in world.apps else None
    return sorted(gate.spent() if gate else (), key=lambda room: -room.share)
