"""The one HTTP client that every connector speaks through. (Under construction: signatures are settled.)"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app said: status, headers (lower-case names), parsed JSON (None where there was no body)."""

    status: int
    headers: Mapping[str, str]
    json: Any
    text: str


class Http:
    """One app's client: base address, auth, pace, caps, retries of what is safe, errors as remedies."""

    def at(self, base_url: str, *, auth: httpx.Auth | None = None, headers: Mapping[str, str] | None = None) -> Http:
        """The same client (same pool, same limiter), speaking to `base_url` with `auth`."""
        raise NotImplementedError

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        writes: bool | None = None,
        bucket: str = "",
        expect: Collection[int] = (),
        timeout: float | None = None,
    ) -> Answer:
        """Make one call.

        `writes` says whether the call can change anything at the app (default: method is not GET or HEAD); say False
        for a search by POST. A status in `expect`, and every 2xx, is returned; any other raises the remedy.
        `bucket` names the quota that this call counts against, beside the account's own.
        """
        raise NotImplementedError
