"""The flows, on the twin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.testing.clock import TurnedClock
from syncd.testing.twin import Setup
from syncd_connectors.bottlecrm.connector import BottleCrm
from syncd_connectors.bottlecrm.twin import TOKEN, BottleCrmTwin
from tests.connectors.bottlecrm.flows import Crm, Flows
from tests.connectors.bottlecrm.ground import connector, person

URL = "https://crm.test"


class TestTwin(Flows):
    @pytest.fixture
    def twin(self) -> BottleCrmTwin:
        return BottleCrmTwin(Setup(clock=TurnedClock(), records=20))

    @pytest.fixture
    def crm(self, twin: BottleCrmTwin) -> Iterator[Crm]:
        with person(URL, TOKEN, twin.transport()) as people, connector(URL, TOKEN, twin.transport()) as ours:
            yield Crm(ours, people)

    @pytest.fixture
    def stranger(self, twin: BottleCrmTwin) -> Iterator[BottleCrm]:
        with connector(URL, "bcrm_pat_stranger", twin.transport()) as stranger:
            yield stranger
