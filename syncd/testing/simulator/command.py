"""`python -m syncd.testing simulate` and `replay`: what is typed, what is shown, and the exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from syncd.testing.simulator.many import Broken, Summary, Tell, keep, run, told
from syncd.testing.simulator.profile import PROFILES
from syncd.testing.simulator.report import figures, lines, verdict
from syncd.testing.simulator.run import StoreKind
from syncd.testing.simulator.shrink import shrunk
from syncd.testing.simulator.story import HELD, written
from syncd.testing.simulator.tape import Tape, again, load

__all__ = ["count_of", "seeds_of", "shape_replay", "shape_simulate", "shorter"]

_STOPPED: Final = 130
_UNKNOWN: Final = 2
_TOLD: Final = 60.0
"""Seconds between two lines where nobody looks on."""
_SHRUNK: Final = 3
_SECONDS: Final = 60.0
"""So long a story is made shorter, at most."""
_CODES: Final = "exit codes: 0 every promise held, 1 one was broken, 2 wrong usage, 130 stopped by Ctrl-C"
_AGAIN: Final = "exit codes: 0 the same story, 1 another one, 2 wrong usage or no tape"


def shape_simulate(commands: Any, tell: Tell | None = None) -> None:
    """Add the command. `tell` runs one seed, where that is not the simulator itself."""
    about = "tell random stories to the engine, and ask what became of them"
    parser = commands.add_parser("simulate", help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=_CODES)
    parser.add_argument("--seeds", type=seeds_of, required=True, metavar="A..B", help="the first and the last seed")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="swarm", help="which faults a story may draw")
    parser.add_argument("--store", choices=get_args(StoreKind), default="memory", help="where state is kept")
    parser.add_argument("--mutant", type=_mutant, default="", metavar="M", help="a defect to plant; see `mutants`")
    parser.add_argument("--jobs", type=count_of, default=os.cpu_count() or 1, metavar="N", help="how many processes")
    parser.add_argument("--stories", type=Path, metavar="FOLDER", help="where stories that go wrong are written")
    shrink = f"how many of them are made shorter (default {_SHRUNK})"
    parser.add_argument("--shrink", type=_number, default=_SHRUNK, metavar="N", help=shrink)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(act=partial(_simulate, tell=tell))


def shape_replay(commands: Any) -> None:
    """Add the command."""
    about = "tell the story of a tape again, and say whether it is the same"
    parser = commands.add_parser("replay", help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=_AGAIN)
    parser.add_argument("tape", type=Path, metavar="TAPE", help="a file tape-SEED.json that `simulate` has written")
    parser.add_argument("--story", action="store_true", help="print the whole story")
    parser.set_defaults(act=_replay)


def _simulate(asked: argparse.Namespace, tell: Tell | None) -> int:
    """0 where every promise held, 1 where one was broken, 130 after Ctrl-C."""
    folder: Path = asked.stories or Path(tempfile.gettempdir()) / "syncd-stories"
    like = Tape(seed=0, profile=asked.profile, store=asked.store, mutant=asked.mutant)
    seeds, summary, code = asked.seeds, Summary(), 0
    stories = run(seeds, tell or partial(told, like=like, folder=folder), jobs=asked.jobs, folder=folder)
    try:
        for summary in _watched(stories, len(seeds)):
            code = 1 if summary.violations else 0
        for place, broken in enumerate(summary.first[: asked.shrink]):
            first = (*summary.first[:place], shorter(broken, folder), *summary.first[place + 1 :])
            summary = replace(summary, first=first)
    except KeyboardInterrupt:
        code = _STOPPED
    print(json.dumps(figures(summary), indent=2, sort_keys=True) if asked.json else "\n".join(lines(summary)))
    return code


def shorter(broken: Broken, folder: Path) -> Broken:
    """The same with the shortest story that breaks the same promise, where one is found."""
    path = Path(broken.tape)
    if not path.exists():
        return broken
    if sys.stderr.isatty():
        print(f"looking for a shorter story of seed {broken.seed}", file=sys.stderr)
    tape = shrunk(load(path), seconds=_SECONDS)
    if not tape.violations or tape.steps is None:
        return broken
    keep(tape, folder)
    return replace(broken, steps=len(tape.steps), violations=tape.violations)


def _replay(asked: argparse.Namespace) -> int:
    """0 where it is the same story, 1 where it is another, 2 where it is no tape."""
    try:
        tape = load(asked.tape)
        _mutant(tape.mutant)
    except (OSError, ValueError, argparse.ArgumentTypeError) as wrong:
        print(f"{asked.tape} is no tape that can be told: {wrong}", file=sys.stderr)
        return _UNKNOWN
    now = again(tape)
    if asked.story:
        print(written(tape))
    else:
        print("\n".join(now.violations or (HELD,)))
    if now == tape:
        print("the same story as on the tape")
        return 0
    differs = "the same promises are broken" if now.violations == tape.violations else "other promises are broken"
    if not now.violations:
        differs = "no promise is broken any more"
    print(f"another story than on the tape: {differs}")
    return 1


def _known() -> Mapping[str, Any]:
    from syncd.testing.simulator.mutants import MUTANTS  # they know all of the engine; most runs plant none

    return MUTANTS


def _mutant(text: str) -> str:
    if text and text not in _known():
        raise argparse.ArgumentTypeError(f"{text!r} is no mutant: there are {', '.join(_known())}")
    return text


def seeds_of(text: str) -> Sequence[int]:
    """A range of seeds as it is typed. Raises ArgumentTypeError for anything else."""
    first, dots, last = text.partition("..")
    if not (first.isdecimal() and (last.isdecimal() or not dots)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of seeds: write the first and the last, like 0..999")
    seeds = range(int(first), int(last or first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} has no seed: the last is before the first; write {last}..{first}")
    return seeds


def count_of(text: str) -> int:
    """A number of processes as it is typed. Raises ArgumentTypeError for anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes: write 1 or more")
    return int(text)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of stories: write 0 or more")
    return int(text)


def _watched(stories: Iterator[Summary], total: int) -> Iterator[Summary]:
    """The same; how it goes is shown all the time to somebody who looks on, else now and then."""
    looking, shown = sys.stderr.isatty(), 0.0
    for summary in stories:
        if summary.seconds - shown > (0.2 if looking else _TOLD):
            shown = summary.seconds
            left = (total - summary.schedules) / summary.per_second if summary.per_second else 0.0
            line = f"{summary.schedules:,} of {total:,} schedules, {summary.per_second:.0f} a second, "
            line += f"{verdict(summary)}, {left:.0f} s left"
            sys.stderr.write(f"\r{line} \x1b[K" if looking else f"{line}\n")
            sys.stderr.flush()
        yield summary
    if looking:
        sys.stderr.write("\r\x1b[K")
