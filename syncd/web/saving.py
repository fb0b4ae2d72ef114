"""A change of a mapping that was tried is saved, and perhaps taken up at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from starlette.responses import Response

from syncd import toml
from syncd.console.rewrite import rewrite, standing
from syncd.core.fieldmap import Sync
from syncd.daemon.renewal import Renewal
from syncd.engine.setback import setback
from syncd.errors import ConfigError
from syncd.mapping.load import check_shapes, load_syncs
from syncd.settings import Config, loaded
from syncd.store.values import Entry, Event
from syncd.web.guard import Denied
from syncd.web.sessions import Note
from syncd.web.trials import Trial
from syncd.web.visit import Visit

__all__ = ["asked_for", "forgotten", "newer", "save", "save_and_take_up", "taken_up", "understood"]

_FRESH: Final = 15 * 60.0
"""Seconds for which what a trial has found is near enough to what is so."""


def save(visit: Visit) -> Response:
    """Write the text of a trial into the file, as it was tried, over what it was tried against, or not at all."""
    found = asked_for(visit)
    if found is None or found.digest != visit.form.get("digest"):
        return forgotten(visit)
    _saveable(visit, found)
    kept = _saved(visit, found)
    return kept if isinstance(kept, Response) else visit.to("/mappings", Note(_told(visit, kept)))


def save_and_take_up(visit: Visit) -> Response:
    """The same, and the daemon begins anew with it, without another word on the machine."""
    found, desk = asked_for(visit), visit.desk
    if found is None or found.digest != visit.form.get("digest"):
        return forgotten(visit)
    config, _ = _saveable(visit, found)
    if desk.renew is None or found.found is None:
        raise Denied(409, "Nothing was saved", "This syncd takes up nothing while it runs. Save it, and start it anew.")
    if desk.world.clock.now() - found.began > _FRESH:
        raise Denied(409, "Nothing was saved", "What was tried is older than a quarter of an hour: try it again first.")
    if desk.stood != found.stood:
        told = "The file held another configuration than the daemon runs by, before you changed it: save it, and apply"
        raise Denied(409, "Nothing was saved", f"{told} all of it on the machine.")
    with desk.store.read() as tx:
        if setback(tx) is not None:
            raise Denied(409, "Nothing was saved", "The store was set back, and writes are held: answer that first.")
    kept = _saved(visit, found)
    if isinstance(kept, Response):
        return kept
    desk.renew(Renewal(config=replace(desk.config, syncs=config.syncs), mappings=found.mappings, by=visit.visitor.name))
    return visit.render("renewing.html", run=desk.run, kept=kept.name)


def taken_up(visit: Visit) -> Response:
    """The mappings, once another daemon than the one that is named serves them."""
    run = visit.path["run"]
    return visit.render("renewing.html", run=run, kept="") if run == visit.desk.run else visit.to("/mappings")


def _saveable(visit: Visit, found: Trial) -> tuple[Config, Mapping[str, Sync]]:
    """What the text of a trial means. Raises Denied where it may not be saved."""
    if found.found is None:
        raise Denied(
            409, "Nothing was saved", "What it would do is not known: only a trial that came to an end counts."
        )
    if found.beyond:
        told = f"It changes {', '.join(found.beyond)}, which decides where secrets go and who may do what."
        raise Denied(403, "Nothing was saved", f"{told} A page saves mappings alone: change the rest on the machine.")
    return understood(visit, found.text)


def _saved(visit: Visit, found: Trial) -> Path | Response:
    """Where the configuration of before is kept; or a page with the text, where the file cannot be written."""
    world, by = visit.desk.world, visit.visitor.name
    try:
        with world.store.begin() as tx:
            tx.log.append(Entry(event=Event.SAVED, by=by, note=f"as tried in trial {found.number}"))
            kept = rewrite(visit.desk.config.path, found.text, over=found.stood, now=world.clock.now())
    except ConfigError as error:
        return visit.render("unsaved.html", told=error.message, hint=error.hint, text=found.text, status=409)
    world.log.info("configuration saved", person=by, trial=found.number, kept=kept.name)
    return kept


def _told(visit: Visit, kept: Path) -> str:
    return f"{visit.desk.config.path.name} is saved. What stood there before is kept beside it: {kept.name}."


def asked_for(visit: Visit) -> Trial | None:
    """The trial that a page is about."""
    number = visit.path["number"]
    return visit.desk.trials.get(int(number)) if re.fullmatch(r"\d{1,9}", number) else None


def forgotten(visit: Visit) -> Response:
    """There is no such trial any more."""
    return visit.to("/mappings/edit", Note("That trial is forgotten: only the latest are kept.", "warn"))


def understood(visit: Visit, text: str) -> tuple[Config, Mapping[str, Sync]]:
    """The configuration and the syncs that a text means. Raises ConfigError with every problem, each with its line."""
    config = loaded(toml.parse(text.encode(), visit.desk.config.path))
    world = visit.desk.world
    if set(config.apps) != set(world.apps):
        added = sorted(set(config.apps) ^ set(world.apps))
        raise ConfigError(f"{', '.join(added)}: apps cannot come or go here", hint="change the file, then: syncd check")
    check_shapes(config)
    return config, load_syncs(config, {name: list(app.objects.values()) for name, app in world.apps.items()})


def newer(visit: Visit) -> bool:
    """Whether the file holds another configuration than the daemon began with."""
    try:
        return visit.desk.stood not in ("", standing(visit.desk.config.path)[1])
    except ConfigError:
        return False
