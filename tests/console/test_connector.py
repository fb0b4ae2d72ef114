"""`syncd connector`: the report on a connector that is there, and the beginning of a new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.console.cli import main
from syncd.console.connector import as_json, begin, reported
from syncd.errors import ConfigError
from syncd.testing.conformance.report import Ability, Check, Report

_REPORT = Report(
    "acme",
    "twin",
    1.5,
    (Check("a page ends", "people", "passed"), Check("a merge shows", "people", "skipped", "nobody can merge")),
    (Ability("people", "creates", "yes", "shown"), Ability("people", "Hears", "no", "not declared")),
)


_EXAMINE = """
import json, sys
from dataclasses import asdict
from syncd.testing.conformance.report import examine
report = examine("on_twin(__import__('wiki_pages').plugin)", "wiki_pages", "twin")
print(json.dumps([dict(report.counts), [asdict(check) for check in report.failed],
    {one.name: one.verdict for one in report.abilities}, {one.name: one.declared for one in report.abilities}]))
"""


def test_a_new_connector_passes_the_suite_and_is_reported_as_it_declares_itself(tmp_path: Path) -> None:
    made = begin("wiki_pages", tmp_path)
    home = Path(made.folder)
    assert [home / file for file in made.files if not (home / file).is_file()] == []
    assert not any("acme" in (home / file).read_text().lower() for file in made.files)
    paths = os.pathsep.join([str(home), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", _EXAMINE],
        cwd=home,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    counts, failed, verdicts, declared = json.loads(run.stdout)
    assert failed == []
    assert counts["passed"] > 80
    assert {verdicts[name] for name in ("creates", "updates", "removes", "incremental", "deletes")} == {"shown"}
    assert {verdicts[name] for name in ("conditional", "Finds", "Hears")} == {"not declared"}
    assert verdicts["late_write"] == "not exercised"
    told = [declared[name] for name in ("creates", "conditional", "unique", "late_write", "granularity")]
    assert told == ["yes", "no", "email", "90 s", "0.001 s"], "as a person writes it"


def test_a_new_connector_is_short(tmp_path: Path) -> None:
    made = begin("wiki", tmp_path)
    lengths = {file: len((Path(made.folder) / file).read_text().splitlines()) for file in made.files}
    assert all(length < 100 for length in lengths.values()), lengths


@pytest.mark.parametrize("name", ["ghost", "json", "Acme", "a-b", "../up", ""])
def test_a_new_connector_takes_no_name_that_is_bad_or_taken(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        begin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_connector_overwrites_nothing(tmp_path: Path) -> None:
    begin("wiki", tmp_path)
    with pytest.raises(ConfigError, match="is there already"):
        begin("wiki", tmp_path)


def test_an_unknown_connector_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connector", "test", "gost"]) == 3
    assert "ghost" in capsys.readouterr().err


def test_a_suite_that_cannot_be_started_is_told_with_what_is_wrong(tmp_path: Path) -> None:
    home = Path(begin("wiki_pages", tmp_path).folder)
    (home / "wiki_pages" / "twin.py").unlink()
    announced = home / "wiki_pages-1.dist-info"
    announced.mkdir()
    (announced / "METADATA").write_text("Metadata-Version: 2.1\nName: wiki-pages\nVersion: 1\n")
    (announced / "entry_points.txt").write_text("[syncd.connectors]\nwiki_pages = wiki_pages:plugin\n")
    run = subprocess.run(
        [sys.executable, "-m", "syncd", "connector", "test", "wiki_pages"],
        cwd=home,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(home), *sys.path])},
    )
    assert run.returncode == 3, run
    assert "the suite could not be started on twin" in run.stderr
    assert "No module named 'wiki_pages.twin'" in run.stderr


def test_a_report_counts_and_names_what_nothing_could_show() -> None:
    told = as_json(_REPORT)
    assert told["checks"] == {"passed": 1, "failed": 0, "skipped": 1}
    assert [check.name for check in told["not_exercised"]] == ["a merge shows"]
    lacking = replace(_REPORT, checks=(Check("hears", "people", "skipped", "not declared: Hears"),))
    assert as_json(lacking)["not_exercised"] == ()
    assert list(reported(_REPORT))


def test_an_account_is_tried_only_where_its_name_says_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "pat-twin")
    table = '[apps.{name}]\nconnector = "hubspot"\ntoken = {{ env = "TOKEN" }}\n{more}\n'
    file = tmp_path / "config.toml"
    file.write_text(table.format(name="crm", more="") + table.format(name="crm-test", more="read_only = true"))
    for words in (("hubspot", "--app", "crm"), ("ghost", "--app", "crm-test"), ("hubspot", "--app", "crm-test")):
        assert main(["connector", "test", *words, "--config", str(file)]) == 3
    said = capsys.readouterr().err
    assert "no app without" in said
    assert "reached by the connector hubspot" in said
    assert "read_only" in said
