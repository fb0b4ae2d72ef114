"""The BottleCRM connector, its twin, and what both the twin and a real server must show."""

import pytest

# Before the flows are imported: so that a failing assert shows its values.
pytest.register_assert_rewrite("tests.connectors.bottlecrm.flows")
