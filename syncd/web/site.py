"""The console put together: every page, and what stands before all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from syncd.access import closed
from syncd.console.outline import Outline
from syncd.console.rewrite import standing
from syncd.console.status import status
from syncd.daemon.meter import Meter
from syncd.daemon.renewal import Renew
from syncd.engine.world import World
from syncd.errors import ConfigError
from syncd.settings import Config
from syncd.store.store import Store
from syncd.web.assets import Assets
from syncd.web.changes import changes, export_csv, export_lines
from syncd.web.guard import Headers
from syncd.web.health import health
from syncd.web.inbox import answer, answers, inbox, preview
from syncd.web.lately import Lately
from syncd.web.live import live_route
from syncd.web.login import login_routes
from syncd.web.mappings import edit, mappings, trial, try_edit
from syncd.web.orders import pause_app, resume_app
from syncd.web.overview import overview
from syncd.web.people import export_person, forget_as_shown, forget_person
from syncd.web.pulse import Pulse
from syncd.web.records import find_record, record
from syncd.web.saving import save, save_and_take_up, taken_up
from syncd.web.sessions import Gatekeeper, Sessions
from syncd.web.trials import Trials
from syncd.web.undo import undo, undo_as_shown
from syncd.web.visit import Desk, missing, order, page

__all__ = ["desk_of", "pages", "routes"]

_FRESH: Final = 1.0
"""Seconds for which the figures of the overview are good enough."""


def pages(config: Config, renew: Renew | None = None) -> Callable[[World], Sequence[BaseRoute]]:
    """What the daemon's door shows beside webhooks: the console, or why it is closed; nothing where it is off.

    `renew`: asks the daemon to take up another mapping, where it can.
    """

    def made(world: World) -> Sequence[BaseRoute]:
        if config.console.enabled is False:
            return ()
        desk = desk_of(config, world, renew)
        if desk.closed:
            world.log.info("console closed", reason=desk.closed)
        return routes(desk)

    return made


def desk_of(config: Config, world: World, renew: Renew | None = None) -> Desk:
    """What pages are made from."""
    now = world.clock.now
    store = cast("Store", world.store)  # the daemon has no other
    outline = Outline(
        config.path,
        config.store.url,
        {name: app.connector for name, app in config.apps.items()},
        {name: tuple(sync.apps) for name, sync in world.syncs.items()},
    )
    return Desk(
        world=world,
        store=store,
        config=config,
        outline=outline,
        closed=closed(config.console, host=config.daemon.host, public_url=config.daemon.public_url),
        sessions=Sessions(now),
        gatekeeper=Gatekeeper(config.console.people, now),
        pulse=Pulse(store, list(config.apps)),
        standing=Lately(lambda: status(outline, now()), _FRESH),
        heard=world.counts.heard if isinstance(world.counts, Meter) else dict,
        trials=Trials(),
        stood=_stands(config),
        renew=renew,
    )


def _stands(config: Config) -> str:
    try:
        return standing(config.path)[1]
    except ConfigError:
        return ""


def routes(desk: Desk) -> Sequence[BaseRoute]:
    """Every page, with the headers on its answers."""
    inner: list[BaseRoute] = [
        Mount("/static", Assets()),
        *login_routes(desk),
        live_route(desk),
        page(desk, "/", overview),
        page(desk, "/find", find_record),
        page(desk, "/record/{entity}", record),
        order(desk, "/record/{entity}/export", export_person, role="owner"),
        page(desk, "/record/{entity}/forget", forget_person, role="owner"),
        order(desk, "/record/{entity}/forget/do", forget_as_shown, role="owner"),
        page(desk, "/changes", changes),
        page(desk, "/changes.csv", export_csv),
        page(desk, "/changes.jsonl", export_lines),
        page(desk, "/inbox", inbox),
        order(desk, "/inbox/answer", answer),
        order(desk, "/inbox/preview", preview),
        order(desk, "/inbox/answers", answers),
        page(desk, "/undo", undo),
        order(desk, "/undo/do", undo_as_shown, role="owner"),
        page(desk, "/mappings", mappings),
        page(desk, "/mappings/edit", edit, role="owner"),
        order(desk, "/mappings/try", try_edit, role="owner"),
        page(desk, "/mappings/trial/{number}", trial, role="owner"),
        order(desk, "/mappings/trial/{number}/save", save, role="owner"),
        order(desk, "/mappings/trial/{number}/take", save_and_take_up, role="owner"),
        page(desk, "/mappings/taken/{run}", taken_up, role="owner"),
        page(desk, "/health", health),
        order(desk, "/apps/pause", pause_app),
        order(desk, "/apps/resume", resume_app),
        missing(desk),
    ]
    return [Mount("/", routes=inner, middleware=[Middleware(Headers)])]
