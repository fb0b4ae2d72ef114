"""Real connectors, real mappings, real store; twins in the same process and a clock that is turned."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from syncd import plugins
from syncd.app import Assembly, assemble
from syncd.engine.cycle import Report, once
from syncd.settings import load
from syncd.testing.clock import TurnedClock
from syncd.testing.twin import Faults, Setup, Twin

SECRETS = {
    "CRM_TOKEN": "pat-twin",
    "NEWS_KEY": "twin-us1",
    "DESK_TOKEN": "bcrm_pat_twin",
}


@dataclass
class Stage:
    """What is on stage: the twins by app name, the clock, the running assembly."""

    twins: Mapping[str, Twin]
    clock: TurnedClock
    assembly: Assembly

    def run(self, *, whole: bool = False, wait: float = 60.0) -> Report:
        """Some time passes, then everything is pulled and delivered until quiet."""
        self.clock.turn(wait)
        return once(self.assembly.world, whole=whole)

    def settle(self, runs: int = 6) -> Report:
        """Run until a whole comparison finds nothing to write."""
        for _ in range(runs):
            report = self.run(whole=True, wait=300.0)
            if not report.tally.written and not report.doubtful and not report.owed:
                return report
        raise AssertionError(f"not settled: {report}")

    def faults(self, app: str, **faults: Any) -> None:
        """Turn an app's faults."""
        self.twins[app].faults = Faults(**faults)

    def records(self, app: str) -> list[Mapping[str, Any]]:
        """Everything that lives in an app."""
        twin = self.twins[app]
        return list(twin.records(twin.objects[0]).values())

    def by_email(self, app: str, field: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """Address, folded, to id and raw fields. Fails on two records with one address."""
        twin, found = self.twins[app], {}
        for id, fields in twin.records(twin.objects[0]).items():
            address = str(fields.get(field) or "").strip().lower()
            if address:
                assert address not in found, f"{app} has {address} twice"
                found[address] = (id, fields)
        return found


@contextmanager
def staged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, config: str, twins: Mapping[str, Mapping[str, Any]]
) -> Iterator[Stage]:
    """Put twins on stage. `twins`: app name to the connector's name and the twin's `Setup`."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    clock = TurnedClock(1_790_000_000.0)
    made: dict[str, Twin] = {}
    for app, how in twins.items():
        connector = how["connector"]
        module, _, factory = plugins.load(connector).twin.partition(":")
        twin = getattr(import_module(module), factory)
        made[app] = twin(Setup(clock=clock, **{k: v for k, v in how.items() if k != "connector"}))
    path = folder / "config.toml"
    path.write_text(config)
    assembly = assemble(
        load(path),
        clock=clock,
        transports={app: twin.transport() for app, twin in made.items()},
        chance=random.Random(7),
    )
    with assembly:
        yield Stage(made, clock, assembly)
