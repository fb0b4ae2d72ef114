"""Ghost: the members of a newsletter and membership site (Ghost 5 and 6, Admin API)."""

from __future__ import annotations

from typing import Final

from syncd.sdk.contract import Plugin
from syncd_connectors.ghost.connector import Ghost
from syncd_connectors.ghost.settings import GhostSettings

__all__ = ["Ghost", "GhostSettings", "plugin"]

plugin: Final = Plugin(
    name="ghost",
    title="Ghost",
    settings=GhostSettings,
    open=Ghost,
    concurrency=2,
    twin="syncd_connectors.ghost.twin:GhostTwin",
    notes={
        "Consent": (
            "`subscribed` is true while a member has any newsletter. False empties the list; true gives the "
            "newsletters that the site marks for new members. To map an opt-out, turn it round: "
            '`{ field = "subscribed", values = { true = false, false = true } }`. '
            "A member is made without newsletters unless the record says otherwise."
        ),
        "What shows late": (
            "A change of labels reaches syncd by webhook, or with the next full comparison; a person unsubscribed or "
            "labelled in bulk, or by the deletion or renaming of a label, and a member's deletion without webhooks "
            "only with the next full comparison."
        ),
        "Webhooks": (
            "Ghost refuses webhook addresses in private networks unless its own setting "
            "`security.allowWebhookInternalIPs` allows them."
        ),
        "Limits": "Ghost has no batches; it takes some 20 to 30 writes a second, whether one after another or at once.",
    },
)
