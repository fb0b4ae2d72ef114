"""The configuration: one TOML file, then the environment, then secrets from where they are kept.

    [apps.NAME]     an account: its connector, the connector's own settings, and `poll`, `sweep`, `read_only`
    [syncs.NAME]    a mapping, kept here as written; `syncd.mapping` reads it
    [daemon] [store] [safety] [log]     all with defaults, each scalar also settable as SYNCD_SECTION_KEY
    [alerts]            whom to tell what, by the tables [alerts.to.NAME]; see `syncd.destinations`
    [console]       who may open the web console; `syncd.access` reads it

Secrets never stand in the file: `token = { env = "X" }`, `{ file = "path" }` or `{ keyring = "service/user" }`.
Every fault is found in one go and told as `file:line:key: what is wrong (the nearest right spelling)`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncd import destinations, plugins, secrets, toml
from syncd.access import Console, console_table
from syncd.accounts import AppConfig, AppTable, Rhythm, account, variable
from syncd.brakes import Guards, Safety
from syncd.destinations import Alerts
from syncd.errors import ConfigError, Problem
from syncd.explain import explain
from syncd.sdk.contract import Plugin
from syncd.section import Duration, Section, Span
from syncd.spelling import suggest
from syncd.toml import Document, Places

__all__ = [
    "AppConfig",
    "AppTable",
    "Config",
    "Daemon",
    "Duration",
    "Guards",
    "Log",
    "Safety",
    "Store",
    "SyncConfig",
    "load",
    "loaded",
]

_PREFIX: Final = "SYNCD_"
_SECTIONS: Final = ("daemon", "store", "safety", "audit", "log")
RESERVED: Final = frozenset(
    "type conflict blank default empty region zone options partial personal address channel".split()
    + "opt_in_from to expr apps".split()
)
"""Words with a meaning of their own inside a field's table: no app may be called so."""


class Daemon(Section):
    """The running process."""

    listen: str = "127.0.0.1:8420"
    """Host and port of the webhook door and the console."""
    public_url: str = ""
    """How apps reach this daemon from outside, for their webhooks: `https://sync.example.com`."""
    poll: Span = timedelta(minutes=1)
    """How often an app is asked for changes where it does not say otherwise."""
    sweep: Span = timedelta(hours=1)
    """How often everything is compared."""
    memory: int = Field(default=896, ge=128)
    """MiB of memory that it may use: above three quarters no webhook is taken in, above all of it the daemon stops."""

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}", value) or int(value.rpartition(":")[2]) > 65535:
            raise ValueError(f'is "{value}", expected host:port such as "127.0.0.1:8420"')
        return value

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        wrong = secrets.unusable(value)
        if wrong is not None or "?" in value or "#" in value:
            raise ValueError(f'is "{value}", expected an address such as "https://sync.example.com"')
        return value.rstrip("/")

    @property
    def host(self) -> str:
        """The host to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])


class Store(Section):
    """Where syncd keeps what it knows."""

    url: str = Field(default="sqlite:///syncd.db", repr=False)
    """A database address as SQLAlchemy takes it. A relative SQLite path starts at the configuration file."""
    keep: Span | None = None
    """How long values stay in the change log once they are no longer agreed: `400d`. Unset: for ever."""
    key: SecretStr | None = None
    """What changing secrets are sealed with: 32 bytes in base64. Unset: a key in a file beside an SQLite store; another
    store asks for it."""

    @field_validator("url")
    @classmethod
    def _of_a_store(cls, value: str) -> str:
        if not value.startswith(("sqlite://", "postgresql://", "postgres://", "postgresql+psycopg://")):
            raise ValueError('is no store, expected "sqlite:////var/lib/syncd/syncd.db" or "postgresql://host/syncd"')
        return value

    @field_validator("key")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not secrets.keys_of(value.get_secret_value()):
            raise ValueError(f"is no key: 32 bytes in base64, such as: {secrets.MAKE}")
        return value


class Audit(Section):
    """The full comparison that `syncd audit` makes, by the daemon itself."""

    every: Span | None = None
    """How often the daemon makes one and keeps its figures; unset: never."""


class Log(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Less than this is not said."""
    format: Literal["console", "json"] = "console"
    """Plain lines for people, or one JSON object a line."""


class _Sections(BaseSettings):
    """The sections: the environment first, then the file."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", frozen=True
    )

    daemon: Daemon = Daemon()
    store: Store = Store()
    safety: Safety = Safety()
    audit: Audit = Audit()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Of pydantic's sources only these two, in this order."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


@dataclass(frozen=True, slots=True)
class SyncConfig:
    """One sync as written; `key` is where its table stands in `places`."""

    name: str
    data: Mapping[str, Any]
    places: Places

    @property
    def key(self) -> toml.Key:
        """The table's own key path."""
        return ("syncs", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that an operator decides, checked as far as that is possible without a network."""

    path: Path
    apps: Mapping[str, AppConfig]
    syncs: Mapping[str, SyncConfig]
    daemon: Daemon
    store: Store
    safety: Safety
    log: Log
    alerts: Alerts = field(default_factory=Alerts)
    audit: Audit = field(default_factory=Audit)
    console: Console = field(default_factory=Console)

    @property
    def hooks(self) -> Mapping[str, str]:
        """App to the secret end of the address for its webhooks, where it has one."""
        return {name: app.hook.get_secret_value() for name, app in self.apps.items() if app.hook is not None}


def load(path: Path, plugin: Callable[[str], Plugin] = plugins.load) -> Config:
    """Read a configuration file, with `plugin` to find a connector. Raises ConfigError with every problem there is."""
    return loaded(toml.read(path), plugin)


def loaded(document: Document, plugin: Callable[[str], Plugin] = plugins.load) -> Config:
    """The same of a text that may not stand in its file yet."""
    problems = [*_insecure(document), *_unknown_tables(document)]
    sections = _sections(document, problems)
    rhythm = Rhythm(sections.daemon.poll, sections.daemon.sweep)
    apps = {
        name: app
        for name, table in _tables(document, "apps", problems)
        if (app := account(name, table, document, rhythm, plugin, problems)) is not None
    }
    alerts = destinations.read(document, problems)
    syncs = {name: SyncConfig(name, table, document.places) for name, table in _tables(document, "syncs", problems)}
    console = console_table(document, problems, sections.daemon.host, sections.daemon.public_url)
    if problems:
        raise ConfigError(problems)
    return Config(
        path=document.path,
        apps=apps,
        syncs=syncs,
        daemon=sections.daemon,
        store=sections.store,
        safety=sections.safety,
        log=sections.log,
        audit=sections.audit,
        alerts=alerts,
        console=console,
    )


def _insecure(document: Document) -> Iterator[Problem]:
    """A configuration that anybody may write to decides for everybody; who it lets in is nobody else's to read.

    One that root has put there for a daemon that is not root may be read by others: it takes root to have made it so.
    """
    told, name, ours = document.path.stat(), document.path.name, os.geteuid()
    if told.st_mode & 0o002:
        yield Problem(name, "may be written by anybody", f"chmod o-w {name}")
    elif told.st_uid == ours and told.st_mode & 0o077:
        yield Problem(name, "may be read or written by others", f"chmod 600 {name}")
    if told.st_uid not in {0, ours}:
        yield Problem(name, "belongs to another user, who decides what is in it", "chown it to root or to syncd")


def _unknown_tables(document: Document) -> Iterator[Problem]:
    known = ("apps", "syncs", "alerts", "console", *_SECTIONS)
    for name in document.data:
        if name not in known:
            yield document.places.problem((name,), "unknown key", suggest(name, known))


def _tables(document: Document, section: str, problems: list[Problem]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The named tables of `[apps]` or `[syncs]`."""
    tables = document.data.get(section, {})
    if not isinstance(tables, Mapping):
        problems.append(document.places.problem((section,), f"expected tables such as [{section}.name]"))
        return
    for name, table in tables.items():
        key = (section, name)
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name) or name in RESERVED:
            words = "a name is lower-case letters, digits, - and _, at most 40, and no word of the mapping language"
            problems.append(document.places.problem(key, f'"{name}" is no name', words))
        elif not isinstance(table, Mapping):
            problems.append(document.places.problem(key, f"expected a table [{section}.{name}]"))
        else:
            yield name, table


def _sections(document: Document, problems: list[Problem]) -> _Sections:
    """The sections; defaults stand in where there is a problem, so that the search for problems goes on."""
    given = {name: document.data[name] for name in _SECTIONS if name in document.data}
    if isinstance(given.get("store"), Mapping):
        given["store"] = _store(given["store"], document, problems)
    try:
        sections = _Sections(**given)
    except ValidationError as error:
        told = explain(error, _Sections, document.places)
        problems += [_from_environment(problem) for problem in told]
        return _Sections.model_construct()
    url = sections.store.url
    if sections.store.key is None and not url.startswith("sqlite") and "key" not in document.data.get("store", {}):
        hint = f'make one with: {secrets.MAKE}; say key = {{ env = "SYNCD_KEY" }}'
        problems.append(document.places.problem(("store", "key"), "is missing, to seal secrets with", hint))
    file = url.removeprefix("sqlite:///")
    if file not in {url, "", ":memory:"} and not file.startswith("/"):
        settled = f"sqlite:///{(document.path.parent / file).resolve()}"
        return sections.model_copy(update={"store": sections.store.model_copy(update={"url": settled})})
    return sections


def _store(table: Mapping[str, Any], document: Document, problems: list[Problem]) -> Mapping[str, Any]:
    """The `[store]` table with its references resolved, or without what cannot be used."""
    given, _, faults = secrets.resolve_all(table, Store, document.path.parent)
    for at, message, hint in faults:
        problem = document.places.problem(("store", *at), message, hint.replace("VARIABLE", variable("store", at)))
        problems.append(problem)
    if isinstance(url := table.get("url"), str) and _has_password(url):
        hint = 'write url = { env = "DATABASE_URL" }, or set SYNCD_STORE_URL'
        problems.append(document.places.problem(("store", "url"), "has a password in it", hint))
        del given["url"]
    return given


def _has_password(url: str) -> bool:
    """Whether a secret stands in an address; so it does if one with an odd character has made it unreadable."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return bool(parts.password) or "password=" in parts.query


def _from_environment(problem: Problem) -> Problem:
    """Name the variable where the wrong value came from the environment."""
    _, _, key = problem.where.rpartition(":")
    variable = _PREFIX + key.replace(".", "_").upper()
    return Problem(variable, problem.message, problem.hint) if variable in os.environ else problem
