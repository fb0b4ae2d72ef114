"""The conformance suite: what syncd believes of a connector, checked against the app's twin.

A connector's test module needs a few lines, inside this repository or outside of it:

    from syncd.testing.conformance import ConnectorContract

    class TestAcme(ConnectorContract):
        plugin = acme.plugin
        settings = acme.AcmeSettings(token=SecretStr("a-token-of-the-twin"))

The suite asks the connector for its objects and runs once for each that the twin has a people's side for. A check of
an ability that the connector does not declare is skipped, and the reason says so. What the suite cannot guess, such as
values that the app refuses, a subclass tells by overriding a method of `Ground`.
"""

from __future__ import annotations

import pytest

# Before the checks are imported: so that a failing assert shows its values.
_CHECKS = (
    *("bench", "changes", "consent", "faults", "fields", "find"),
    *("hear", "objects", "read", "remove", "stumbles", "ties", "write"),
)
pytest.register_assert_rewrite(*(f"{__name__}.{checks}" for checks in _CHECKS))

from syncd.testing.conformance.account import Account, WallTurned
from syncd.testing.conformance.bench import Bench, MemoryVault
from syncd.testing.conformance.changes import ChangesContract
from syncd.testing.conformance.consent import ConsentContract
from syncd.testing.conformance.faults import FaultsContract
from syncd.testing.conformance.fields import FieldsContract
from syncd.testing.conformance.find import FindContract
from syncd.testing.conformance.ground import Ground
from syncd.testing.conformance.hear import HearContract
from syncd.testing.conformance.objects import ObjectsContract
from syncd.testing.conformance.read import ReadContract
from syncd.testing.conformance.remove import RemoveContract
from syncd.testing.conformance.stumbles import StumblesContract
from syncd.testing.conformance.ties import TiesContract
from syncd.testing.conformance.write import WriteContract

__all__ = [
    "Account",
    "Bench",
    "ChangesContract",
    "ConnectorContract",
    "ConsentContract",
    "FaultsContract",
    "FieldsContract",
    "FindContract",
    "Ground",
    "HearContract",
    "MemoryVault",
    "ObjectsContract",
    "ReadContract",
    "RemoveContract",
    "StumblesContract",
    "TiesContract",
    "WallTurned",
    "WriteContract",
]


class ConnectorContract(
    ObjectsContract,
    ChangesContract,
    ReadContract,
    WriteContract,
    RemoveContract,
    FieldsContract,
    ConsentContract,
    FaultsContract,
    StumblesContract,
    FindContract,
    HearContract,
    TiesContract,
):
    """Everything. Derive from the single contracts instead to run a part."""
