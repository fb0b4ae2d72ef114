"""A certificate authority of one's own: named beside the app or the destination that is to believe it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.destinations import Webhook
from syncd.errors import ConfigError
from syncd.settings import load
from tests.alerts.servers import certified
from tests.mapping.ground import plugin

TEXT = """[apps.a]
connector = "plain"
base_url = "https://crm.example.com"
authorities = "ca.pem"

[alerts.to.ops]
kind = "webhook"
url = "https://alerts.example.com"
secret = { env = "OPS_SECRET" }
authorities = "ca.pem"

[alerts.to.here]
kind = "log"
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPS_SECRET", "A" * 32)
    path = tmp_path / "syncd.toml"
    path.write_text(TEXT)
    return path


def test_it_lies_beside_the_configuration(path: Path) -> None:
    certified(path.parent)
    config = load(path, plugin)
    assert config.apps["a"].authorities == path.parent / "ca.pem"
    ops = config.alerts.to["ops"]
    assert isinstance(ops, Webhook)
    assert ops.authorities == path.parent / "ca.pem"


def test_one_that_is_of_no_use_is_told_with_its_place(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, plugin)
    told = "the file ca.pem cannot be read: No such file or directory"
    assert str(caught.value).splitlines()[-2:] == [
        f"syncd.toml:4:apps.a.authorities: {told}",
        f"syncd.toml:10:alerts.to.ops.authorities: {told}",
    ]
