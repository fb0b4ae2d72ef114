"""The tool that says which `except` clauses no test has come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from coverage import CoverageData

from tests.house.checkout import ROOT
from tests.house.covered import DECIDES, Handler, executed_all, handlers, unvisited

MODULE = """\
try:
    import fast
except ImportError:
    fast = None
except (
    KeyError,
    OSError,
) as odd:
    # why
    raise
try:
    try:
        fast()
    except:
        pass
except* ValueError:
    ...
"""


def test_every_clause_is_found_with_the_line_on_which_it_begins_to_act() -> None:
    assert list(handlers(MODULE)) == [
        Handler(3, 4, "except ImportError"),
        Handler(5, 10, "except (KeyError, OSError)"),
        Handler(14, 15, "except"),
        Handler(16, 17, "except ValueError"),
    ]


def test_a_clause_is_visited_when_its_own_first_line_was_executed() -> None:
    assert [handler.line for handler in unvisited(MODULE, {1, 2, 3, 4, 5, 11, 12, 13, 14, 15})] == [5, 16]
    assert unvisited(MODULE, range(1, 18)) == []


def test_what_was_never_imported_was_not_executed(capsys: pytest.CaptureFixture[str]) -> None:
    data = CoverageData(no_disk=True)
    assert not executed_all(data, ["syncd/spelling.py", "syncd/plugins.py"])
    told = capsys.readouterr().out
    assert "syncd/plugins.py:" in told
    assert "no test comes to `except" in told
    assert "executed: 0 of 1" in told


def test_what_was_executed_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "syncd" / "plugins.py"
    data = CoverageData(no_disk=True)
    data.add_lines({str(path): range(1, 200)})
    assert executed_all(data, ["syncd/plugins.py"])
    assert "executed: 1 of 1" in capsys.readouterr().out


def test_the_places_where_every_branch_is_executed_are_there() -> None:
    assert all(Path(ROOT, place.removesuffix("/*")).is_dir() for place in DECIDES)
