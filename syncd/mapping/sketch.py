"""A configuration as far as it can be told without connectors and secrets: names, and syncs as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from syncd import toml
from syncd.settings import SyncConfig

__all__ = ["Named", "Sketch", "Written", "sketched"]


class Named(Protocol):
    """One account: which connector reaches it."""

    @property
    def connector(self) -> str:
        """The connector's name."""


class Written(Protocol):
    """What a mapping is read from: a whole configuration, or a sketch of one."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def apps(self) -> Mapping[str, Named]:
        """App by name."""

    @property
    def syncs(self) -> Mapping[str, SyncConfig]:
        """Sync by name, as written."""


@dataclass(frozen=True, slots=True)
class _App:
    connector: str


@dataclass(frozen=True, slots=True)
class Sketch:
    """Names, and syncs as written."""

    path: Path
    apps: Mapping[str, _App]
    syncs: Mapping[str, SyncConfig]


def sketched(path: Path) -> Sketch:
    """The sketch of a file; what is no table is left out. Raises ConfigError for what is no TOML."""
    document = toml.read(path)
    apps = {name: _App(str(table.get("connector", ""))) for name, table in _tables(document, "apps").items()}
    syncs = {name: SyncConfig(name, table, document.places) for name, table in _tables(document, "syncs").items()}
    return Sketch(path, apps, syncs)


def _tables(document: toml.Document, section: str) -> Mapping[str, Mapping[str, object]]:
    there = document.data.get(section)
    entries = there.items() if isinstance(there, Mapping) else ()
    return {name: table for name, table in entries if isinstance(table, Mapping)}
