"""The mappings: as tables, their lenses tried on live records, and a change tried before it is put in force."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from syncd import toml
from syncd.console.rewrite import standing
from syncd.core.fieldmap import Sync
from syncd.core.lens import Misfit
from syncd.engine.plan import unapplied
from syncd.errors import ConfigError, Problem
from syncd.mapping.load import Row, check_laws, describe
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event
from syncd.web.guard import Denied
from syncd.web.mask import Mask
from syncd.web.saving import asked_for, forgotten, newer, understood
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
    return visit.render(
        "mappings.html",
        tables=tables,
        trying=trying,
        most=_SAMPLES,
        missing=missing,
        newer=newer(visit),
    )


def edit(visit: Visit) -> Response:
    """The configuration as text, to be changed and tried."""
    return visit.render("edit.html", text=_file(visit)[0], problems=())


def try_edit(visit: Visit) -> Response:
    """Check a changed text; where it is right, rehearse what it would write."""
    text = visit.form.get("text").replace("\r\n", "\n")
    try:
        _, syncs = understood(visit, text)
    except ConfigError as error:
        return visit.render("edit.html", text=text, problems=error.problems, status=422)
    before, stood = _file(visit)
    compared = difflib.unified_diff(
        before.splitlines(), text.splitlines(), "as it is", "as you would have it", lineterm="", n=2
    )
    difference, beyond = tuple(compared), _beyond(visit, before, text)
    by, began = visit.visitor.name, visit.desk.world.clock.now()
    digests = {name: sync.digest for name, sync in syncs.items()}
    begun = visit.desk.trials.begin(
        replace(visit.desk.world, syncs=syncs),
        lambda number: Trial(number, by, began, text, difference, stood, beyond, digests),
    )
    if begun is None:
        busy = Problem("syncd", "another trial is running: each reads every record, so there is one at a time")
        return visit.render("edit.html", text=text, problems=[busy], status=409)
    with visit.desk.store.begin() as tx:
        tx.log.append(Entry(event=Event.TRIED, by=by, note=f"trial {begun.number}"))
    visit.desk.world.log.info("mapping tried", person=by, trial=begun.number)
    return visit.to(f"/mappings/trial/{begun.number}")


def trial(visit: Visit) -> Response:
    """What a trial has found, or how far it is."""
    found = asked_for(visit)
    if found is None:
        return forgotten(visit)
    return visit.render("trial.html", trial=found, renews=visit.desk.renew is not None)


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


def _beyond(visit: Visit, before: str, text: str) -> tuple[str, ...]:
    """The tables, beside those of syncs, that a change of the file alters."""
    path = visit.desk.config.path
    try:
        was = toml.parse(before.encode(), path).data
    except ConfigError:
        was = {}
    will = toml.parse(text.encode(), path).data
    return tuple(f"[{name}]" for name in sorted({*was, *will} - {"syncs"}) if was.get(name) != will.get(name))


def _file(visit: Visit) -> tuple[str, str]:
    """The text of the configuration, and the digest of the file."""
    try:
        return standing(visit.desk.config.path)
    except ConfigError as error:
        raise Denied(503, "The configuration cannot be read", f"{error.message}.") from error
