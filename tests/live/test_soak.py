"""The soak, for as long as it takes to see that it runs: `make soak` is the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


def test_a_soak_of_half_a_minute_loses_nothing_and_leaves_its_figures(tmp_path: Path) -> None:
    words = ("--for", "30s", "--pace", "30", "--out", str(tmp_path), "--json")
    done = subprocess.run([sys.executable, "-m", "syncd.testing", "soak", *words], capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["acts"] > 10
    assert (told["lost"], told["duplicates"], told["resubscribed"], told["echoes"]) == (0, 0, 0, 0)
    assert (told["writes_when_quiet"], told["converged"], told["exit_code"]) == (0, True, 0)
    assert [bound for bound in told["broken"] if "memory" not in bound] == []  # it is not warm so soon
    (folder,) = tmp_path.iterdir()
    looks = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert {look["phase"] for look in looks} == {"busy", "settling", "quiet"}
    assert json.loads((folder / "summary.json").read_text()) == told
