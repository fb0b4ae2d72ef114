"""What is to be erased, and may be by now: done from time to time, in small parts."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.forgetting import finish
from syncd.engine.retention import expire
from syncd.engine.world import World

__all__ = ["tidy"]


def tidy(world: World, keep: timedelta | None) -> None:
    """Erase whoever is to be forgotten and has no record left, and some values older than `keep`. Raises StoreError."""
    finish(world)
    if keep is not None:
        expire(world, keep)
