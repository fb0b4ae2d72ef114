"""The configuration at a glance: what can be told of it without connectors, secrets or a network.

Whoever asks how things stand, or pauses an app in a hurry, need not have the apps' secrets in his environment.
`syncd.settings.load` reads the whole of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from syncd import toml
from syncd.errors import ConfigError, Problem
from syncd.toml import Document

__all__ = ["Outline", "config_path", "known_app", "known_sync", "read_outline"]

_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Outline:
    """Names, and where the store is."""

    path: Path
    store: str
    """The store's address as SQLAlchemy takes it; an SQLite path is absolute."""
    apps: Mapping[str, str]
    """App name to its connector's name."""
    syncs: Mapping[str, tuple[str, ...]]
    """Sync name to the names of its apps, as far as the file itself names them."""

    @property
    def store_file(self) -> Path | None:
        """The SQLite file; None for another database."""
        if not self.store.startswith(_SQLITE) or self.store == f"{_SQLITE}:memory:":
            return None
        return Path(self.store.removeprefix(_SQLITE))


def config_path(given: Path | None) -> Path:
    """The file that was named, else the one in SYNCD_CONFIG, else `config.toml` here."""
    return given or Path(os.environ.get("SYNCD_CONFIG") or "config.toml")


def read_outline(path: Path) -> Outline:
    """Read the outline of a configuration. Raises ConfigError if the file is missing or no TOML."""
    if not path.exists():
        raise ConfigError([Problem(str(path), "there is no such file")], hint="make one with: syncd init")
    document = toml.read(path)
    apps = {name: str(table.get("connector", "")) for name, table in _tables(document, "apps").items()}
    syncs = {}
    for name, table in _tables(document, "syncs").items():
        named = table.get("apps")
        syncs[name] = tuple(named) if isinstance(named, Mapping) else ()
    return Outline(path, _store(document), apps, syncs)


def known_app(outline: Outline, app: str) -> str:
    """The app's name, if there is such an app. Raises ConfigError with the nearest spelling."""
    if app not in outline.apps:
        from syncd.spelling import suggest

        raise ConfigError([Problem(str(outline.path), f'there is no app "{app}"', suggest(app, outline.apps))])
    return app


def known_sync(outline: Outline, sync: str) -> str:
    """The sync's name, if there is such a sync. Raises ConfigError with the nearest spelling."""
    if sync not in outline.syncs:
        from syncd.spelling import suggest

        raise ConfigError([Problem(str(outline.path), f'there is no sync "{sync}"', suggest(sync, outline.syncs))])
    return sync


def _tables(document: Document, section: str) -> dict[str, Mapping[str, Any]]:
    tables = document.data.get(section)
    entries = tables.items() if isinstance(tables, Mapping) else ()
    return {name: table for name, table in entries if isinstance(table, Mapping)}


def _store(document: Document) -> str:
    table = document.data.get("store")
    url = os.environ.get("SYNCD_STORE_URL") or (table.get("url") if isinstance(table, Mapping) else None)
    if isinstance(url, Mapping):
        from syncd.secrets import resolve

        try:
            url = resolve(url, document.path.parent)
        except ValueError as error:
            raise ConfigError([document.places.problem(("store", "url"), str(error))]) from error
    url = str(url or f"{_SQLITE}syncd.db")
    file = url.removeprefix(_SQLITE)
    if file in {url, "", ":memory:"} or file.startswith("/"):
        return url
    return f"{_SQLITE}{(document.path.parent / file).resolve()}"
