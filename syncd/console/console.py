"""What questions and orders are put to: the store, a world without apps, or everything.

opened      the store alone: needs neither secrets nor a network
bare        the same as a world that has no apps, for orders that concern only the store
recalled    everything as last discovered: needs secrets, asks no app
assembled   everything, discovered afresh
alone       the same, while nobody else works on the store
"""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from syncd.console.outline import Outline
from syncd.engine.world import World
from syncd.errors import ConfigError
from syncd.sdk.clock import WallClock
from syncd.store.store import Store

if TYPE_CHECKING:
    from syncd.settings import Config

__all__ = ["alone", "assembled", "bare", "opened", "recalled", "speak_to_stderr"]


@contextmanager
def opened(outline: Outline) -> Iterator[Store]:
    """The store, if there is one yet. Raises ConfigError where there is none, and StoreError."""
    file = outline.store_file
    if file is not None and not file.exists():
        raise ConfigError(f"nothing has run yet: there is no store at {file}", hint="start with: syncd plan")
    store = Store.open(outline.store, WallClock().now)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def bare(outline: Outline) -> Iterator[World]:
    """A world with the store and nothing else. It logs only what is critical: the command itself says what it did."""
    loud = structlog.make_filtering_bound_logger(logging.CRITICAL)
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), wrapper_class=loud)
    with opened(outline) as store:
        yield World(store=store, apps={}, syncs={}, clock=WallClock(), chance=random.SystemRandom(), log=log)


@contextmanager
def recalled(config: Config) -> Iterator[World]:
    """Everything as it was when last discovered. Raises ConfigError where an app was never reached."""
    from syncd.app import recall

    speak_to_stderr()
    with recall(config) as assembly:
        yield assembly.world


@contextmanager
def assembled(config: Config) -> Iterator[World]:
    """Everything. Raises ConfigError for a mapping that does not fit, and ConnectorError for an app without answer."""
    from syncd.app import assemble

    speak_to_stderr()
    with assemble(config) as assembly:
        yield assembly.world


@contextmanager
def alone(config: Config, doing: str) -> Iterator[World]:
    """Everything, while nobody else works on the store. Raises AlreadyRunning where somebody does."""
    from syncd.daemon.lock import sole
    from syncd.store.generation import advance, generation_file

    with sole(config, doing), assembled(config) as world:
        advance(world.store, generation_file(config.store.url))
        yield world


def speak_to_stderr() -> None:
    """Standard output belongs to answers: what the engine warns of goes to standard error, without secrets."""
    from syncd.daemon.logs import configure
    from syncd.settings import Log

    configure(Log(level="warning"))
