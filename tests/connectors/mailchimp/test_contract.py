"""The connector keeps what it declares."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from syncd.testing.conformance import ConnectorContract
from syncd_connectors import mailchimp
from syncd_connectors.mailchimp.account import MailchimpSettings
from syncd_connectors.mailchimp.twin import API_KEY

pytestmark = pytest.mark.unmeasured


class TestMailchimp(ConnectorContract):
    plugin = mailchimp.plugin
    settings = MailchimpSettings(
        api_key=SecretStr(API_KEY), audience="Customers", webhook_secret=SecretStr("nobody-guesses-this-path")
    )
    strangers = MailchimpSettings(api_key=SecretStr("stranger-us1"), audience="Customers")
