"""The flows, on the twin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.connectors.ghost.flows import GhostFlows
from tests.connectors.ghost.world import World, twin_world


class TestTwin(GhostFlows):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with twin_world(records=20) as (made, _):
            yield made
