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
)
