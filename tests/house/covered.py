"""What the suite must have executed: `python -m tests.house.covered`, after a measured run (`make coverage` does both).

Every branch of what decides, and every `except` clause of what runs. What fails is seldom what was tried by hand, and
the code that answers for it is where the worst of failures come from.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from coverage import Coverage, CoverageData

from tests.house.checkout import ROOT

__all__ = ["Handler", "executed_all", "handlers", "main", "unvisited"]

DECIDES = ("syncd/core/*", "syncd/mapping/*")
"""Where every branch is executed."""
RUNS = ("syncd", "connectors/syncd_connectors")
"""Where every `except` clause is executed ..."""
TOOLS = ("syncd/testing/",)
"""... but for what tests are made of."""


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
    """The clauses of a module whose first line was not executed."""
    return [handler for handler in handlers(source) if handler.body not in executed]


def executed_all(data: CoverageData, modules: Iterable[str]) -> bool:
    """Print each clause of these modules that was not executed, and how many were; whether all were."""
    count, missing = 0, 0
    for name in modules:
        path = ROOT / name
        source = path.read_text(encoding="utf-8")
        count += sum(1 for _ in handlers(source))
        for handler in unvisited(source, data.lines(str(path)) or ()):
            missing += 1
            print(f"{name}:{handler.line}: no test comes to `{handler.says}`")
    print(f"except clauses executed: {count - missing} of {count}")
    return not missing


def main() -> int:
    """Print what the measured run did not execute and should have; 1 if there is anything."""
    measured = Coverage(config_file=str(ROOT / "pyproject.toml"))
    measured.load()
    print(f"Branches of {' and '.join(DECIDES)}:")
    share = measured.report(include=[*DECIDES], show_missing=True, skip_covered=True)
    names = sorted(str(path.relative_to(ROOT)) for folder in RUNS for path in (ROOT / folder).rglob("*.py"))
    every = executed_all(measured.get_data(), [name for name in names if not name.startswith(TOOLS)])
    return 0 if share == 100.0 and every else 1


if __name__ == "__main__":
    sys.exit(main())
