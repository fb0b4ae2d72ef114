"""Which `except` clauses no test has ever come to: `python -m tests.house.handlers [DATA]`, after a measured run.

What fails is seldom what was tried, and the code that answers for it is where the worst of failures come from. So each
clause in `syncd` and in the connectors must have been executed by the suite. `make coverage` asks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from tests.house.checkout import ROOT

__all__ = ["Handler", "handlers", "main", "unvisited"]

MEASURED = ("syncd", "connectors/syncd_connectors")


@dataclass(frozen=True, slots=True)
class Handler:
    """One `except` clause: its line, the line on which what it does begins, and what it says."""

    line: int
    body: int
    says: str


def handlers(source: str) -> Iterator[Handler]:
    """Every `except` clause of a module, from top to bottom."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ExceptHandler)]
    for node in sorted(found, key=lambda node: node.lineno):
        caught = "" if node.type is None else f" {ast.unparse(node.type)}"
        yield Handler(node.lineno, node.body[0].lineno, f"except{caught}")


def unvisited(source: str, executed: Collection[int]) -> Sequence[Handler]:
    """The clauses of a module of which no line that they consist of was executed."""
    return [handler for handler in handlers(source) if handler.body not in executed]


def main(data_file: str = ".coverage") -> int:
    """Print the clauses that were not executed; 1 if there is one."""
    data = CoverageData(str(ROOT / data_file))
    data.read()
    count, missing = 0, 0
    for path in sorted(path for folder in MEASURED for path in (ROOT / folder).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        count += len(list(handlers(source)))
        for handler in unvisited(source, data.lines(str(path)) or ()):
            missing += 1
            print(f"{path.relative_to(ROOT)}:{handler.line}: {handler.says} was not executed by any test")
    print(f"except clauses executed: {count - missing} of {count}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
