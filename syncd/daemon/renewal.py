"""Another mapping taken up by a daemon that runs: it comes to rest, and begins anew in the same process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from syncd.app import Assembly, assemble
from syncd.engine.plan import mark_applied
from syncd.errors import ConfigError, ConnectorError
from syncd.settings import Config

__all__ = ["Renew", "Renewal", "renewed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What is to be taken up, by whose word."""

    config: Config
    mappings: Mapping[str, str]
    """Sync to the digest of its mapping, as somebody has seen what it would write."""
    by: str


Renew: TypeAlias = Callable[[Renewal], None]


def renewed(config: Config, renewal: Renewal | None) -> Assembly:
    """The configuration come to life, or the one that is to be taken up in its place, its mapping in force.

    Where that one does not fit the apps, all goes on by `config` as before. A mapping that is another than the one that
    was seen, for an app has other fields by now, is not in force until it is planned and applied.
    """
    if renewal is None:
        return assemble(config, lenient=True)
    log = structlog.get_logger()
    try:
        made = assemble(renewal.config, lenient=True)
    except (ConfigError, ConnectorError) as failed:
        log.critical("mapping not taken up, going on as before", reason=failed.message)
        return assemble(config, lenient=True)
    if {name: sync.digest for name, sync in made.world.syncs.items()} == renewal.mappings:
        mark_applied(made.world, by=renewal.by)
    else:
        log.warning("mapping is another than was seen", hint="run: syncd plan, then syncd apply")
    return made
