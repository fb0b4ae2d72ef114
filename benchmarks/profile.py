"""Where the time of a first sync and of changes goes: `python -m benchmarks.profile`, or `make profile`.

py-spy looks at the process two hundred times a second, from outside. Each look counts for the part of syncd, or the
library, in which the process was just then; and a flame graph shows who called whom.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.flames import drawn
from benchmarks.stage import ROOT, Stage, staged

__all__ = ["main", "part_of", "shares"]

_PARTS: Final[Mapping[str, str]] = {
    "importlib": "starting Python and reading modules",
    "syncd/core/": "merge, match, who is owed what (`syncd.core`)",
    "syncd/mapping/": "between raw and canonical values (`syncd.mapping`)",
    "syncd/engine/": "the engine (`syncd.engine`)",
    "syncd/store/": "rows and the hash chain (`syncd.store`)",
    "sqlalchemy/": "SQLAlchemy and SQLite",
    "syncd/sdk/": "the SDK",
    "benchmarks/": "the connector of the benchmark",
    "httpx/": "HTTP",
    "httpcore/": "HTTP",
    "h11/": "HTTP",
    "syncd/": "the command line, and what is left of syncd",
}
"""What a frame's file says of it, the first that fits."""
_OTHER: Final = "other libraries"
_SPY: Final = str(Path(sys.executable).with_name("py-spy"))
_RATE: Final = "200"
_ACTS: Final = {
    "first-sync": ("apply", "--yes"),
    "changes": ("run", "--once"),
}


def main(words: list[str]) -> int:
    """Write a page with the shares, and a flame graph for each of the acts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description="Show where the time goes.")
    parser.add_argument("--size", type=int, default=10_000, metavar="N", help="how many people")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "profile", help="where the page and graphs go")
    asked = parser.parse_args(words)
    if asked.size < 4:
        parser.error("at least four people are needed")
    asked.out.mkdir(parents=True, exist_ok=True)
    found = {act: _told(act, asked.size, asked.out) for act in _ACTS}
    (asked.out / "README.md").write_text("\n".join(_page(asked.size, found)) + "\n", encoding="utf-8")
    print((asked.out / "README.md").read_text(encoding="utf-8"))
    return 0


def part_of(stack: str) -> str:
    """Which part a look counts for: that of the innermost frame that says something."""
    for frame in reversed(stack.split(";")):
        file = frame.rpartition("(")[2]
        if "importlib" in file:
            return _PARTS["importlib"]
        for sign, part in _PARTS.items():
            if file.startswith(sign):
                return part
    return _OTHER


def shares(folded: Iterable[str]) -> Mapping[str, float]:
    """Part to its share of all looks, the largest first. `folded`: lines of frames, outermost first, and a count."""
    counted: Counter[str] = Counter()
    for line in folded:
        stack, _, count = line.rpartition(" ")
        counted[part_of(stack)] += int(count)
    whole = sum(counted.values())
    return {part: count / whole for part, count in counted.most_common()}


def _told(act: str, size: int, out: Path) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory(prefix="syncd-profile-") as folder:
        looks = Path(folder) / "looks.txt"
        with staged(Path(folder) / "stage", {"crm": (0, size * 3 // 4), "news": (size // 4, size * 3 // 4)}) as stage:
            if act == "changes":
                _edited(stage, size)
            spy = (_SPY, "record", "--rate", _RATE, "--function", "--format", "raw", "--output", str(looks), "--")
            stage.ended(*spy, sys.executable, "-m", "syncd", *_ACTS[act], "--config", str(stage.config))
        folded = looks.read_text(encoding="utf-8").splitlines()
    (out / f"{act}.svg").write_text(drawn(f"syncd {' '.join(_ACTS[act])}", folded), encoding="utf-8")
    return shares(folded)


def _edited(stage: Stage, size: int) -> None:
    stage.syncd("apply", "--yes")
    stage.apps["crm"].act("edit", first=0, count=size // 4, value="Edited in crm")
    stage.apps["news"].act("edit", first=size // 2, count=size // 4, value="Edited in news")


def _page(size: int, found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield "# Where the time goes"
    yield ""
    yield f"Written by `make profile`: {size:,} people in two apps, looked at {_RATE} times a second."
    yield "A first sync is `syncd apply`; the changes are edits of a quarter of the people on each side, and one run."
    for act, parts in found.items():
        yield ""
        yield f"## {act.replace('-', ' ').capitalize()}"
        yield ""
        yield f"The flame graph: [{act}.svg]({act}.svg). A browser opens it; pointing at a frame names it."
        yield ""
        yield "| part | share |"
        yield "|---|---:|"
        yield from (f"| {part} | {share:.1%} |" for part, share in parts.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
