"""The flows, on a real BottleCRM: what the twin claims is so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd_connectors.bottlecrm.connector import BottleCrm
from tests.connectors.bottlecrm.flows import Crm, Flows
from tests.connectors.bottlecrm.ground import connector, person
from tests.live.servers.bottlecrm import BottleCrm as Server
from tests.live.servers.bottlecrm import running_bottlecrm

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_bottlecrm() as server:
        yield server


class TestRealServer(Flows):
    @pytest.fixture
    def crm(self, server: Server) -> Iterator[Crm]:
        with person(server.url, server.token) as people, connector(server.url, server.token) as ours:
            yield Crm(ours, people)

    @pytest.fixture
    def stranger(self, server: Server) -> Iterator[BottleCrm]:
        with connector(server.url, "bcrm_pat_stranger") as stranger:
            yield stranger
