"""What the admin configures of a HubSpot account."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from syncd.sdk.contract import Settings

__all__ = ["HubSpotSettings"]


class HubSpotSettings(Settings):
    """A HubSpot account, reached by a private app's token or by OAuth."""

    token: SecretStr | None = Field(default=None, description="access token of a private app or service key")
    client_id: str = Field(default="", description="OAuth: the public app's client id")
    client_secret: SecretStr | None = Field(default=None, description="OAuth: the public app's client secret")
    refresh_token: SecretStr | None = Field(default=None, description="OAuth: the refresh token of the installed app")
    app_secret: SecretStr | None = Field(
        default=None, description="client secret of the app that sends webhooks; without it no webhook is believed"
    )
    former_app_secret: SecretStr | None = Field(
        default=None, description="the client secret before the last rotation, while HubSpot may still sign with it"
    )
    search_overlap: float = Field(
        default=180.0,
        ge=30.0,
        description="seconds that each poll looks back: for the lag of HubSpot's search and for differing clocks",
    )
    lifecycle: Literal["forward", "free"] = Field(
        default="forward",
        description='"free": clear lifecyclestage before moving it back; left to itself HubSpot only moves it forward',
    )
    legal_basis: str = Field(
        default="", description="legal basis given when a person is subscribed again, for portals with GDPR switched on"
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        oauth = (bool(self.client_id), self.client_secret is not None, self.refresh_token is not None)
        if (self.token is None) == (not any(oauth)):
            raise ValueError("give either token, or client_id, client_secret and refresh_token")
        if any(oauth) and not all(oauth):
            raise ValueError("OAuth needs client_id, client_secret and refresh_token together")
        return self
