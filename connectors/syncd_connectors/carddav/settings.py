"""What the admin writes under `[apps.<name>]` for an address book."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from syncd.sdk.contract import Settings

__all__ = ["CardDavSettings"]


class CardDavSettings(Settings):
    """One address book, and who may read and write it."""

    base_url: str = Field(
        description="the address book's own address, or that of its server: https://dav.example.com/ada/contacts/"
    )
    username: str = Field(description="the name to log in with (HTTP Basic)")
    password: SecretStr = Field(description="the password; an app password where the server has those")
    book: str = Field(
        default="",
        description="which address book, by its name or the last part of its address, if `base_url` is a server's",
    )
    vcard: Literal["3.0", "4.0"] = Field(
        default="3.0", description="the version of new cards; a card that is there keeps its own"
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("a full address is expected, such as https://dav.example.com/ada/contacts/")
        return url
