"""The mappings: as tables, their lenses tried on live records, and a change tried before it is put in force."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from syncd import toml
from syncd.console.rewrite import rewrite, standing
from syncd.core.fieldmap import Sync
from syncd.core.lens import Misfit
from syncd.engine.plan import unapplied
from syncd.errors import ConfigError, Problem
from syncd.mapping.load import Row, check_laws, check_shapes, describe, load_syncs
from syncd.settings import loaded
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event
from syncd.web.guard import Denied
from syncd.web.mask import Mask
from syncd.web.sessions import Note
from syncd.web.trials import Trial
from syncd.web.visit import Visit

__all__ = ["edit", "mappings", "save", "trial", "try_edit"]

_SAMPLES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One sync as a table. `tried`: app and field to what the lens broke, empty where it kept its laws."""

    sync: Sync
    rows: tuple[Row, ...]
    in_force: bool
    tried: Mapping[tuple[str, str], tuple[str, ...]]
    samples: Mapping[str, int]


def mappings(visit: Visit) -> Response:
    """Every sync as a table; with `try` in the query, each lens tried on records as they were last seen."""
    trying = "try" in visit.query
    world = visit.desk.world
    waiting = unapplied(world)
    with visit.desk.store.read() as tx:
        tables = [
            _table(tx, sync, visit.mask, trying=trying, in_force=name not in waiting)
            for name, sync in world.syncs.items()
        ]
    missing = [name for name in visit.desk.config.syncs if name not in world.syncs]
    return visit.render(
        "mappings.html",
        tables=tables,
        trying=trying,
        most=_SAMPLES,
        missing=missing,
        newer=_newer(visit),
    )


def edit(visit: Visit) -> Response:
    """The configuration as text, to be changed and tried."""
    return visit.render("edit.html", text=_file(visit)[0], problems=())


def try_edit(visit: Visit) -> Response:
    """Check a changed text; where it is right, rehearse what it would write."""
    text = visit.form.get("text").replace("\r\n", "\n")
    try:
        syncs = _understood(visit, text)
    except ConfigError as error:
        return visit.render("edit.html", text=text, problems=error.problems, status=422)
    before, stood = _file(visit)
    compared = difflib.unified_diff(
        before.splitlines(), text.splitlines(), "as it is", "as you would have it", lineterm="", n=2
    )
    difference, beyond = tuple(compared), _beyond(visit, before, text)
    by, began = visit.visitor.name, visit.desk.world.clock.now()
    begun = visit.desk.trials.begin(
        replace(visit.desk.world, syncs=syncs),
        lambda number: Trial(number, by, began, text, difference, stood, beyond),
    )
    if begun is None:
        busy = Problem("syncd", "another trial is running: each reads every record, so there is one at a time")
        return visit.render("edit.html", text=text, problems=[busy], status=409)
    visit.desk.world.log.info("mapping tried", person=by, trial=begun.number)
    return visit.to(f"/mappings/trial/{begun.number}")


def trial(visit: Visit) -> Response:
    """What a trial has found, or how far it is."""
    found = _trial(visit)
    return _forgotten(visit) if found is None else visit.render("trial.html", trial=found)


def save(visit: Visit) -> Response:
    """Write the text of a trial into the file, as it was tried, over what it was tried against, or not at all."""
    found, world, path = _trial(visit), visit.desk.world, visit.desk.config.path
    if found is None or found.digest != visit.form.get("digest"):
        return _forgotten(visit)
    if found.found is None:
        raise Denied(
            409, "Nothing was saved", "What it would do is not known: only a trial that came to an end counts."
        )
    if found.beyond:
        told = f"It changes {', '.join(found.beyond)}, which decides where secrets go and who may do what."
        raise Denied(403, "Nothing was saved", f"{told} A page saves mappings alone: change the rest on the machine.")
    _understood(visit, found.text)
    by = visit.visitor.name
    try:
        with world.store.begin() as tx:
            tx.log.append(Entry(event=Event.SAVED, by=by, note=f"as tried in trial {found.number}"))
            kept = rewrite(path, found.text, over=found.stood, now=world.clock.now())
    except ConfigError as error:
        return visit.render("unsaved.html", told=error.message, hint=error.hint, text=found.text, status=409)
    world.log.info("configuration saved", person=by, trial=found.number, kept=kept.name)
    return visit.to("/mappings", Note(f"{path.name} is saved. What stood there before is kept beside it: {kept.name}."))


def _trial(visit: Visit) -> Trial | None:
    number = visit.path["number"]
    return visit.desk.trials.get(int(number)) if re.fullmatch(r"\d{1,9}", number) else None


def _forgotten(visit: Visit) -> Response:
    return visit.to("/mappings/edit", Note("That trial is forgotten: only the latest are kept.", "warn"))


def _table(tx: Transaction, sync: Sync, mask: Mask, *, trying: bool, in_force: bool) -> Table:
    tried: dict[tuple[str, str], tuple[str, ...]] = {}
    samples: dict[str, int] = {}
    for app in sync.apps if trying else ():
        refs = tx.links.canaries(sync.name, app, _SAMPLES)
        shown = [link.seen for ref in refs if (link := tx.links.get(sync.name, ref)) is not None]
        samples[app] = len(shown)
        for rule in sync.mapped(app):
            found = [str(breach) for breach in check_laws(rule, app, shown)]
            senseless = [view for raws in shown if isinstance(view := rule.lenses[app].get(raws, {}), Misfit)]
            found += (
                [f"{len(senseless)} of {len(shown)} values make no sense: {senseless[0].reason}"] if senseless else []
            )
            tried[app, rule.name] = tuple(dict.fromkeys(mask.text(sync.name, rule.name, told) for told in found))
    return Table(sync=sync, rows=describe(sync), in_force=in_force, tried=tried, samples=samples)


def _understood(visit: Visit, text: str) -> Mapping[str, Sync]:
    """The syncs that a text means. Raises ConfigError with every problem, each with its line."""
    config = loaded(toml.parse(text.encode(), visit.desk.config.path))
    world = visit.desk.world
    if set(config.apps) != set(world.apps):
        added = sorted(set(config.apps) ^ set(world.apps))
        raise ConfigError(f"{', '.join(added)}: apps cannot come or go here", hint="change the file, then: syncd check")
    check_shapes(config)
    return load_syncs(config, {name: list(app.objects.values()) for name, app in world.apps.items()})


def _beyond(visit: Visit, before: str, text: str) -> tuple[str, ...]:
    """The tables, beside those of syncs, that a change of the file alters."""
    path = visit.desk.config.path
    try:
        was = toml.parse(before.encode(), path).data
    except ConfigError:
        was = {}
    will = toml.parse(text.encode(), path).data
    return tuple(f"[{name}]" for name in sorted({*was, *will} - {"syncs"}) if was.get(name) != will.get(name))


def _newer(visit: Visit) -> bool:
    """Whether the file holds another configuration than the daemon began with."""
    try:
        return visit.desk.stood not in ("", standing(visit.desk.config.path)[1])
    except ConfigError:
        return False


def _file(visit: Visit) -> tuple[str, str]:
    """The text of the configuration, and the digest of the file."""
    try:
        return standing(visit.desk.config.path)
    except ConfigError as error:
        raise Denied(503, "The configuration cannot be read", f"{error.message}.") from error
