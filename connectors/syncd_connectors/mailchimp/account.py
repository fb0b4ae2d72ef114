"""Mailchimp's API as this connector calls it: where it lives, who calls, what a refusal looks like, which audience."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

import httpx
from pydantic import Field as Setting
from pydantic import SecretStr

from syncd.errors import ConfigError
from syncd.errors import Problem as Mistake
from syncd.sdk import (
    Answer,
    Basic,
    Bearer,
    BrokenProtocol,
    Http,
    LongSecret,
    Settings,
    Throttled,
    Unauthorised,
    Unavailable,
)

__all__ = ["LONG", "Api", "Audience", "MailchimpSettings", "Problem", "app_time", "connect"]

LONG: Final = 125.0
"""Seconds to wait for large calls: Mailchimp itself gives up after 120 (Mailchimp docs, rate-limits)."""

_DATACENTRE: Final = re.compile(r".+-([a-z]{2,4}\d+)")
_ONE_HOST: Final = "https://api.mailchimp.com"
_MANY: Final = 1000
_LATE: Final = timedelta(seconds=15)
_SKEW: Final = timedelta(seconds=120)


class MailchimpSettings(Settings):
    """One Mailchimp account, and in it one audience."""

    api_key: SecretStr = Setting(description="An API key such as abc-us6, or an OAuth access token")
    audience: str = Setting(default="", description="Name or id of the audience; may be left out if there is only one")
    new_members: Literal["transactional", "subscribed", "pending"] = Setting(
        default="transactional",
        description="Status of a member that is made without one: transactional mails no one, pending asks by mail",
    )
    webhook_secret: LongSecret | None = Setting(
        default=None, description="Part of the webhook's address that nobody can guess"
    )
    signing_secret: SecretStr | None = Setting(
        default=None, description="Secret of a webhook made by hand; one that syncd registers is kept in the vault"
    )
    bulk_from: int = Setting(
        default=0,
        ge=0,
        description=(
            "From how many changes in one go to use Mailchimp's asynchronous batches; 0 never does. They spare calls, "
            "but an interrupted batch goes on for up to an hour, and syncd leaves its records alone that long"
        ),
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document (RFC 7807), as Mailchimp answers a refused call."""

    title: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    """Field and message, for each field that Mailchimp names."""

    @classmethod
    def of(cls, body: Any) -> Problem | None:
        """From an answer's body; None where it is no such document."""
        if not isinstance(body, Mapping) or not isinstance(body.get("title"), str):
            return None
        errors = [error for error in body.get("errors") or () if isinstance(error, Mapping)]
        named = tuple((str(error.get("field", "")), str(error.get("message", ""))) for error in errors)
        return cls(body["title"], str(body.get("detail", "")), named)

    @property
    def code(self) -> str:
        """The title as one word: `member-in-compliance-state`."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    @property
    def reason(self) -> str:
        """For a person: the detail, and what is said of each field."""
        named = "; ".join(f"{field}: {message}" if field else message for field, message in self.errors)
        return f"{self.detail or self.title} ({named})" if named else self.detail or self.title


class Api:
    """The calls, with Mailchimp's own ways of saying "too much"."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        expect: Collection[int] = (),
        timeout: float | None = None,
    ) -> Answer:
        """One call below /3.0. Raises as `Http.call`; a 403 that is no problem document is Throttled.

        At very high volume Mailchimp answers 403 without JSON instead of 429 (Mailchimp docs, rate-limits).
        """
        answer = self._http.call(method, path, params=params, json=json, expect={403, *expect}, timeout=timeout)
        if answer.status == 403:
            problem = Problem.of(answer.json)
            if problem is None:
                raise Throttled(f"Mailchimp turns {method} {path} away: too many calls")
            raise Unauthorised(f"Mailchimp forbids {method} {path}: {problem.reason}")
        return answer

    def mapping(self, method: str, path: str, **asked: Any) -> Mapping[str, Any]:
        """A call whose answer must be an object. Raises BrokenProtocol where it is not."""
        body = self.call(method, path, **asked).json
        if not isinstance(body, Mapping):
            raise BrokenProtocol(f"Mailchimp answered {method} {path} with something that is no object")
        return body


def connect(settings: MailchimpSettings, http: Http) -> Api:
    """The API of this account.

    An API key names its data centre behind the dash and goes as Basic; an OAuth token has none and goes as Bearer to
    the one host that serves every account (Mailchimp docs, api-concepts).
    """
    key = settings.api_key.get_secret_value()
    found = _DATACENTRE.fullmatch(key)
    host = f"https://{found.group(1)}.api.mailchimp.com" if found else _ONE_HOST
    root = (settings.base_url or host).rstrip("/").removesuffix("/3.0")
    auth: httpx.Auth = Basic("syncd", settings.api_key) if found else Bearer(settings.api_key)
    return Api(http.at(f"{root}/3.0", auth=auth))


@dataclass(frozen=True, slots=True)
class Audience:
    """The audience that is kept in sync."""

    id: str
    name: str
    double_optin: bool
    """A new subscriber must confirm by mail: `pending` is sent instead of `subscribed`."""

    @classmethod
    def named(cls, api: Api, wanted: str) -> Audience:
        """By id, or by name. Raises ConfigError where that names none, or more than one."""
        rows = api.mapping("GET", "/lists", params={"count": _MANY, "fields": "lists.id,lists.name,lists.double_optin"})
        lists = [cls(row["id"], row["name"], bool(row.get("double_optin"))) for row in rows["lists"]]
        found = [one for one in lists if one.id == wanted] or [one for one in lists if wanted in {"", one.name}]
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{one.name} ({one.id})" for one in (found or lists)) or "none"
        if not found:
            mistake = Mistake("audience", f'Mailchimp has no audience "{wanted}"', f"it has: {known}")
        else:
            many = f'"{wanted}" names {len(found)} audiences' if wanted else f"is needed: there are {len(found)}"
            mistake = Mistake("audience", many, f"write the id of one: {known}")
        raise ConfigError([mistake])

    @property
    def path(self) -> str:
        """Where its calls begin."""
        return f"/lists/{self.id}"

    @property
    def members(self) -> str:
        """Where its members live."""
        return f"/lists/{self.id}/members"

    def vouch(self, api: Api) -> None:
        """Raise Unavailable unless the audience can be seen: only then does a missing member mean anything."""
        if api.call("GET", self.path, params={"fields": "id"}, expect={404}).status == 404:
            raise self.unseen()

    def unseen(self) -> Unavailable:
        """The error for an audience that is not there."""
        return Unavailable(f"the audience {self.name} ({self.id}) cannot be seen, so nothing is said of its members")


def app_time(answer: Answer, now: datetime) -> datetime:
    """A time by the app's own clock that is surely past: whatever was changed before it can be listed.

    From the Date header less what is written late, or from our clock less all the difference there may be.
    """
    first, gmt, _ = answer.headers.get("date", "").partition(" GMT")  # a proxy may have added its own
    try:
        told = parsedate_to_datetime(first + gmt)
    except ValueError:
        return now - _SKEW
    return told - _LATE if told.tzinfo else now - _SKEW
