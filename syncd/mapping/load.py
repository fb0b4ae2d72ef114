"""The door of the mapping: a configuration and the discovered schemas in, syncs out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.record import Raws
from syncd.errors import ConfigError, Problem
from syncd.mapping.fit import fit
from syncd.mapping.laws import Breach, breaches
from syncd.mapping.meaning import Meant, meant
from syncd.mapping.mistakes import Notes
from syncd.mapping.overlap import double_writers, shared_objects
from syncd.mapping.shape import shaped
from syncd.mapping.sketch import Written, sketched
from syncd.mapping.templates import included
from syncd.sdk.contract import Object
from syncd.settings import Config, SyncConfig
from syncd.spelling import suggest

__all__ = ["Row", "check_laws", "check_shapes", "describe", "doubts", "load_syncs", "misshapen"]

_ARROWS = {Way.BOTH: "↔", Way.READ: "→", Way.WRITE: "←"}
"""Seen from the app: it gives, it takes."""


def check_shapes(config: Config) -> None:
    """Everything that can be known without a network. Raises ConfigError with every problem there is."""
    problems: list[Problem] = []
    _meant(config, problems)
    if problems:
        raise ConfigError(problems)


def misshapen(path: Path) -> tuple[Problem, ...]:
    """The same of a file that cannot be loaded, for want of a secret for instance: what is wrong with its syncs."""
    problems: list[Problem] = []
    try:
        _meant(sketched(path), problems)
    except ConfigError:
        return ()  # no TOML at all: that has been told
    return tuple(problems)


def load_syncs(config: Config, schemas: Mapping[str, Sequence[Object]]) -> Mapping[str, Sync]:
    """The syncs by name. `schemas`: app name to what its connector discovered.

    Raises ConfigError with every problem there is.
    """
    problems: list[Problem] = []
    syncs, written = _fitted(config, schemas, problems)
    for sync in syncs.values():
        problems += _dangling(sync, syncs, schemas, config)
    problems += double_writers(syncs, written)
    if problems:
        raise ConfigError(problems)
    return syncs


def doubts(config: Config, schemas: Mapping[str, Sequence[Object]]) -> tuple[Problem, ...]:
    """What may be meant and may be a mistake, of a configuration that loads."""
    return (*_one_account(config), *shared_objects(*_fitted(config, schemas, [])))


def _one_account(config: Config) -> Iterable[Problem]:
    """Apps of two names that are one: what one shows would be written to the other."""
    apps = list(config.apps.values())
    for place, one in enumerate(apps):
        for other in apps[:place]:
            if (one.connector, one.settings) == (other.connector, other.settings):
                hint = "what one shows is written to the other; an account needs one name"
                yield one.places.problem(("apps", one.name), f'is the same account as "{other.name}"', hint)


def _fitted(
    config: Config, schemas: Mapping[str, Sequence[Object]], problems: list[Problem]
) -> tuple[dict[str, Sync], dict[str, SyncConfig]]:
    """The syncs that fit, and how each is written, its template included."""
    syncs: dict[str, Sync] = {}
    written: dict[str, SyncConfig] = {}
    for meaning, notes in _meant(config, problems):
        sync = fit(meaning, schemas, config.apps, notes)
        if sync is not None:
            syncs[sync.name], written[sync.name] = sync, notes.config
    return syncs, written


def _dangling(
    sync: Sync, syncs: Mapping[str, Sync], schemas: Mapping[str, Sequence[Object]], config: Config
) -> Iterable[Problem]:
    """References that lead nowhere: to no sync, or in some app to another object than the field points to."""
    places = config.syncs[sync.name].places
    for rule in sync.rules.values():
        if not rule.refers:
            continue
        key = ("syncs", sync.name, "fields", rule.name)
        target = syncs.get(rule.refers)
        if target is None:
            if rule.refers not in config.syncs:
                hint = suggest(rule.refers, config.syncs)
                yield places.problem((*key, "to"), f'there is no sync "{rule.refers}"', hint)
            continue
        for app, lens in rule.lenses.items():
            objects = {object.name: object for object in schemas[app]}
            points = {objects[sync.apps[app]].fields[name].refers for name in lens.window} - {""}
            if app not in target.apps:
                yield places.problem((*key, app), f'{app} is no app of the sync "{target.name}"')
            elif points and points != {target.apps[app]}:
                there, meant = ", ".join(sorted(points)), target.apps[app]
                yield places.problem((*key, app), f'points to {there}, and the sync "{target.name}" keeps {meant}')


def check_laws(rule: FieldRule, app: str, samples: Iterable[Raws] = ()) -> tuple[Breach, ...]:
    """Whether the rule's lens for an app keeps the laws, on edge cases and on `samples`, raws of real records."""
    return () if rule.computed is not None else tuple(breaches(rule, app, samples))


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a sync, for a table that a person reads."""

    field: str
    type: str
    apps: Mapping[str, str]
    """App name to arrow and app field: `↔ firstname`; empty where the app does not have it."""
    conflict: str
    blank: str


def describe(sync: Sync) -> tuple[Row, ...]:
    """The rows of a sync's table, in the order of the file."""
    return tuple(
        Row(
            field=rule.name,
            type=rule.type,
            apps={app: _cell(rule, app) for app in sync.apps},
            conflict=f"prefer {rule.order[0]}" if rule.policy.value == "prefer" else rule.policy.value,
            blank=rule.blank.value,
        )
        for rule in sync.rules.values()
    )


def _cell(rule: FieldRule, app: str) -> str:
    if app not in rule.lenses:
        return ""
    return f"{_ARROWS[rule.ways[app]]} {', '.join(rule.lenses[app].window)}"


def _meant(config: Written, problems: list[Problem]) -> list[tuple[Meant, Notes]]:
    """What each sync means, as far as it makes sense at all."""
    found = []
    for sync in config.syncs.values():
        whole = included(sync, config, problems)
        if whole is None:
            continue
        notes = Notes(whole, problems)
        shape = shaped(list(config.apps), notes)
        if shape is not None:
            found.append((meant(shape, notes), notes))
    return found
