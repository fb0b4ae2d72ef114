"""The unit for systemd and the container start what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.checkout import ROOT

UNIT = ROOT / "contrib" / "syncd.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_takes_every_line_of_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    verdict = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert UNIT.name not in verdict.stderr, verdict.stderr


def test_the_unit_keeps_secrets_out_of_the_environment() -> None:
    unit = UNIT.read_text()
    assert "LoadCredential=" in unit
    assert not re.search(r"^Environment=.*(TOKEN|KEY|SECRET|PASSWORD)", unit, re.MULTILINE)


def test_the_container_copies_only_what_there_is() -> None:
    copied = re.findall(r"^COPY ((?!--)(?:\S+ )+)\S+$", (ROOT / "Containerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert "requirements.lock" in names
    assert [name for name in names if not (ROOT / name).exists()] == []
