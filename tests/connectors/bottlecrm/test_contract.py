"""The conformance suite, on the twin."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from syncd.testing.conformance import ConnectorContract
from syncd_connectors.bottlecrm import plugin
from syncd_connectors.bottlecrm.connector import BottleCrmSettings
from syncd_connectors.bottlecrm.twin import TOKEN

pytestmark = pytest.mark.unmeasured

_CRM = "https://crm.example.com"


class TestBottleCrm(ConnectorContract):
    plugin = plugin
    settings = BottleCrmSettings(base_url=_CRM, token=SecretStr(TOKEN))
    strangers = BottleCrmSettings(base_url=_CRM, token=SecretStr("bcrm_pat_of_nobody"))
