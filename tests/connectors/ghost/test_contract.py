"""The conformance suite, on the twin."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from syncd.testing.conformance import ConnectorContract
from syncd_connectors.ghost import GhostSettings, plugin
from syncd_connectors.ghost.twin import ADMIN_KEY

pytestmark = pytest.mark.unmeasured


class TestGhost(ConnectorContract):
    plugin = plugin
    settings = GhostSettings(
        base_url="https://blog.example.com",
        admin_key=SecretStr(ADMIN_KEY),
        webhook_secret=SecretStr("the-twin-signs-with-this"),
    )
    strangers = GhostSettings(base_url="https://blog.example.com", admin_key=SecretStr(f"{'00' * 12}:{'00' * 32}"))
