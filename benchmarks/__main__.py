"""`python -m benchmarks`: measure, show a table, keep it as JSON."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import carddav
from benchmarks.console import console
from benchmarks.live import intake, latency, rate_limit
from benchmarks.rows import in_step, three_apps
from benchmarks.table import Row, kept, lines
from benchmarks.undoing import undone

_RESULTS: Final = Path(__file__).parent / "results" / "latest.json"


def main(words: list[str]) -> int:
    """0 where every goal was met, 1 where one was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure syncd, each figure beside its limit."
    )
    names = ("sizes", "three", "latency", "intake", "limit", "undo", "console", "carddav")
    parser.add_argument("only", nargs="*", metavar="WHAT", help=f"what to measure: {', '.join(names)} (all of them)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], metavar="N", help="how many people")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="how often; the median counts")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="where the rows are kept")
    asked = parser.parse_args(words)
    if min([*asked.sizes, asked.repeat]) < 1:
        parser.error("sizes and repeats are counted from one")
    if unknown := sorted(set(asked.only) - set(names)):
        parser.error(f"there is no {', '.join(unknown)} to measure; there are {', '.join(names)}")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        for measure in _measures(Path(folder), asked.sizes, asked.repeat, asked.only or names):
            for one in measure():
                rows.append(one)
                print("\n".join(lines([one])) if len(rows) == 1 else list(lines([one]))[1], flush=True)
                kept([one], asked.out)
    return 0 if all(one.met in (True, None) for one in rows) else 1


def _measures(
    folder: Path, sizes: list[int], repeat: int, only: Sequence[str]
) -> Iterator[Callable[[], Iterator[Row]]]:
    live: Mapping[str, Callable[[], Iterator[Row]]] = {
        "three": partial(three_apps, folder / "three", min(sizes), repeat),
        "latency": partial(latency, folder / "latency"),
        "intake": partial(intake, folder / "intake", repeat),
        "limit": partial(rate_limit, folder / "limit"),
        "undo": partial(undone, folder / "undo", repeat),
        "console": partial(console, folder / "console", repeat),
        "carddav": carddav.rows,
    }
    if "sizes" in only:
        yield from (partial(in_step, folder / str(size), size, repeat) for size in sizes)
    yield from (measure for name, measure in live.items() if name in only)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
