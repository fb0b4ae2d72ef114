"""Mailchimp Marketing API 3.0: the members of one audience, both ways."""

from __future__ import annotations

from syncd.sdk import Plugin
from syncd_connectors.mailchimp.account import MailchimpSettings
from syncd_connectors.mailchimp.connector import Mailchimp

__all__ = ["plugin"]

plugin = Plugin(
    name="mailchimp",
    title="Mailchimp",
    settings=MailchimpSettings,
    open=Mailchimp,
    concurrency=8,  # of the ten that one user has: other integrations share them
    base_url="https://api.mailchimp.com",
    hosts=("api.mailchimp.com", "*.api.mailchimp.com"),
    twin="syncd_connectors.mailchimp.twin:MailchimpTwin",
    notes={
        "Identity": "A record is Mailchimp's contact, by contact_id: it outlives a change of address.",
        "Deletes": "Removing archives. A contact that was deleted for good is noticed by a read or a full listing.",
        "Consent": "A new member is transactional, and mailed by nobody, unless the mapping or `new_members` says "
        "otherwise. With double opt-in, `pending` is sent for `subscribed`. Who unsubscribed stays so. "
        "Of an archived contact Mailchimp does not tell whether it had: one that is made again is a new member.",
        "Limits": "Text above 255 bytes is refused. Merge fields that sign-up forms require are not required here.",
        "Webhooks": "Set `webhook_secret`, or none can be told from a stranger's until Mailchimp has signed one.",
    },
)
