"""What docs/security.md says is so: forty points, and tests that exist; and what no file may hold for it to stay so."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.checkout import ROOT, text, tracked

PAGE = Path("docs/security.md")
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (✓|part|no|–) \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
EVALUATING = {"eval", "exec", "compile", "__import__"}
FORBIDDEN = {
    "pickle", "marshal", "shelve", "yaml", "dill", "_create_unverified_context", "set_int_max_str_digits", "CERT_NONE",
    "system", "popen",
}  # fmt: skip
EXECUTING = {"execute", "executemany", "exec_driver_sql"}
GUARDS = {"shell", "check_hostname", "verify"}


def rows() -> list[tuple[str, str, str, str, str]]:
    return ROW.findall(text(PAGE))


def test_all_forty_points_are_there_once_and_in_order() -> None:
    assert [int(number) for number, *_ in rows()] == list(range(1, 41))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_point_names_tests_that_exist_and_what_is_missing(row: tuple[str, str, str, str, str]) -> None:
    _, _, verdict, how, shown = row
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", shown)
    assert shown == ", ".join(f"`{file}::{name}`" for file, name in named)
    assert named or verdict == "no"
    for file, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE), f"{file}::{name}"
    assert len(how) > 20


def test_the_page_tells_how_many_packages_there_are() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    own = re.findall(r'^  "', project.partition("\ndependencies = [")[2].partition("\n]")[0], re.MULTILINE)
    locked = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert (
        f"syncd asks for {len(own)} packages of its own; with what those ask for, the lock has {len(locked)}."
        in text(PAGE)
    )


def trees(*patterns: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in tracked(*patterns):
        yield path, ast.parse(text(path))


def names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (alias.name.partition(".")[0] for alias in node.names)
        case ast.ImportFrom():
            yield (node.module or "").partition(".")[0]
            yield from (alias.name for alias in node.names)
        case ast.Attribute():
            yield node.attr
        case ast.Name():
            yield node.id


def default_trust(word: ast.keyword) -> bool:
    """Whether a client is told to trust whom it would trust by itself."""
    return word.arg == "verify" and ast.unparse(word.value).startswith("trusted(")


def test_nothing_evaluates_text_or_turns_a_guard_off() -> None:
    found = []
    for path, tree in trees("syncd/*.py", "connectors/*.py"):
        for node in ast.walk(tree):
            found += [f"{path}:{node.lineno}: {name}" for name in names(node) if name in FORBIDDEN]  # type: ignore[attr-defined]
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else ""
                guards = {"shell", "check_hostname"} if path.is_relative_to("syncd/testing") else GUARDS
                off = [word.arg for word in node.keywords if word.arg in guards and not default_trust(word)]
                found += [f"{path}:{node.lineno}: {word}" for word in (*off, called) if word in {*EVALUATING, *off}]
    assert found == []
    assert sys.get_int_max_str_digits() == sys.int_info.default_max_str_digits


def test_no_statement_is_put_together_from_values() -> None:
    """Only constants of the module are put into a statement; the few other names in one are marked for the linter."""
    found = []
    for path, tree in trees("syncd/*.py"):
        lines = text(path).splitlines()
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="text"), args=[statement, *_]):
                    pass
                case ast.Call(
                    func=ast.Attribute(attr="execute" | "executemany" | "exec_driver_sql"), args=[statement, *_]
                ):
                    pass
                case _:
                    continue
            marked = "noqa: S608" in "".join(lines[node.lineno - 1 : node.end_lineno])
            if isinstance(statement, ast.JoinedStr | ast.BinOp) and not marked and not constant(statement):
                found.append(f"{path}:{node.lineno}")
    assert found == []


def constant(statement: ast.expr) -> bool:
    return all(node.id.isupper() for node in ast.walk(statement) if isinstance(node, ast.Name)) and not any(
        isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(statement)
    )
