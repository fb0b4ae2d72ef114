"""`python -m benchmarks`: measure, show a table, keep it as JSON."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.rows import in_step
from benchmarks.table import kept, lines

_RESULTS: Final = Path(__file__).parent / "results" / "latest.json"


def main(words: list[str]) -> int:
    """0 where every goal was met, 1 where one was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure syncd, each figure beside its limit."
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], metavar="N", help="how many people")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="how often; the median counts")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="where the rows are kept")
    asked = parser.parse_args(words)
    if min([*asked.sizes, asked.repeat]) < 1:
        parser.error("sizes and repeats are counted from one")
    rows = []
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        for size in asked.sizes:
            for one in in_step(Path(folder) / str(size), size, asked.repeat):
                rows.append(one)
                print("\n".join(lines([one])) if len(rows) == 1 else list(lines([one]))[1], flush=True)
    kept(rows, asked.out)
    return 0 if all(one.met in (True, None) for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
