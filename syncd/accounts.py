"""The accounts that an operator names: the tables `[apps.NAME]`, each with a connector, its secrets and its rhythm.

A key that is not the account's own is a setting of its connector.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator

from syncd import plugins, secrets, toml
from syncd.brakes import Guards
from syncd.errors import ConfigError, Problem
from syncd.explain import explain
from syncd.sdk.contract import Plugin, Settings
from syncd.sdk.trust import doubtful
from syncd.section import Section, Span
from syncd.toml import Document, Places

__all__ = ["AppConfig", "AppTable", "Rhythm", "account", "unpinned", "variable"]


class AppTable(Section):
    """The keys of `[apps.NAME]` that belong to syncd; the others are the connector's."""

    connector: str
    """Which connector reaches the account."""
    package: str = ""
    """The package of a connector that is not syncd's own, as `name==version`: no other is loaded."""
    poll: Span | None = None
    """How often it is asked for changes; unset: as `[daemon]` says."""
    sweep: Span | None = None
    """How often everything in it is compared; unset: as `[daemon]` says."""
    read_only: bool = False
    """Nothing is ever written to it."""
    authorities: str = ""
    """A file of certificate authorities (PEM) of your own that are believed for this app alone, beside the public."""
    hook: SecretStr | None = None
    """The secret end of the address that its webhooks go to: 22 letters and digits or more. Unset: it has none."""
    allow_host: bool = False
    """The credentials may go to a `base_url` that is not the vendor's, is in a network of yours, or is not `https`."""
    guards: dict[str, Guards] = Field(default_factory=dict)
    """Object = its own bounds, in place of those of `[safety]`."""

    @field_validator("hook")
    @classmethod
    def _unguessable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_-]{22,200}", value.get_secret_value()):
            raise ValueError("is no end of an address that nobody guesses: make one with: openssl rand -hex 16")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """One account, ready to be opened with `plugin.open(settings, tools)`."""

    name: str
    connector: str
    plugin: Plugin
    settings: Settings
    poll: timedelta
    sweep: timedelta
    read_only: bool = False
    """Nothing is ever written to this app."""
    allow_host: bool = False
    """The credentials may go where the vendor is not."""
    hook: SecretStr | None = None
    """The end of the address for its webhooks that nobody can guess."""
    authorities: Path | None = None
    """A file of those who are believed beside the public authorities."""
    guards: Mapping[str, Guards] = field(default_factory=dict)
    """Object to bounds of its own; what a table does not say is as `[safety]` says."""
    places: Places = field(default_factory=lambda: Places("", {}))
    """Where the keys of the file stand."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often an account is listed, and compared in full, where it does not say otherwise."""

    poll: timedelta
    sweep: timedelta


def account(
    name: str,
    table: Mapping[str, Any],
    document: Document,
    rhythm: Rhythm,
    plugin: Callable[[str], Plugin],
    problems: list[Problem],
) -> AppConfig | None:
    """One account, or None and what is wrong with it, which is added to `problems`."""
    key: toml.Key = ("apps", name)
    before = len(problems)
    ours, _, faults = secrets.resolve_all(
        {k: v for k, v in table.items() if k in AppTable.model_fields}, AppTable, document.path.parent
    )
    problems += _placed(faults, name, document)
    try:
        own = AppTable.model_validate(ours)
    except ValidationError as error:
        problems += explain(error, AppTable, document.places, key)
        return None
    if strange := unpinned(own):
        problems.append(document.places.problem((*key, "package"), *strange))
        return None
    try:
        found = plugin(own.connector)
    except ConfigError as error:
        problems.append(document.places.problem((*key, "connector"), error.message, error.hint))
        return None
    rest = {k: v for k, v in table.items() if k not in AppTable.model_fields}
    resolved, unresolved, faults = secrets.resolve_all(rest, found.settings, document.path.parent)
    problems += _placed(faults, name, document)
    try:
        settings = found.settings.model_validate(resolved)
    except ValidationError as error:
        told = explain(error, found.settings, document.places, key, also=tuple(AppTable.model_fields))
        skip = {document.places.problem((*key, *at), "").where for at in unresolved}
        if unresolved:  # what a connector asks of its settings together cannot be judged while one is missing
            skip.add(document.places.problem(key, "").where)
        problems += secrets.unquoted((problem for problem in told if problem.where not in skip), rest, resolved)
        return None
    if unusable := secrets.unusable(settings.base_url):
        problems += secrets.unquoted([document.places.problem((*key, "base_url"), *unusable)], rest, resolved)
    elif (misplaced := secrets.misplaced(settings.base_url, found)) and not own.allow_host:
        problems += secrets.unquoted([document.places.problem((*key, "base_url"), *misplaced)], rest, resolved)
    authorities = document.path.parent / own.authorities if own.authorities else None
    if authorities is not None and (why := doubtful(authorities)):
        problems.append(document.places.problem((*key, "authorities"), why))
    if len(problems) > before:
        return None
    return AppConfig(
        name=name,
        connector=own.connector,
        plugin=found,
        settings=settings,
        poll=rhythm.poll if own.poll is None else own.poll,
        sweep=rhythm.sweep if own.sweep is None else own.sweep,
        read_only=own.read_only,
        allow_host=own.allow_host,
        hook=own.hook,
        authorities=authorities,
        guards=own.guards,
        places=document.places,
    )


def _placed(faults: Sequence[secrets.Fault], app: str, document: Document) -> list[Problem]:
    return [
        document.places.problem(("apps", app, *at), message, hint.replace("VARIABLE", variable(app, at)))
        for at, message, hint in faults
    ]


def unpinned(own: AppTable) -> tuple[str, str] | None:
    """Why a connector is not loaded, and what to do: it would run with all that syncd has."""
    announced = plugins.announced()
    installed = plugins.origin(own.connector, announced)
    if installed == own.package or own.connector not in announced:
        return None
    if not own.package:
        told = f'is missing: the connector "{own.connector}" is not syncd\'s own, but from {installed}'
        return told, f'if you trust it, say package = "{installed}"'
    if not installed:
        return (
            f'is "{own.package}", and the connector "{own.connector}" comes from no such package',
            "take the line out",
        )
    told = f'is "{own.package}", and {installed} is installed'
    return told, f'see what has changed, then say package = "{installed}"'


def variable(app: str, at: toml.Key) -> str:
    """A fitting name for the environment variable that holds a secret."""
    return re.sub(r"\W", "_", f"{app}_{toml.dotted(at)}").upper()
