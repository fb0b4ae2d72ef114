"""The command `python -m syncd.testing crash`: what it takes, and what it says."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Final, TypeAlias

from syncd.errors import ConfigError
from syncd.testing.crash.points import Place, Struck, Theatre, strike_all, theatre
from syncd.testing.crash.storm import weathered

__all__ = ["add_to", "crash"]

Stage: TypeAlias = Callable[[], AbstractContextManager[Theatre]]
"""Opens a theatre."""

_STOPPED: Final = 130
_BACK: Final = 60.0
"""Seconds within which work must go on."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of all deaths so far. Seconds are of the wall."""

    points: int = 0
    """How many places there are; 0 where the deaths were at random times."""
    kills: int = 0
    violations: int = 0
    longest: float = 0.0
    """From a death until work went on."""
    seconds: float = 0.0
    overwritten: int = 0
    """Edits typed within the gap between a read and a write, which an app without conditional writes leaves open."""
    found: tuple[str, ...] = field(default=())


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Offer `crash` among the commands of `python -m syncd.testing`."""
    parser = commands.add_parser("crash", help="kill -9 a real syncd everywhere, and ask what is left")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--every", action="store_true", help="at every commit, and before, during and after every call")
    where.add_argument("--points", type=_points, metavar="A..B", help="at these of them alone")
    where.add_argument("--random", type=_count, metavar="N", help="so many times, at random, while people edit")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the random times (default: 1)")
    parser.add_argument("--jobs", type=_count, default=os.cpu_count() or 1, metavar="N", help="how many at once")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(act=crash)


def crash(asked: argparse.Namespace, stage: Stage = theatre) -> int:
    """Do it; the exit code.

    0 where every promise held, 1 where one was broken, 3 for points that are not there, 130 after Ctrl-C.
    """
    summary, code, began = Summary(), 0, time.monotonic()
    try:
        told = _at_random(asked.random, asked.seed) if asked.random else _at_points(asked.points, asked.jobs, stage)
        for summary in _watched(told, began):
            code = 1 if summary.violations else 0
    except ConfigError as wrong:
        print(wrong.message, file=sys.stderr)
        return wrong.exit_code
    except KeyboardInterrupt:
        code = _STOPPED
    print("\n".join(_lines(summary)) if not asked.json else json.dumps(asdict(summary), indent=2, sort_keys=True))
    return code


def _at_points(wanted: range | None, jobs: int, stage: Stage) -> Iterator[Summary]:
    with stage() as first:
        places = first.places()
        chosen = places if wanted is None else [place for place in places if place.number in wanted]
        if wanted is not None and len(chosen) < len(wanted):
            raise ConfigError(f"there are the points 1..{len(places)}, not all of {wanted.start}..{wanted.stop - 1}")
        summary = Summary(points=len(places))
        for struck in strike_all(first, chosen, min(jobs, len(chosen))):
            found = _told(struck)
            summary = replace(
                summary,
                kills=summary.kills + 1,
                violations=summary.violations + len(found),
                longest=round(max(summary.longest, struck.back), 2),
                found=(*summary.found, *found),
            )
            yield summary


def _at_random(kills: int, seed: int) -> Iterator[Summary]:
    for weather in weathered(kills, seed):
        yield Summary(
            kills=weather.kills,
            violations=len(weather.violations),
            longest=round(weather.longest, 2),
            overwritten=weather.overwritten,
            found=weather.violations,
        )


def _told(struck: Struck) -> list[str]:
    found = list(struck.violations)
    if struck.back > _BACK:
        found.append(f"slow: work went on only after {struck.back:.0f} s")
    return [f"{_place(struck.place)}: {violation}" for violation in found]


def _place(place: Place | None) -> str:
    return f"point {place.number} ({place.what})" if place else "nobody died"


def _watched(told: Iterable[Summary], began: float) -> Iterator[Summary]:
    """The same with the time, shown as they come to somebody who looks on."""
    looking = sys.stderr.isatty()
    for said in told:
        summary = replace(said, seconds=round(time.monotonic() - began, 1))
        if looking:
            sys.stderr.write(f"\r{_figures(summary)} \x1b[K")
            sys.stderr.flush()
        yield summary
    if looking:
        sys.stderr.write("\r\x1b[K")


def _figures(summary: Summary) -> str:
    places = f" of {summary.points} points" if summary.points else " at random times"
    return (
        f"{summary.kills} kills{places} in {summary.seconds:.0f} s, {summary.violations} violations, "
        f"work went on after {summary.longest:.1f} s at the latest"
    )


def _lines(summary: Summary) -> Iterator[str]:
    yield from summary.found
    yield _figures(summary)
    if summary.overwritten:
        yield f"{summary.overwritten} edits were typed between a read and a write, and overwritten unseen"


def _points(text: str) -> range:
    first, dots, last = text.partition("..")
    if not (first.isdecimal() and (last.isdecimal() or not dots)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of points: write the first and the last, like 1..20")
    points = range(int(first), int(last or first) + 1)
    if not points or points.start < 1:
        raise argparse.ArgumentTypeError(f"{text!r} has no point: they are counted from 1, the smaller number first")
    return points


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number: write 1 or more")
    return int(text)
