"""What is built, what it announces, and what may import what."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from syncd.plugins import GROUP, announced, load
from tests.house.checkout import ROOT, text, tracked

CONNECTORS = ROOT / "connectors" / "syncd_connectors"
# Beside these, a connector may import the standard library and itself.
DOORS = ("syncd.sdk", "syncd.core.record", "syncd.errors", "syncd.testing", "httpx", "pydantic", "starlette.routing")
OWN = {"carddav": ("lxml", "icalendar")}
"""Libraries for what one connector's app speaks and no other's."""
FACTS = {"vendor", "sources", "tried_against", "objects", "identity", "deletes", "rows"}
RULES = set(
    """schema_discovered custom_fields full_listing_complete incremental paging_survives_changes deletes_told read_by_id
    merges_followed find_by_unique_field batch_writes partial_errors_matched_by_key lost_answers_unknown
    refuses_rather_than_cuts blind_is_not_empty consent_never_reversed conditional_writes idempotent_create
    associations property_history webhooks_verified webhooks_registered rate_limits_kept twin_on_real_routes
    live_test""".split()
)
"""Of these, every connector says what is so; of what is its own besides, as it likes."""


def _connectors() -> list[Path]:
    return sorted(path.parent for path in CONNECTORS.glob("*/__init__.py"))


@pytest.fixture(scope="module")
def project() -> Mapping[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_connector_folder_has_its_entry_point(project: Mapping[str, Any]) -> None:
    folders = {folder.name for folder in _connectors()}
    assert project["project"]["entry-points"][GROUP] == {name: f"syncd_connectors.{name}:plugin" for name in folders}


def test_what_is_installed_announces_the_same() -> None:
    ours = {point.name for point in entry_points(group=GROUP) if point.value.startswith("syncd_connectors.")}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    assert ours == set(declared), "run `pip install --no-deps -e .` again"


@pytest.mark.parametrize("name", sorted(announced()))
def test_a_plugin_bears_the_name_it_is_announced_by_and_has_a_twin(name: str) -> None:
    plugin = load(name)
    assert plugin.name == name
    module, _, attribute = plugin.twin.partition(":")
    assert module.startswith(f"syncd_connectors.{name}.")
    assert attribute


@pytest.mark.parametrize("folder", _connectors(), ids=lambda folder: folder.name)
def test_every_connector_says_of_the_same_rules_what_was_checked(folder: Path) -> None:
    sheet = tomllib.loads((folder / "quality.toml").read_text())
    assert list(sheet) == ["facts", "rules"]
    assert sheet["facts"].keys() >= FACTS
    assert RULES - sheet["rules"].keys() == set()
    for name, rule in sheet["rules"].items():
        match rule:
            case "done":
                pass
            case {"exempt": str(why), **rest} | {"todo": str(why), **rest}:
                assert why, name
                assert rest == {}, name
            case _:
                pytest.fail(f"{name} is neither done nor exempt nor to do")


def test_every_connector_is_held_to_the_whole_contract() -> None:
    contracts = {
        folder.name: ROOT / "tests" / "connectors" / folder.name / "test_contract.py" for folder in _connectors()
    }
    assert [name for name, path in contracts.items() if "(ConnectorContract):" not in path.read_text()] == []


def test_the_core_needs_the_standard_library_only() -> None:
    strangers = {
        f"{path}: {name}"
        for path in tracked("syncd/core/*.py")
        for name in _imports(path)
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith(("syncd.core", "syncd.errors"))
    }
    assert strangers == set()


def test_connectors_come_in_by_the_sdk_alone() -> None:
    strangers = {
        f"{path}: {name}"
        for path in tracked("connectors/*.py")
        for name in _imports(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not name.startswith((*DOORS, *OWN.get(path.parts[2], ()), f"syncd_connectors.{path.parts[2]}"))
    }
    assert strangers == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    (path,) = builder.build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_two_packages_and_the_templates(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
    assert {name.partition("/")[0] for name in names} == {"syncd", "syncd_connectors", info}
    assert {"syncd/py.typed", "syncd_connectors/py.typed", f"{info}/licenses/LICENSE"} <= names
    sources = {path.as_posix() for path in tracked("syncd/*.py")}
    sources |= {path.relative_to("connectors").as_posix() for path in tracked("connectors/*.py")}
    templates = {f"syncd/_mappings/{path.name}" for path in tracked("mappings/*.toml")}
    assert templates
    assert (sources | templates) - names == set()
    assert [name for name in names if "test_" in name or name.endswith((".pyc", ".db"))] == []


def test_what_is_in_the_wheel_runs_without_the_checkout(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site = tmp_path / "site"
    wheel.extractall(site)
    run = subprocess.run(
        [sys.executable, "-m", "syncd", "mappings"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert {path.stem for path in tracked("mappings/*.toml")} - set(re.findall(r"[\w-]+", run.stdout)) == set()


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
