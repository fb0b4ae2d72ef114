"""What a soak came to, and which of its bounds were broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from syncd.testing.soak.sample import Sample

__all__ = ["Figures", "Growth", "broken", "growth"]

_MIB: Final = 1 << 20
_WARM: Final = 1 / 6
"""The share of the time after which the daemon counts as warm."""
_GROWTH: Final = 5.0
"""Per cent of memory that it may have grown by since."""
_WAL: Final = 64 * _MIB
_DESCRIPTORS: Final = 4
"""So many more may be open at the end: a connection that an outage has cut is opened anew before it is let go of."""
_SPAN: Final = 1 / 12
"""The share of the time over which the middle of all looks is taken, against the noise of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Something that was measured all the time: when warm, at the end, and at most."""

    warm: float
    end: float
    most: float

    @property
    def percent(self) -> float:
        """From warm to the end."""
        return round((self.end / self.warm - 1) * 100, 2) if self.warm else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The end of a soak. Sizes in bytes, times in seconds."""

    seconds: float
    pace: float
    seed: int
    acts: int
    edits: int
    left: int
    arrived: int
    removed: int
    mirrored: int
    conflicts: int
    calls_per_change: float
    writes: int
    rss_warm: float
    rss_end: float
    rss_most: float
    rss_growth_percent: float
    descriptors_warm: float
    descriptors_end: float
    descriptors_most: float
    threads_end: float
    cpu_percent: float
    wal_most: int
    store_end: int
    owed_most: int
    hints_most: int
    unknown_most: int
    lag_p50: float
    lag_p95: float
    lag_max: float
    calm_lag_p50: float
    """Of edits typed while nothing was wrong with the apps."""
    calm_lag_p95: float
    calm_lag_max: float
    converged: bool
    settled_after: float
    """From the last act until nothing was owed and the apps agreed."""
    writes_when_quiet: int
    echoes: int
    """Writes in two whole comparisons after the daemon had ended."""
    lost: int
    in_the_gap: int
    """Typed between a read and a write, in an app that takes no condition: overwritten before anyone could know."""
    duplicates: int
    resubscribed: int
    exit_code: int


def growth(samples: Sequence[Sample], of: Callable[[Sample], float]) -> Growth:
    """Of what was measured while people were at it."""
    busy = [sample for sample in samples if sample.phase == "busy"] or list(samples)
    span = max(1, int(len(busy) * _SPAN))
    warm = int(len(busy) * _WARM)
    values = [of(sample) for sample in busy]
    return Growth(warm=median(values[warm : warm + span]), end=median(values[-span:]), most=max(values))


def broken(figures: Figures) -> Iterator[str]:
    """Each bound that was not kept, in words."""
    if figures.rss_growth_percent >= _GROWTH:
        yield f"memory grew by {figures.rss_growth_percent} % after the daemon was warm, expected less than {_GROWTH} %"
    if figures.descriptors_end > figures.descriptors_warm + _DESCRIPTORS:
        yield f"{figures.descriptors_end:.0f} descriptors at the end, {figures.descriptors_warm:.0f} when warm"
    if figures.wal_most >= _WAL:
        yield f"the write-ahead log came to {figures.wal_most / _MIB:.0f} MiB, expected less than {_WAL // _MIB}"
    if not figures.converged:
        yield "the apps did not come to agree"
    for count, what in (
        (figures.writes_when_quiet, "writes after all was quiet"),
        (figures.echoes, "writes in two whole comparisons at the end"),
        (figures.lost, "values lost"),
        (figures.duplicates, "duplicates"),
        (figures.resubscribed, "people written to again after they had left"),
    ):
        if count:
            yield f"{count} {what}, expected none"
    if figures.exit_code:
        yield f"the daemon ended with exit code {figures.exit_code}"
