"""The door of the mapping: a configuration and the discovered schemas in, syncs out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.record import Raws
from syncd.errors import ConfigError, Problem
from syncd.mapping.fit import fit
from syncd.mapping.laws import Breach, breaches
from syncd.mapping.shape import Shaped, shaped
from syncd.mapping.templates import included
from syncd.sdk.contract import Object
from syncd.settings import Config

__all__ = ["Row", "check_laws", "check_shapes", "describe", "load_syncs"]

_ARROWS = {Way.BOTH: "↔", Way.READ: "→", Way.WRITE: "←"}
"""Seen from the app: it gives, it takes."""


def check_shapes(config: Config) -> None:
    """Stage one alone: everything that can be known without a network. Raises ConfigError with every problem."""
    _shapes(config)


def load_syncs(config: Config, schemas: Mapping[str, Sequence[Object]]) -> Mapping[str, Sync]:
    """Both stages: the syncs by name. `schemas`: app name to what its connector discovered.

    Raises ConfigError with every problem there is.
    """
    problems: list[Problem] = []
    shapes = _shapes(config)
    syncs = {name: sync for name, shape in shapes.items() if (sync := fit(shape, schemas, config, problems))}
    if problems:
        raise ConfigError(problems)
    return syncs


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


def _shapes(config: Config) -> dict[str, Shaped]:
    problems: list[Problem] = []
    shapes: dict[str, Shaped] = {}
    for name, sync in config.syncs.items():
        whole = included(sync, config, problems)
        shape = None if whole is None else shaped(whole, list(config.apps), problems)
        if shape is not None:
            shapes[name] = shape
    if problems:
        raise ConfigError(problems)
    return shapes
