"""What an admin may write for a Ghost site, and what is told of a mistake."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from syncd_connectors.ghost import GhostSettings
from syncd_connectors.ghost.twin import ADMIN_KEY


def settings(url: str = "https://blog.example.com", key: str = ADMIN_KEY) -> GhostSettings:
    return GhostSettings(base_url=url, admin_key=SecretStr(key))


@pytest.mark.parametrize("tail", ["", "/", "/ghost", "/ghost/", "/ghost/api/admin", "/ghost/api/admin/"])
def test_an_address_copied_from_the_admin_is_understood(tail: str) -> None:
    assert settings(f"https://example.com/blog{tail}").base_url == "https://example.com/blog"


@pytest.mark.parametrize("url", ["blog.example.com", "", "ftp://blog.example.com"])
def test_an_address_without_a_scheme_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="full address"):
        settings(url)


@pytest.mark.parametrize("key", ["", "6a6a", "a" * 26, f"{'6a' * 12}:short", f"{'6a' * 12}:{'zz' * 32}"])
def test_what_is_no_admin_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValidationError, match="Admin API key is expected") as refused:
        settings(key=key)
    assert not key or key not in str(refused.value)


def test_the_current_webhook_secret_comes_first() -> None:
    both = settings().model_copy(
        update={"webhook_secret": SecretStr("new"), "previous_webhook_secret": SecretStr("old")}
    )
    assert [secret.get_secret_value() for secret in both.webhook_secrets()] == ["new", "old"]
    assert settings().webhook_secrets() == ()


def test_a_secret_that_could_be_guessed_is_refused_without_being_shown() -> None:
    with pytest.raises(ValidationError, match="has 11 characters, and at least 24 are expected") as refused:
        GhostSettings(
            base_url="https://blog.example.com", admin_key=SecretStr(ADMIN_KEY), webhook_secret=SecretStr("canary-word")
        )
    assert "canary" not in str(refused.value)
