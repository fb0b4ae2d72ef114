"""What the admin writes under `[apps.<name>]` for a Ghost site."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field, SecretStr, field_validator

from syncd.sdk.contract import Settings
from syncd.sdk.signatures import LongSecret

__all__ = ["GhostSettings"]

_KEY: Final = re.compile(r"[0-9a-f]{24}:(?:[0-9a-f]{2}){32}")


class GhostSettings(Settings):
    """One Ghost site, reached by the Admin API key of a custom integration (Settings, Integrations)."""

    base_url: str = Field(
        description="the site's admin address, with its folder if it has one: https://blog.example.com"
    )
    admin_key: SecretStr = Field(description="the Admin API key, `id:secret` in hexadecimal")
    accept_version: str = Field(default="v6.0", description="the API version spoken; v5.0 and later work")
    webhook_secret: LongSecret | None = Field(default=None, description="signs the webhooks that Ghost sends us")
    previous_webhook_secret: SecretStr | None = Field(
        default=None, description="the secret before the current one, while it is being changed"
    )
    old_signatures: bool = Field(
        default=False, description="also take the signatures of Ghost before 5.0, which do not cover the time"
    )

    @field_validator("base_url")
    @classmethod
    def _is_the_site(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("a full address is expected, such as https://blog.example.com")
        return url.rstrip("/").removesuffix("/ghost/api/admin").removesuffix("/ghost")

    @field_validator("admin_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr) -> SecretStr:
        if not _KEY.fullmatch(key.get_secret_value()):
            raise ValueError("an Admin API key is expected: 24 and 64 hexadecimal digits with a colon between them")
        return key

    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        """All secrets that a webhook may be signed with, the current one first."""
        return tuple(secret for secret in (self.webhook_secret, self.previous_webhook_secret) if secret is not None)
