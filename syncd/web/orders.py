"""Orders about apps: leave one alone, and go on with it."""

from __future__ import annotations

from starlette.responses import Response

from syncd.engine.remedies import pause, resume
from syncd.store.values import ParkedKind
from syncd.web.guard import Denied
from syncd.web.sessions import Note
from syncd.web.visit import Visit

__all__ = ["pause_app", "resume_app"]


def pause_app(visit: Visit) -> Response:
    """Nothing is read from the app or written to it until it is resumed."""
    app = _app(visit)
    reason = visit.form.get("reason").strip()[:300] or "paused by a person"
    news = pause(visit.desk.world, app, reason, visit.visitor.name)
    return visit.to("/health", Note(f"{app} is paused." if news else f"{app} was paused already.", "warn"))


def resume_app(visit: Visit) -> Response:
    """Go on; where a guard had stopped it, what it saw counts as accepted."""
    app = _app(visit)
    if not visit.visitor.may("owner") and _guarded(visit, app):
        told = f"A guard has stopped {app}: to go on is to let through what it stopped, and that takes an owner."
        raise Denied(403, "That is not yours to do", told)
    news = resume(visit.desk.world, app, visit.visitor.name)
    return visit.to("/health", Note(f"{app} goes on." if news else f"{app} was not paused."))


def _guarded(visit: Visit, app: str) -> bool:
    with visit.desk.store.read() as tx:
        return any(work.app == app for work in tx.parked.open((ParkedKind.GUARD,)))


def _app(visit: Visit) -> str:
    app = visit.form.get("app")
    if app not in visit.desk.outline.apps:
        raise Denied(404, "There is no such app", "It may have been renamed in the configuration. Nothing was done.")
    return app
