"""What the pages about the inside say is so: modules, tables, layers, tests and errors are those that there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from syncd import errors
from syncd.console.cli import INTERRUPTED
from syncd.console.commands import PENDING
from syncd.core.fieldmap import Blank, Deletion, Policy, Seed
from syncd.daemon.lock import AlreadyRunning
from syncd.errors import SyncdError
from syncd.store.tables import metadata

ROOT = Path(__file__).parents[2]
PAGES = ["architecture.md", "merge.md", "errors.md", "mappings.md"]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


@pytest.mark.parametrize("name", PAGES)
def test_every_module_and_test_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"\b((?:syncd|tests)/[\w/]+(?:\.py)?)", page(name)))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_engine_s_modules_in_the_drawing_exist() -> None:
    drawing = page("architecture.md").partition("```\n   IN")[2].partition("```")[0]
    modules = set(re.findall(r"(?<![/\w])(\w+\.py)", drawing))
    assert len(modules) >= 6
    assert [module for module in modules if not (ROOT / "syncd" / "engine" / module).exists()] == []


def test_the_layers_are_those_that_are_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    drawing = page("architecture.md").partition("refuses anything else.\n\n```\n")[2].partition("```")[0]
    assert [re.split(r"  +", line)[0] for line in drawing.splitlines()] == layers


def test_the_tables_are_those_of_the_store() -> None:
    table = page("architecture.md").partition("| table | holds |")[2].partition("\n\n")[0]
    told = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")]
    assert sorted(told) == sorted(metadata.tables)


CASES: list[tuple[str, str]] = re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", page("merge.md"))


@pytest.mark.parametrize(("module", "test"), CASES)
def test_every_case_of_the_merge_is_shown_by_a_test_that_exists(module: str, test: str) -> None:
    assert re.search(rf"^ *def {test}\(", (ROOT / "tests" / module).read_text(), re.MULTILINE)


def test_every_row_of_the_cases_names_its_test() -> None:
    rows = [row for row in page("merge.md").splitlines() if row.startswith("| ") and not row.startswith("| |")]
    told = [row for row in rows if not row.rstrip().endswith("| shown by |")]
    assert len(told) > 70
    assert [row for row in told if "::test_" not in row] == []


def test_every_case_is_shown_by_a_test_of_its_own() -> None:
    assert len(CASES) == len(set(CASES))


@pytest.mark.parametrize("word", [*Policy, *Seed, *Deletion, *Blank])
def test_every_word_of_the_rules_is_explained_to_the_admin(word: str) -> None:
    assert re.search(rf'`"?{word}\b', page("mappings.md"))


def test_every_error_is_told_with_its_exit_code_and_its_remedy() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w*) ?\| .* \| (\d+) \|$", page("errors.md"), re.MULTILINE)
    told = {name: (remedy, int(code)) for name, remedy, code in rows}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SyncdError)]
    drawn = dict(re.findall(r"── (\w+) +(STOP|RETRY|LOOK|PARK|PAUSE)", errors.__doc__ or ""))
    drawn["Throttled"] = drawn["Transient"]
    assert told == {kind.__name__: (drawn.get(kind.__name__, ""), kind.exit_code) for kind in kinds}


def test_every_exit_code_is_told() -> None:
    table = page("errors.md").partition("## All exit codes")[2].partition("\n## ")[0]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SyncdError)]
    codes = {0, PENDING, AlreadyRunning.exit_code, INTERRUPTED, *(kind.exit_code for kind in kinds)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == codes
