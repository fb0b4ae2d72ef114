"""`python -m syncd.testing soak`: what is typed, what is shown, and the exit code."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from syncd.settings import Duration
from syncd.testing.soak.figures import Figures, broken
from syncd.testing.soak.sample import PROC, Sample

__all__ = ["HELP", "shape"]

HELP: Final = "run the daemon for hours between two busy apps, and watch what it takes"
_MIB: Final = 1 << 20
_TOLD: Final = 60.0
"""Seconds between two lines where nobody looks on."""
_LEAST: Final = 30.0
_UNKNOWN: Final = 2


def shape(parser: argparse.ArgumentParser) -> None:
    """Give the command its options. Its parsed arguments carry `act`, which runs it and gives the exit code."""
    parser.add_argument(
        "--for", dest="span", type=_seconds, default=7200.0, metavar="TIME", help="how long, such as 2h"
    )
    parser.add_argument("--pace", type=_pace, default=10.0, metavar="N", help="times as busy as a busy office")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which people, and what they do")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where samples, summary, log and store are written")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(act=_act)


def _act(asked: argparse.Namespace) -> int:
    """0 where every bound was kept, 1 where one was broken, 2 where it cannot be measured, 130 after Ctrl-C."""
    from syncd.testing.soak.run import Wanted, soak

    if not (PROC / "self" / "status").exists():
        print(
            "a soak reads what a process takes from /proc, and this system has none: run it on Linux", file=sys.stderr
        )
        return _UNKNOWN
    named = time.strftime("%Y%m%d-%H%M%S")
    folder: Path = (asked.out or Path(tempfile.gettempdir()) / "syncd-soak") / named
    folder.mkdir(parents=True, mode=0o700)
    wanted = Wanted(seconds=asked.span, pace=asked.pace, seed=asked.seed, folder=folder)
    print(f"samples, log and store: {folder}", file=sys.stderr)
    try:
        figures = soak(wanted, _Teller(asked.span).tell)
    except KeyboardInterrupt:
        print(f"stopped; what was measured so far is in {folder / 'samples.jsonl'}", file=sys.stderr)
        return 130
    except RuntimeError as ended:
        print(str(ended), file=sys.stderr)
        return 1
    wrong = list(broken(figures))
    told = {**asdict(figures), "broken": wrong}
    (folder / "summary.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=2) if asked.json else "\n".join(_lines(figures, wrong)))
    return 1 if wrong else 0


class _Teller:
    """Says how it goes: always on one line for somebody who looks on, else now and then."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._looking = sys.stderr.isatty()
        self._told = -_TOLD

    def tell(self, sample: Sample) -> None:
        """Say a sample."""
        if not self._looking and sample.at - self._told < _TOLD:
            return
        self._told = sample.at
        line = (
            f"{sample.at:6.0f} of {self._seconds:.0f} s  {sample.phase:8}  {sample.weather:8}  "
            f"{sample.rss / _MIB:6.1f} MiB  {sample.descriptors} descriptors  {sample.threads} threads  "
            f"WAL {sample.wal / _MIB:.1f} MiB  {sample.writes} writes  {sample.owed} owed  {sample.unknown} unknown"
        )
        sys.stderr.write(f"\r{line}\x1b[K" if self._looking else f"{line}\n")
        sys.stderr.flush()


def _lines(figures: Figures, wrong: list[str]) -> Iterator[str]:
    yield from (f"{name.replace('_', ' '):22} {_shown(name, value)}" for name, value in asdict(figures).items())
    yield from (f"BROKEN: {bound}" for bound in wrong)
    if not wrong:
        yield "every bound was kept"


def _shown(name: str, value: Any) -> str:
    if name.startswith(("rss_warm", "rss_end", "rss_most", "wal_", "store_")):
        return f"{value / _MIB:.1f} MiB"
    return str(value)


def _seconds(text: str) -> float:
    try:
        found = TypeAdapter(Duration).validate_python(text).total_seconds()
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f'{text!r} is no time: write a duration such as "10m" or "2h"') from error
    if found < _LEAST:
        raise argparse.ArgumentTypeError(f"{text!r} is too short to tell anything: write {_LEAST:.0f}s or more")
    return found


def _pace(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no pace: write a number above 0 and up to 1000")
    return found
