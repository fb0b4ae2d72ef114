"""`python -m syncd.testing`: random stories by the thousand, told to the real engine once or twice; and a soak."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from syncd.testing.simulator import related
from syncd.testing.simulator.many import Broken, Summary, Tell, run, told
from syncd.testing.soak import command as soak

__all__ = ["main"]

_LAST = 25
"""So many lines of a story that went wrong are shown."""
_STOPPED = 130


def main(words: Sequence[str] | None = None, tell: Tell | None = None) -> int:
    """Run the command line; the exit code: 0 where every promise held, 1 where one was broken, 130 after Ctrl-C."""
    asked = _parser().parse_args(words)
    if asked.act is not None:
        return int(asked.act(asked))
    folder = asked.stories or Path(tempfile.gettempdir()) / "syncd-stories"
    seeds, summary, code = asked.seeds, Summary(), 0
    stories = run(seeds, tell or partial(told, store=asked.store, folder=folder), jobs=asked.jobs, folder=folder)
    try:
        for summary in _watched(stories, len(seeds)):
            code = 1 if summary.violations else 0
    except KeyboardInterrupt:
        code = _STOPPED
    if asked.json:
        print(json.dumps({**asdict(summary), "per_second": round(summary.per_second, 1)}, indent=2, sort_keys=True))
    else:
        print("\n".join(_lines(summary)))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m syncd.testing", description="What developers test syncd with.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    simulate = commands.add_parser("simulate", help="tell random stories to the engine, and ask what became of them")
    simulate.add_argument("--seeds", type=_seeds, required=True, metavar="A..B", help="the first and the last seed")
    simulate.add_argument("--store", choices=("memory", "sqlite"), default="memory", help="where state is kept")
    simulate.add_argument("--jobs", type=_count, default=os.cpu_count() or 1, metavar="N", help="how many processes")
    simulate.add_argument("--stories", type=Path, metavar="FOLDER", help="where stories that go wrong are written")
    simulate.add_argument("--json", action="store_true", help="print the summary as JSON")
    simulate.set_defaults(act=None)
    related.shape(commands.add_parser("relations", help=related.HELP), _seeds, _count)
    soak.shape(commands.add_parser("soak", help=soak.HELP))
    return parser


def _seeds(text: str) -> range:
    first, dots, last = text.partition("..")
    if not (first.isdecimal() and (last.isdecimal() or not dots)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of seeds: write the first and the last, like 0..999")
    seeds = range(int(first), int(last or first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} has no seed: the last is before the first; write {last}..{first}")
    return seeds


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes: write 1 or more")
    return int(text)


def _watched(stories: Iterator[Summary], total: int) -> Iterator[Summary]:
    """The same, shown as they come to somebody who looks on."""
    looking, shown = sys.stderr.isatty(), -1.0
    for summary in stories:
        if looking and (summary.seconds - shown > 0.2 or summary.schedules == total):
            shown = summary.seconds
            left = (total - summary.schedules) / summary.per_second if summary.per_second else 0.0
            line = f"{summary.schedules:,} of {total:,} schedules, {summary.per_second:.0f} a second, "
            sys.stderr.write(f"\r{line}{_violations(summary)}, {left:.0f} s left \x1b[K")
            sys.stderr.flush()
        yield summary
    if looking:
        sys.stderr.write("\r\x1b[K")


def _lines(summary: Summary) -> Iterator[str]:
    for broken in summary.first:
        yield from _end(broken)
    speed = f"in {summary.seconds:.1f} s, {summary.per_second:.1f} a second"
    yield f"{summary.schedules:,} schedules {speed}, {summary.retold:,} of them told twice: {_violations(summary)}"


def _end(broken: Broken) -> Iterator[str]:
    """How a story that went wrong ended."""
    story = Path(broken.story)
    lines = story.read_text(encoding="utf-8").splitlines() if story.exists() else []
    yield f"seed {broken.seed}"
    yield from (f"    {line}" for line in lines[-_LAST:] if line not in broken.violations)
    yield from (f"  {violation}" for violation in broken.violations)
    if lines:
        yield f"  the whole story: {story}"
    yield f"  again: python -m syncd.testing simulate --seeds {broken.seed}..{broken.seed}"
    yield ""


def _violations(summary: Summary) -> str:
    match summary.violations:
        case 0:
            return "no violation"
        case 1:
            return "1 violation"
        case many:
            return f"{many:,} violations"


if __name__ == "__main__":
    sys.exit(main())
