"""A vendor's twin as a server on this machine, to try things on without an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from syncd import plugins
from syncd.errors import ConfigError
from syncd.sdk.clock import WallClock
from syncd.spelling import suggest
from syncd.testing.serve import run_forever
from syncd.testing.twin import Faults, Setup, Twin

__all__ = ["Sandbox", "build", "keep_open"]

_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A twin that is ready to listen, and what to write in the configuration to reach it."""

    connector: str
    twin: Twin

    def settings(self, url: str) -> str:
        """The table of an app that lives at `url`."""
        lines = [f"[apps.{self.connector}]", f'connector = "{self.connector}"', f'base_url  = "{url}"']
        if package := plugins.origin(self.connector):
            lines.insert(2, f'package   = "{package}"')
        lines += [
            f'{name:<9} = {{ env = "{self.variable(name)}" }}    # export {self.variable(name)}={value}'
            for name, value in self.twin.credentials.items()
        ]
        return "\n".join(lines)

    def variable(self, name: str) -> str:
        """The environment variable for one of the credentials."""
        return f"{self.connector}_{name}".upper()


def build(connector: str, *, seed: int, records: int, start: int, faults: str) -> Sandbox:
    """A twin with `records` invented people, the first of them number `start`.

    Raises ConfigError for a connector without a twin, numbers below 0, and a profile of faults that does not exist.
    """
    if records < 0 or start < 0:
        raise ConfigError("--records and --start count people: they cannot be less than 0")
    plugin = plugins.load(connector)
    if not plugin.twin:
        raise ConfigError(f"the connector {connector} has no twin")
    if faults not in Faults.PROFILES:
        raise ConfigError(f'there are no faults "{faults}"', hint=suggest(faults, Faults.PROFILES))
    module, _, name = plugin.twin.partition(":")
    make: Callable[[Setup], Twin] = getattr(import_module(module), name)
    profile = Faults.profile(faults)
    setup = Setup(clock=WallClock(), seed=seed, records=records, start=start, faults=profile)
    return Sandbox(connector=connector, twin=make(setup))


def keep_open(sandbox: Sandbox, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. Raises ConfigError if there is no such port, or it is taken."""
    if not 0 <= port <= _LAST_PORT:
        raise ConfigError(f"--port is {port}, expected 1 to {_LAST_PORT}, or 0 for any that is free")
    try:
        run_forever(sandbox.twin, port, ready=ready)
    except OSError as error:
        raise ConfigError(f"cannot listen on port {port}: {error.strerror}", hint="name another with --port") from error
