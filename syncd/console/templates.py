"""The ready mappings that a sync can include."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncd.mapping.templates import shipped

__all__ = ["Template", "templates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template."""

    name: str
    entity: str
    apps: Mapping[str, str]
    """Connector to object."""
    fields: tuple[str, ...]
    own: bool
    """From the folder `mappings` beside the configuration, not shipped with syncd."""


def templates(folder: Path) -> tuple[Template, ...]:
    """Every template that a configuration in `folder` can include; its own go before shipped ones."""
    found: dict[str, Template] = {}
    for place, own in ((shipped(), False), (folder / "mappings", True)):
        if not place.is_dir():
            continue
        for entry in place.iterdir():
            if entry.name.endswith(".toml"):
                name = entry.name.removesuffix(".toml")
                found[name] = _template(name, entry.read_bytes(), own=own)
    return tuple(found[name] for name in sorted(found))


def _template(name: str, content: bytes, *, own: bool) -> Template:
    try:
        data = tomllib.loads(content.decode())
    except ValueError:  # told with its line by `syncd check` where a sync includes it
        data = {}
    apps, fields = (found if isinstance(found := data.get(key), dict) else {} for key in ("apps", "fields"))
    return Template(
        name=name,
        entity=str(data.get("entity", "")),
        apps={app: str(object) for app, object in apps.items()},
        fields=tuple(fields),
        own=own,
    )
