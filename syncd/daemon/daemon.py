"""The running process: lock, migrate, recover, serve, drain, release, in that order and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from starlette.routing import BaseRoute

from syncd.settings import Config

__all__ = ["serve"]

GRACE = timedelta(seconds=30)


def serve(config: Config, *, grace: timedelta = GRACE, routes: Sequence[BaseRoute] = ()) -> int:
    """Keep everything the same until SIGTERM or SIGINT; the exit code for the process.

    `grace`: how long a stop may take before work on its way is left to the next start; a second signal cuts it short.
    `routes`: pages that share the door with the webhooks (the console's).

    0: stopped as asked. 1: a part of the daemon died. Raises what stands in the way of a start: ConfigError, StoreError,
    ConnectorError for an app that was never reached, AlreadyRunning (exit code 7) where another process works on the store.
    """
    raise NotImplementedError(f"{config.path} {grace} {routes}")
