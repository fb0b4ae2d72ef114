"""Whom to tell when something needs a person: the table `[alerts]` and its destinations, `[alerts.to.NAME]`.

[alerts]
quiet = "22:00-07:00"           # only what is urgent is told then
zone  = "Europe/Berlin"

[alerts.to.ops]
kind   = "webhook"              # or "email", "log"
url    = "https://alerts.example.com/syncd"
secret = { env = "OPS_SECRET" }
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from syncd import secrets, toml
from syncd.errors import ConfigError, Problem
from syncd.explain import explain
from syncd.sdk.signatures import webhook_key
from syncd.sdk.trust import doubtful
from syncd.section import Duration, Section
from syncd.spelling import suggest
from syncd.toml import Document

__all__ = ["Alerts", "Destination", "Email", "LogLines", "Quiet", "Severity", "To", "Webhook", "load", "read"]

_NAME: Final = r"[a-z][a-z0-9_-]{0,39}"
_CLOCK: Final = r"(\d{2}):(\d{2})"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Severity(IntEnum):
    """How much it matters."""

    NOTICE = 1  # a person should look at it some time
    WARNING = 2  # something does not go as it should
    URGENT = 3  # it will not go on by itself

    @property
    def word(self) -> str:
        """As it is written."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of every day, by the clock of a zone, in which only what is urgent is told. They may go over midnight."""

    begin: time
    end: time
    zone: ZoneInfo

    def holds(self, at: float) -> bool:
        """Whether it is quiet at a time, in seconds since the epoch."""
        clock = datetime.fromtimestamp(at, self.zone).time()
        if self.begin <= self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


class Destination(Section):
    """What all destinations have."""

    model_config = ConfigDict(serialize_by_alias=True)

    kind: str
    """How it is told."""
    least: Literal["notice", "warning", "urgent"] = "notice"
    """What matters less is not told here."""

    @property
    def floor(self) -> Severity:
        """The least that is told."""
        return Severity[self.least.upper()]


class LogLines(Destination):
    """The daemon's own log."""

    kind: Literal["log"]
    """How it is told: as a line of the log."""


class Webhook(Destination):
    """A server that takes calls signed as the Standard Webhooks specification has it."""

    kind: Literal["webhook"]
    """How it is told: by a POST of JSON."""
    url: str = Field(repr=False)
    """Where to: `https://alerts.example.com/syncd`. It may be a reference, as for a secret."""
    secret: SecretStr
    """What calls are signed with: 24 to 64 bytes in base64, with or without `whsec_` before them."""
    authorities: Path | None = None
    """A file of certificate authorities (PEM) of your own that are believed here alone, beside the public ones."""

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if not value:
            raise ValueError('is empty, expected "https://alerts.example.com/syncd"')
        if (wrong := secrets.unusable(value)) is not None:
            raise ValueError(" ".join(wrong))
        if not value.startswith("https://") and not secrets.near(value):
            raise ValueError("is not https, and not on this machine")
        return value

    @field_validator("secret")
    @classmethod
    def _signs(cls, value: SecretStr) -> SecretStr:
        if not 24 <= len(webhook_key(value)) <= 64:
            raise ValueError("is not 24 to 64 bytes in base64: make one with: openssl rand -base64 32")
        return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Email(Destination):
    """People, by e-mail."""

    kind: Literal["email"]
    """How they are told: by a mail server (SMTP)."""
    host: str = Field(min_length=1)
    """The mail server."""
    port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """TLS after the first words (usual with port 587), from the first byte (port 465), or none."""
    sender: str = Field(alias="from", min_length=3, pattern=r"^[^\s@<>]+@[^\s@<>]+$")
    """Whose mail it is: one address, without a name."""
    to: Annotated[list[str], BeforeValidator(_listed)] = Field(min_length=1)
    """Who gets it: one address, or a list."""
    user: str = ""
    """Who logs in; unset: the address in `from`."""
    password: SecretStr | None = None
    """The password of that account; unset: nobody logs in."""
    authorities: Path | None = None
    """A file of certificate authorities (PEM) of your own that are believed here alone, beside the public ones."""

    @field_validator("to")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address):
                raise ValueError(f'has "{address}", expected an address such as "ops@example.com"')
        return value

    @model_validator(mode="after")
    def _no_password_in_the_open(self) -> Email:
        if self.password is not None and self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError('sends its password in the open: write security = "starttls" or "tls"')
        return self


To: TypeAlias = LogLines | Webhook | Email
_KINDS: Final[Mapping[str, type[LogLines | Webhook | Email]]] = {"log": LogLines, "webhook": Webhook, "email": Email}


class Alerts(Section):
    """When to tell somebody that something needs a person. To whom, `[alerts.to.NAME]` says; else nobody is told."""

    gather: Duration = timedelta(minutes=1)
    """How long news are gathered, so that what belongs together comes in one message."""
    every: Duration = timedelta(minutes=15)
    """The same thing is told at most once in this time, however often it comes and goes."""
    repeat: Duration = timedelta(days=1)
    """What still stands is told again after this long."""
    failing: Duration = timedelta(minutes=15)
    """An app that does not answer is told of after this long."""
    quiet: str = ""
    """Hours in which only what is urgent is told: `"22:00-07:00"`."""
    zone: str = "UTC"
    """Whose clock the quiet hours go by: `"Europe/Berlin"`."""
    to: Mapping[str, To] = Field(default_factory=dict)
    """The destinations, by name."""

    @field_validator("quiet")
    @classmethod
    def _hours(cls, value: str) -> str:
        if value:
            _span(value)
        return value

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f'is "{value}", expected a time zone such as "Europe/Berlin"') from error

    @property
    def hours(self) -> Quiet | None:
        """The quiet hours; None if there are none."""
        return Quiet(*_span(self.quiet), ZoneInfo(self.zone)) if self.quiet else None


def _span(text: str) -> tuple[time, time]:
    found = re.fullmatch(f"{_CLOCK}-{_CLOCK}", text)
    if found is not None:
        hour, minute, until, after = map(int, found.groups())
        if max(hour, until) < 24 and max(minute, after) < 60 and (hour, minute) != (until, after):
            return time(hour, minute), time(until, after)
    raise ValueError(f'is "{text}", expected hours such as "22:00-07:00"')


def read(document: Document, problems: list[Problem]) -> Alerts:
    """The table `[alerts]` with its secrets. What is wrong goes to `problems`; what is right is in the answer."""
    table = document.data.get("alerts", {})
    if not isinstance(table, Mapping):
        problems.append(document.places.problem(("alerts",), "expected a table [alerts]"))
        return Alerts()
    try:
        alerts = Alerts.model_validate({name: value for name, value in table.items() if name != "to"})
    except ValidationError as error:
        problems += explain(error, Alerts, document.places, ("alerts",))
        alerts = Alerts()
    named = table.get("to", {})
    if not isinstance(named, Mapping):
        problems.append(document.places.problem(("alerts", "to"), "expected tables such as [alerts.to.ops]"))
        return alerts
    found = {name: _destination(name, one, document, problems) for name, one in named.items()}
    return alerts.model_copy(update={"to": {name: one for name, one in found.items() if one is not None}})


def _destination(name: str, table: Any, document: Document, problems: list[Problem]) -> To | None:
    """One destination, or None and what is wrong with it."""
    key: toml.Key = ("alerts", "to", name)
    if not re.fullmatch(_NAME, name):
        words = "a name is lower-case letters, digits, - and _, at most 40"
        problems.append(document.places.problem(key, f'"{name}" is no name', words))
        return None
    if not isinstance(table, Mapping):
        problems.append(document.places.problem(key, f"expected a table [alerts.to.{name}]"))
        return None
    kind = table.get("kind", "")
    if not isinstance(kind, str) or kind not in _KINDS:
        why = f'is "{kind}", and is no way to tell' if kind else "is missing"
        problems.append(document.places.problem((*key, "kind"), why, suggest(str(kind), _KINDS)))
        return None
    model = _KINDS[kind]
    resolved, unresolved, faults = secrets.resolve_all(table, model, document.path.parent)
    variable = re.sub(r"\W", "_", name).upper()
    problems += [
        document.places.problem((*key, *at), what, hint.replace("VARIABLE", f"{variable}_{at[-1]}".upper()))
        for at, what, hint in faults
    ]
    try:
        found = model.model_validate(resolved)
    except ValidationError as error:
        skip = {document.places.problem((*key, *at), "").where for at in unresolved}
        told = [one for one in explain(error, model, document.places, key) if one.where not in skip]
        problems += secrets.unquoted(told, table, resolved)
        return None
    if unresolved or isinstance(found, LogLines) or found.authorities is None:
        return None if unresolved else found
    authorities = document.path.parent / found.authorities
    if why := doubtful(authorities):
        problems.append(document.places.problem((*key, "authorities"), why))
        return None
    return found.model_copy(update={"authorities": authorities})


def load(document: Document) -> Alerts:
    """The table `[alerts]` alone, for who needs no app. Raises ConfigError with every problem of it."""
    problems: list[Problem] = []
    alerts = read(document, problems)
    if problems:
        raise ConfigError(problems)
    return alerts
