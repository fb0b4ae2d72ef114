"""The mappings: as tables, their lenses tried on live records, and a change tried before it is put in force."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from syncd import toml
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

__all__ = ["edit", "mappings", "trial", "try_edit"]

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
    return visit.render("mappings.html", tables=tables, trying=trying, most=_SAMPLES, missing=missing)


def edit(visit: Visit) -> Response:
    """The configuration as text, to be changed and tried."""
    return visit.render("edit.html", text=_file(visit), problems=())


def try_edit(visit: Visit) -> Response:
    """Check a changed text; where it is right, rehearse what it would write."""
    text = visit.form.get("text").replace("\r\n", "\n")
    try:
        syncs = _understood(visit, text)
    except ConfigError as error:
        return visit.render("edit.html", text=text, problems=error.problems, status=422)
    before, after = _file(visit).splitlines(), text.splitlines()
    difference = tuple(difflib.unified_diff(before, after, "as it is", "as you would have it", lineterm="", n=2))
    began = visit.desk.world.clock.now()
    world = replace(visit.desk.world, syncs=syncs)
    begun = visit.desk.trials.begin(world, lambda number: Trial(number, visit.visitor.name, began, text, difference))
    if begun is None:
        busy = Problem("syncd", "another trial is running: each reads every record, so there is one at a time")
        return visit.render("edit.html", text=text, problems=[busy], status=409)
    with visit.desk.store.begin() as tx:
        tx.log.append(Entry(event=Event.TRIED, by=visit.visitor.name, note=f"trial {begun.number}"))
    visit.desk.world.log.info("mapping tried", person=visit.visitor.name, trial=begun.number)
    return visit.to(f"/mappings/trial/{begun.number}")


def trial(visit: Visit) -> Response:
    """What a trial has found, or how far it is."""
    number = visit.path["number"]
    found = visit.desk.trials.get(int(number)) if re.fullmatch(r"\d{1,9}", number) else None
    if found is None:
        return visit.to("/mappings/edit", Note("That trial is forgotten: only the latest are kept.", "warn"))
    return visit.render("trial.html", trial=found)


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


def _file(visit: Visit) -> str:
    path = visit.desk.config.path
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Denied(503, "The configuration cannot be read", f"{path.name}: {error}.") from error
