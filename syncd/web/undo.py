"""Taking changes back: chosen, shown with all that it comes to, and done as shown or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from syncd.console.history import since as moment_of
from syncd.console.undo import carry_out, prepare, runs, shown
from syncd.engine.undo import Chosen
from syncd.errors import ConfigError
from syncd.web.guard import Denied
from syncd.web.meant import meant
from syncd.web.sessions import Note
from syncd.web.visit import Visit

__all__ = ["undo", "undo_as_shown"]

_NUMBERS: Final = ("change", "run", "undo")
_WORDS: Final = ("record", "app", "sync", "field", "since", "until")
_RUNS: Final = 30
_SAMPLES: Final = 100


def undo(visit: Visit) -> Response:
    """What may be chosen, and what taking it back would come to. Nothing is done yet."""
    given = _given(visit.query)
    fault, found = "", None
    try:
        chosen = _chosen(visit, given)
        found = None if chosen is None else shown(visit.desk.world, prepare(visit.desk.world, chosen), samples=_SAMPLES)
    except ConfigError as error:
        fault = f"{error.message}{': ' + error.hint if error.hint else ''}"
    return visit.render(
        "undo.html",
        given=given,
        fault=fault,
        found=found,
        runs=runs(visit.desk.store, _RUNS)[::-1],
        apps=list(visit.desk.outline.apps),
        syncs=list(visit.desk.world.syncs),
        fields=sorted({name for sync in visit.desk.world.syncs.values() for name in sync.rules}),
    )


def undo_as_shown(visit: Visit) -> Response:
    """Take back what was shown; nothing at all where it would come to something else by now."""
    given = _given(visit.form.data)
    chosen = _chosen(visit, given)
    if chosen is None:
        raise Denied(422, "Nothing was done", "Choose first what is to be taken back.")
    order = prepare(visit.desk.world, chosen)
    if order.undo.digest != visit.form.get("digest"):
        told = "It would come to something else than the page had shown, so nothing was done. Look again."
        raise Denied(409, "That has changed", told)
    done = carry_out(visit.desk.world, order, by=visit.visitor.name)
    parts = [f"{done.values} {'value' if done.values == 1 else 'values'} taken back"] if done.values else []
    parts += (
        [f"{done.returns} deleted {'record comes' if done.returns == 1 else 'records come'} back"]
        if done.returns
        else []
    )
    parts += [f"{sum(one.count for one in done.stay)} had changed meanwhile and stay"] if done.stay else []
    note = Note(f"{'; '.join(parts)}. This undo is entry {done.entry}: it can be taken back, too.")
    return visit.to("/undo", note)


def _given(words: Mapping[str, str]) -> dict[str, str]:
    return {name: words.get(name, "").strip()[:300] for name in (*_NUMBERS, *_WORDS)}


def _chosen(visit: Visit, given: Mapping[str, str]) -> Chosen | None:
    """What is meant; None where nothing was said yet. Raises ConfigError for what makes no sense."""
    if not any(given.values()):
        return None
    numbers = {name: _number(name, given[name]) for name in _NUMBERS}
    now = visit.desk.world.clock.now()
    record = given["record"]
    chosen = Chosen(
        seq=numbers["change"],
        run=numbers["run"],
        undo=numbers["undo"],
        app=given["app"],
        sync=given["sync"],
        field=given["field"],
        entity=meant(visit, record).entity if record else None,
        since=moment_of(given["since"], now) if given["since"] else None,
        until=moment_of(given["until"], now) if given["until"] else None,
    )
    if not (chosen.seq or chosen.run or chosen.undo or chosen.entity or chosen.since is not None):
        raise ConfigError("that is everything there ever was", hint="name a change, a run, a record, or since when")
    return chosen


def _number(name: str, text: str) -> int:
    if text and not re.fullmatch(r"\d{1,15}", text):
        raise ConfigError(f'"{text}" is no number of a {name}')
    return int(text or 0)
