from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _secrets_are_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "canary-token")
    monkeypatch.setenv("MAILCHIMP_API_KEY", "canary-key")
