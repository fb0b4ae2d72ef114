"""Two syncs over the same records: one writer for each field, and a word about the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from syncd.core.fieldmap import Sync, Way
from syncd.core.lens import Misfit
from syncd.core.record import Raw, Value
from syncd.errors import Problem
from syncd.settings import SyncConfig

__all__ = ["double_writers", "shared_objects"]

_EQUALS: Final = re.compile(r"""\s*(\w+)\s*==\s*(?:"([^"'\\]*)"|'([^"'\\]*)'|(true|false|\d+))\s*""")


def double_writers(syncs: Mapping[str, Sync], written: Mapping[str, SyncConfig]) -> Iterator[Problem]:
    """Fields of an app that two syncs write: each would take the other's writes for a person's edits."""
    for one, other, app in _meeting(syncs):
        for name, field in sorted(_writes(other, app).items()):
            if name not in _writes(one, app):
                continue
            config = written[other.name]
            yield config.places.problem(
                (*config.key, "fields", field, app),
                f'the sync "{one.name}" writes {name} of {app} {other.apps[app]}, too',
                'keep the apps in one sync, or say way = "read" in one of the two',
            )


def shared_objects(syncs: Mapping[str, Sync], written: Mapping[str, SyncConfig]) -> Iterator[Problem]:
    """Records that two syncs keep, without writing the same fields: it may well be meant."""
    for one, other, app in _meeting(syncs):
        if not _writes(one, app).keys() & _writes(other, app).keys():
            config = written[other.name]
            yield config.places.problem(
                (*config.key, "apps", app),
                f'the sync "{one.name}" keeps {other.apps[app]} of {app}, too',
                "a change may take the long way round; one sync may have any number of apps",
            )


def _meeting(syncs: Mapping[str, Sync]) -> Iterator[tuple[Sync, Sync, str]]:
    for one, other in combinations(syncs.values(), 2):
        for app in other.apps:
            if one.apps.get(app) == other.apps[app] and not _disjoint(one, other, app):
                yield one, other, app


def _writes(sync: Sync, app: str) -> dict[str, str]:
    """The app's fields that a sync writes, each with the canonical field it does so for."""
    return {
        name: rule.name
        for rule in sync.mapped(app)
        if rule.ways[app] is not Way.READ
        for name in rule.lenses[app].window
    }


def _disjoint(one: Sync, other: Sync, app: str) -> bool:
    """Do the filters ask the same field of the app for two different values? Nothing less plain is believed."""
    asked = dict(_asked(one, app))
    return any(name in asked and asked[name] != raw for name, raw in _asked(other, app))


def _asked(sync: Sync, app: str) -> Iterable[tuple[str, Raw]]:
    """The app's fields that a filter wants to be one value, and which."""
    text = sync.filter_text.get(app, "")
    if "||" in text or "?" in text:
        return
    for part in text.split("&&"):
        found = _EQUALS.fullmatch(part)
        rule = sync.rules.get(found[1]) if found else None
        if found is None or rule is None or app not in rule.lenses:
            continue
        put = rule.lenses[app].put(_value(found[2] or found[3], found[4]), {})
        if not isinstance(put, Misfit) and len(put) == 1:
            yield from put.items()


def _value(text: str | None, word: str | None) -> Value:
    if word is None:
        return text
    return int(word) if word.isdigit() else word == "true"
