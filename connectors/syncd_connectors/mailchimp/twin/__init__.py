"""The twin of Mailchimp: `MailchimpTwin(Setup(...))`, one audience, the key `twin-us1`."""

from __future__ import annotations

from syncd_connectors.mailchimp.twin.app import API_KEY, LIST_ID
from syncd_connectors.mailchimp.twin.jobs import MailchimpTwin

__all__ = ["API_KEY", "LIST_ID", "MailchimpTwin"]
