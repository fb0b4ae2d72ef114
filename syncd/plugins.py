"""Connectors by name: what installed distributions announce in the entry-point group `syncd.connectors`.

Only the connectors that a configuration names are imported, so that a broken one cannot stop the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from syncd.errors import ConfigError
from syncd.sdk.contract import Plugin
from syncd.spelling import suggest

__all__ = ["GROUP", "announced", "load", "origin"]

GROUP: Final = "syncd.connectors"
_OURS: Final = "syncd"


def announced() -> Mapping[str, tuple[EntryPoint, ...]]:
    """What is installed, by connector name; two different entry points of one name are both there."""
    found: defaultdict[str, set[EntryPoint]] = defaultdict(set)
    for point in entry_points(group=GROUP):
        found[point.name].add(point)
    return {name: tuple(sorted(found[name], key=lambda point: point.value)) for name in sorted(found)}


def origin(name: str, known: Mapping[str, Iterable[EntryPoint]] | None = None) -> str:
    """The package that a connector comes from, as `name==version`; "" for those of syncd itself, and for unknown ones.

    Nothing is imported.
    """
    points = announced() if known is None else known
    packages = (point.dist for point in points.get(name, ()) if point.dist is not None)
    foreign = (f"{package.name}=={package.version}" for package in packages if package.name != _OURS)
    return next(foreign, "")


def load(name: str, known: Mapping[str, Iterable[EntryPoint]] | None = None) -> Plugin:
    """Import the connector of this name. Raises ConfigError if it is unknown, announced twice, or broken."""
    points = announced() if known is None else known
    if name not in points:
        raise ConfigError(f'there is no connector "{name}"', hint=suggest(name, points))
    candidates = tuple(points[name])
    if len(candidates) > 1:
        origins = ", ".join(point.value for point in candidates)
        raise ConfigError(f'the connector "{name}" is announced twice: {origins}', hint="uninstall one of them")
    (point,) = candidates
    try:
        plugin = point.load()
    except (ImportError, AttributeError, NameError, SyntaxError, TypeError, ValueError) as error:
        raise ConfigError(f'the connector "{name}" ({point.value}) does not load: {error}') from error
    if not isinstance(plugin, Plugin):
        raise ConfigError(f'the connector "{name}" ({point.value}) is not a syncd.sdk.contract.Plugin')
    return plugin
