"""The process: one daemon after another on the same store, until somebody asks it to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

from syncd.daemon import logs, memory
from syncd.daemon.daemon import GRACE, Daemon, Pages, no_pages
from syncd.daemon.lock import sole
from syncd.daemon.renewal import Renew, Renewal, renewed
from syncd.daemon.signals import on_signals
from syncd.settings import Config

__all__ = ["MakePages", "serve"]

MakePages: TypeAlias = Callable[[Config, Renew], Pages]
"""What shares the door with the webhooks, by a configuration; it may ask for another one to be taken up."""


def _bare(_config: Config, _renew: Renew) -> Pages:
    return no_pages


def serve(config: Config, *, grace: timedelta = GRACE, pages: MakePages = _bare) -> int:
    """Keep everything the same until SIGTERM, SIGINT or SIGHUP; the exit code for the process.

    `grace`: how long a stop may take before work on its way is left to the next start; a second signal cuts it short.
    `pages`: what shares the door with the webhooks (the console's).

    0: stopped as asked. 1: a part of the daemon died. Raises what stands in the way of a start: ConfigError,
    StoreError, ConnectorError for an app that was never reached, AlreadyRunning (exit code 7) where another process
    works on the store. To be called in the main thread, where signals arrive.
    """
    logs.configure(config.log)
    memory.one_arena()
    renewal: Renewal | None = None
    with sole(config) as held:
        while True:
            with renewed(config, renewal) as assembly:
                config = assembly.config
                daemon: Daemon

                def renew(wanted: Renewal) -> None:
                    daemon.renew(wanted)  # noqa: B023 - only pages of this daemon call it

                daemon = Daemon(assembly, held, grace=grace, pages=pages(config, renew), anew=renewal is not None)
                memory.settle()
                with on_signals(daemon.stop):
                    code = daemon.run()
            renewal = daemon.renewal
            if renewal is None:
                return code
