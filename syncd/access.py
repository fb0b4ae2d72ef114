"""Who may open the web console, and from where: the table `[console]`, and the passwords it holds as hashes.

With nobody named, the console needs no login and answers this machine alone. Named people sign in, each with a role:

    viewer      looks at everything but the values of personal fields
    operator    answers conflicts and quarantine, keeps what a delete would take, pauses and resumes apps
    owner       also lets deletes go through, and what a guard has stopped; takes changes back; exports and forgets
                people; tries changes of the configuration
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets as chance
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from syncd import secrets
from syncd.errors import ConfigError, Problem
from syncd.explain import explain
from syncd.toml import Document

__all__ = [
    "RECOMMENDED",
    "ROLES",
    "SHORTEST",
    "Console",
    "Person",
    "Role",
    "closed",
    "console_table",
    "fits",
    "hashed",
    "host_of",
    "loopback",
]

Role = Literal["viewer", "operator", "owner"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "owner")
"""Each may do what the ones before it may."""
SHORTEST: Final = 8
RECOMMENDED: Final = 15
"""Characters of a password."""

_COST: Final = 17
_BLOCK: Final = 8
_FORM: Final = re.compile(r"scrypt\$(\d{1,2})\$([A-Za-z0-9_-]{22,})\$([A-Za-z0-9_-]{43})")
_MAKE: Final = "make one with: syncd console password"


def hashed(password: str, *, cost: int = _COST) -> str:
    """A password as it may be kept: `scrypt$17$salt$hash`. `cost`: the power of two that scrypt calls N.

    Raises ConfigError for one that is too short.
    """
    if len(password) < SHORTEST:
        raise ConfigError(
            f"a password has at least {SHORTEST} characters", hint=f"{RECOMMENDED} or more are better: a few words"
        )
    salt = chance.token_bytes(16)
    return f"scrypt${cost}${_text(salt)}${_text(_digest(password, salt, cost))}"


def fits(password: str, kept: str) -> bool:
    """Whether this is the password that was hashed. Takes half a second and 128 MB at the usual cost."""
    form = _FORM.fullmatch(kept)
    if form is None:
        return False
    return hmac.compare_digest(_text(_digest(password, _bytes(form[2]), int(form[1]))), form[3])


def host_of(header: str) -> str:
    """Whom a call says it is for, in small letters and without the port; "" where that is no name."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:  # half a pair of brackets
        return ""


def loopback(host: str) -> bool:
    """Whether a host name or address is this machine and nobody else's."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _digest(password: str, salt: bytes, cost: int) -> bytes:
    room = 2**cost * _BLOCK * 128 + 1024 * 1024
    return hashlib.scrypt(password.encode(), salt=salt, n=2**cost, r=_BLOCK, p=1, maxmem=room, dklen=32)


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _hash(value: object) -> str:
    form = _FORM.fullmatch(value) if isinstance(value, str) else None
    if form is None:
        raise ValueError(f"is no hash of a password ({_MAKE})")
    if int(form[1]) < _COST:
        raise ValueError(f"is a hash that is quickly guessed ({_MAKE})")
    return form[0]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Section):
    """Somebody who may sign in."""

    role: Role
    """viewer looks, operator also answers, owner also lets deletes go through and tries changes of the mapping."""
    password: Annotated[str, BeforeValidator(_hash)] = Field(repr=False)
    """The hash that `syncd console password` made, or where it is kept: `{ env = "NAME" }`, `{ file = "path" }`."""


class Console(_Section):
    """The web console."""

    enabled: bool | None = None
    """Whether it is served. Unset: where nobody but this machine reaches it, or people are named."""
    url: str = ""
    """Its address behind a proxy that speaks TLS: `https://sync.example.com`. Needed where `listen` is not loopback."""
    people: Mapping[str, Person] = Field(default_factory=dict)
    """Who may sign in, by name. Nobody: no login is asked for, and only this machine is answered."""

    @field_validator("url")
    @classmethod
    def _with_tls(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme != "https" or not parts.hostname or parts.path not in {"", "/"}):
            raise ValueError(f'is "{value}", expected an address with TLS such as "https://sync.example.com"')
        return value.rstrip("/")

    @field_validator("people")
    @classmethod
    def _names(cls, value: Mapping[str, Person]) -> Mapping[str, Person]:
        for name in value:
            if not re.fullmatch(r"[\w.@ -]{1,64}", name) or name != name.strip():
                raise ValueError(f'has "{name}", expected names of letters, digits, and . _ @ -')
        if value and not any(person.role == "owner" for person in value.values()):
            raise ValueError('names no owner, who alone may let deletes go through: give somebody role = "owner"')
        return value


def closed(console: Console, *, host: str, public_url: str) -> str:
    """Why the console is not to be served as things are; "" if it may be.

    `host` is what the door listens on, `public_url` how webhooks come in from outside.
    """
    if console.enabled is False:
        return "it is turned off: console.enabled = false"
    if console.people and (console.url or loopback(host)):
        return ""
    if not loopback(host):
        return f"daemon.listen is {host}: say console.url, the address of a proxy with TLS, and name console.people"
    outside = urlsplit(public_url).hostname or ""
    if outside and not loopback(outside):
        return f"{outside} leads to this daemon: name who may sign in under [console.people.NAME]"
    return "console.url is set, and nobody may sign in: name console.people" if console.url else ""


def console_table(document: Document, problems: list[Problem], host: str, public_url: str) -> Console:
    """The table `[console]`; what is wrong with it is added to `problems`, and then the console stays off."""
    table = document.data.get("console", {})
    before = len(problems)
    given = _resolved(table, document, problems) if isinstance(table, Mapping) else table
    try:
        console = Console.model_validate(given)
    except ValidationError as error:
        unresolved = {problem.where for problem in problems[before:]}
        told = explain(error, Console, document.places, ("console",))
        problems += [problem for problem in told if problem.where not in unresolved]
        return Console(enabled=False)
    reason = closed(console, host=host, public_url=public_url)
    if (console.enabled or console.url or console.people) and reason and console.enabled is not False:
        problems.append(document.places.problem(("console",), f"cannot be served: {reason}"))
    return console


def _resolved(table: Mapping[str, Any], document: Document, problems: list[Problem]) -> dict[str, Any]:
    """The table with each person's password fetched from where it is kept; one that cannot be is left out and told."""
    people = table.get("people")
    if not isinstance(people, Mapping):
        return dict(table)
    found: dict[str, Any] = {}
    private = not document.path.stat().st_mode & 0o077
    for name, person in people.items():
        found[name] = person
        if not private and isinstance(person, Mapping) and _FORM.fullmatch(str(person.get("password"))):
            file = document.path.name
            hint = f"chmod 600 {file}, or keep the hash elsewhere"
            key = ("console", "people", name, "password")
            problems.append(document.places.problem(key, f"is a hash, and others may read {file}", hint))
        if isinstance(person, Mapping) and isinstance(person.get("password"), Mapping):
            try:
                found[name] = {**person, "password": secrets.resolve(person["password"], document.path.parent)}
            except ValueError as error:
                key = ("console", "people", name, "password")
                problems.append(document.places.problem(key, str(error), _MAKE))
                found[name] = {key: value for key, value in person.items() if key != "password"}
    return {**table, "people": found}
