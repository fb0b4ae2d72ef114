"""Trying a change of the mapping: rehearsed by the real engine on a copy of the store, in the background."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from syncd.console.rewrite import digest_of
from syncd.console.runs import Proposal, shown
from syncd.engine.plan import make_plan
from syncd.engine.world import Tally, World
from syncd.errors import SyncdError

__all__ = ["Trial", "Trials"]

_KEPT: Final = 8
_SAMPLES: Final = 6


@dataclass(slots=True)
class Trial:
    """One rehearsal. `found` is what a run would write, `fault` why that cannot be said; neither while it runs."""

    number: int
    by: str
    began: float
    text: str
    difference: tuple[str, ...]
    stood: str = ""
    """The digest of the file that it is a change of."""
    beyond: tuple[str, ...] = ()
    """Tables beside the mappings that it changes: such a change is not saved by a page."""
    mappings: Mapping[str, str] = field(default_factory=dict)
    """Sync to the digest of its mapping."""
    tally: Tally = field(default_factory=Tally)
    found: Proposal | None = None
    fault: str = ""

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.found is not None or bool(self.fault)

    @property
    def digest(self) -> str:
        """What a page shows it by: no other trial has the same, though its number may come again."""
        return digest_of(f"{self.stood} {self.began} {self.text}".encode())


class Trials:
    """The latest trials; one runs at a time, for each reads every record of every app."""

    def __init__(self) -> None:
        self._known: dict[int, Trial] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def begin(self, world: World, make: Callable[[int], Trial]) -> Trial | None:
        """Start one; None while another runs. `make`: the trial by its number."""
        with self._lock:
            if any(not trial.over for trial in self._known.values()):
                return None
            trial = make(next(self._numbers))
            self._known[trial.number] = trial
            for old in list(self._known)[:-_KEPT]:
                del self._known[old]
        threading.Thread(target=_rehearse, args=(world, trial), name="trial", daemon=True).start()
        return trial

    def get(self, number: int) -> Trial | None:
        """The trial of this number."""
        return self._known.get(number)


def _rehearse(world: World, trial: Trial) -> None:
    def note(tally: Tally) -> None:
        trial.tally = tally

    try:
        trial.found = shown(world, make_plan(world, progress=note), samples=_SAMPLES)
    except SyncdError as error:
        trial.fault = str(error)
    finally:
        if not trial.over:
            trial.fault = "the rehearsal broke off; the log of the daemon says why"
