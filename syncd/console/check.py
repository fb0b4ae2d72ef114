"""Whether the configuration would work: every app reached, every field found, every lens tried on real records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncd.console.discover import Reached, connected, reach, sample
from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.lens import Misfit
from syncd.core.record import Raws
from syncd.errors import ConfigError, ConnectorError, Problem
from syncd.mapping.load import Row, check_laws, check_shapes, describe, doubts, load_syncs
from syncd.sdk.contract import Connector
from syncd.secrets import is_secret
from syncd.settings import AppConfig, Config

__all__ = ["AppCheck", "Checked", "SettingCheck", "SyncCheck", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingCheck:
    """One key that an app's table may have, without its value."""

    name: str
    description: str
    secret: bool
    required: bool
    given: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCheck:
    """One app: whether it was reached, and what was found there."""

    name: str
    connector: str
    reached: bool
    objects: Mapping[str, int]
    """Object to how many fields it has."""
    settings: tuple[SettingCheck, ...]
    sampled: int = 0
    """How many real records the lenses were tried on."""
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCheck:
    """One sync that fits the apps: its fields, and where a lens breaks its promise."""

    name: str
    fields: tuple[Row, ...]
    breaches: tuple[str, ...]
    misfits: tuple[str, ...] = ()
    """Fields with values that make no sense as their type, each with how many and why; such values would wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The whole report. Nothing was written."""

    apps: tuple[AppCheck, ...]
    syncs: tuple[SyncCheck, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    """What may be meant so, and changes no exit code."""

    @property
    def exit_code(self) -> int:
        """That of the worst finding: an app without answer, or something to mend in the configuration."""
        if any(not app.reached for app in self.apps):
            return ConnectorError.exit_code
        wrong = self.problems or any(sync.breaches for sync in self.syncs)
        return ConfigError.exit_code if wrong else 0


def check(config: Config, *, samples: int) -> Checked:
    """Try everything that can be tried without writing. Raises ConfigError for what needs no network to be wrong.

    `samples`: how many real records of each app to try the lenses on.
    """
    check_shapes(config)
    with connected(config, list(config.apps.values())) as connectors:
        reached = {name: reach(config.apps[name], connector) for name, connector in connectors.items()}
        if any(found.error for found in reached.values()):
            return Checked(apps=_apps(config, reached, {}), syncs=(), problems=())
        try:
            schemas = {name: found.objects for name, found in reached.items()}
            syncs = load_syncs(config, schemas)
        except ConfigError as error:
            return Checked(apps=_apps(config, reached, {}), syncs=(), problems=tuple(error.problems))
        sampled: dict[str, int] = dict.fromkeys(config.apps, 0)
        checked = tuple(_sync(sync, connectors, samples, sampled) for sync in syncs.values())
    apps = _apps(config, reached, sampled)
    return Checked(apps=apps, syncs=checked, problems=(), warnings=doubts(config, schemas))


def _apps(config: Config, reached: Mapping[str, Reached], sampled: Mapping[str, int]) -> tuple[AppCheck, ...]:
    return tuple(
        AppCheck(
            name=name,
            connector=app.connector,
            reached=reached[name].error is None,
            objects={object.name: len(object.fields) for object in reached[name].objects},
            settings=_settings(app),
            sampled=sampled.get(name, 0),
            problem=_words(reached[name].error),
            hint=_hint(reached[name].error),
        )
        for name, app in config.apps.items()
    )


def _settings(app: AppConfig) -> tuple[SettingCheck, ...]:
    return tuple(
        SettingCheck(
            name=name,
            description=info.description or "another address for the app",
            secret=is_secret(info.annotation),
            required=info.is_required(),
            given=name in app.settings.model_fields_set,
        )
        for name, info in type(app.settings).model_fields.items()
    )


def _words(error: ConnectorError | None) -> str:
    return error.message if error else ""


def _hint(error: ConnectorError | None) -> str:
    return error.hint if error else ""


def _sync(sync: Sync, connectors: Mapping[str, Connector], samples: int, sampled: dict[str, int]) -> SyncCheck:
    breaches: list[str] = []
    misfits: list[str] = []
    for app, object in sync.apps.items():
        shown = sample(connectors[app], object, samples) if samples else []
        sampled[app] += len(shown)
        for rule in sync.mapped(app):
            breaches += [str(breach) for breach in check_laws(rule, app, shown)]
            misfits += _misfits(rule, app, shown)
    return SyncCheck(
        name=sync.name,
        fields=describe(sync),
        breaches=tuple(dict.fromkeys(breaches)),
        misfits=tuple(misfits),
    )


def _misfits(rule: FieldRule, app: str, shown: Sequence[Raws]) -> Iterator[str]:
    """How many records show what makes no sense, and why the first does not. The values themselves are not told."""
    if rule.computed is not None or rule.ways[app] is Way.WRITE:
        return
    lens = rule.lenses[app]
    found = [view for raws in shown if isinstance(view := lens.get(raws, {}), Misfit)]
    if found:
        yield f"{app}, {rule.name}: {len(found)} of {len(shown)} values make no sense, the first {found[0].reason}"
