"""BottleCRM, a self-hosted CRM (PyPI `django-crm`): contacts, accounts and leads."""

from __future__ import annotations

from syncd.sdk.contract import Plugin
from syncd_connectors.bottlecrm.connector import BottleCrm, BottleCrmSettings

__all__ = ["plugin"]

plugin = Plugin(
    name="bottlecrm",
    title="BottleCRM",
    settings=BottleCrmSettings,
    open=BottleCrm,
    twin="syncd_connectors.bottlecrm.twin:BottleCrmTwin",
    notes={
        "Finding changes": (
            "BottleCRM keeps no change feed and sends tokens no webhooks: every poll lists everything and compares."
        ),
        "Deletes": (
            "Records are deleted for good. A lead that was converted leaves every listing and lives on, so for leads "
            "only a read by id tells."
        ),
        "Consent": (
            "No field says whether a person may be mailed; do_not_call is about the telephone. Make a checkbox among "
            "the custom fields and map that."
        ),
        "Converting leads": "syncd never writes the status converted: it would make an account, a contact and a deal.",
        "Modules": "While the Leads module is off, leads answer 404; syncd takes that for an outage, not for deletes.",
    },
)
