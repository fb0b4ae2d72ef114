"""Mistakes in a mapping, noted where they stand, so that one look finds all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.errors import Problem
from syncd.settings import SyncConfig
from syncd.toml import Key

__all__ = ["Mistake", "Notes"]


class Mistake(ValueError):
    """Something an admin wrote that cannot be; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Notes:
    """Where mistakes of one sync are noted; `problems` is shared with the notes of the others."""

    config: SyncConfig
    problems: list[Problem]

    def __call__(self, key: Key, message: str, hint: str = "") -> None:
        """Note a mistake at a key below the sync's table."""
        self.problems.append(self.config.places.problem((*self.config.key, *key), message, hint))

    @contextmanager
    def at(self, *key: str | int) -> Iterator[None]:
        """Note a Mistake that is raised inside, and go on after it."""
        try:
            yield
        except Mistake as mistake:
            self(key, str(mistake), mistake.hint)
