"""Secrets by reference: from the environment, a private file or the system's keyring, never from the TOML.

And where they may go: to the vendor's own hosts, unless the operator says otherwise.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import ipaddress
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from syncd.errors import Problem
from syncd.explain import models
from syncd.sdk.contract import Plugin
from syncd.toml import Key

__all__ = [
    "KEY",
    "MAKE",
    "Fault",
    "is_secret",
    "keys_of",
    "misplaced",
    "near",
    "resolve",
    "resolve_all",
    "unquoted",
    "unusable",
]

KEY: Final = 32
"""Bytes of a key that secrets are sealed with."""
MAKE: Final = "openssl rand -base64 32"
"""What makes such a key."""
_WAYS: Final = ("env", "file", "keyring")
_MAX_BYTES: Final = 64 * 1024

Fault = tuple[Key, str, str]
"""Where, what is wrong, and a hint, in which VARIABLE stands for a fitting name."""


def resolve(reference: Mapping[str, Any], folder: Path) -> str:
    """The secret that `{ env = ... }`, `{ file = ... }` or `{ keyring = ... }` names.

    A relative file starts at `folder`. Raises ValueError with the reason.
    """
    if len(reference) != 1 or not (set(reference) <= set(_WAYS)):
        raise ValueError('expected one of { env = "NAME" }, { file = "path" }, { keyring = "service/user" }')
    ((way, name),) = reference.items()
    if not isinstance(name, str) or not name:
        raise ValueError(f"{way} needs a name in quotes")
    if not name.isprintable():
        raise ValueError(f"{way} has a name with a character that no name has")
    match way:
        case "env":
            secret = os.environ.get(name, "")
            missing = f"the environment variable {name} is not set"
        case "file":
            secret = _from_file(folder / name)
            missing = f"the file {name} is empty"
        case _:
            secret = _from_keyring(name)
            missing = f"the keyring has nothing under {name}"
    if not secret:
        raise ValueError(missing)
    return secret


def resolve_all(
    table: Mapping[str, Any], model: type[BaseModel], folder: Path
) -> tuple[dict[str, Any], frozenset[Key], list[Fault]]:
    """A table of settings with its references resolved, the keys that could not be, and why."""
    resolved: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in table.items():
        info = model.model_fields.get(name)
        annotation = None if info is None else info.annotation
        secret = is_secret(annotation)
        inner = next(models(annotation), None)
        if isinstance(value, Mapping) and inner is not None:
            resolved[name], _, deeper = resolve_all(value, inner, folder)
            faults += [((name, *at), message, hint) for at, message, hint in deeper]
        elif isinstance(value, Mapping) and (secret or set(value) <= set(_WAYS)):
            try:
                resolved[name] = resolve(value, folder)
            except ValueError as error:
                faults.append(((name,), str(error), ""))
        elif secret:
            hint = f'write {name} = {{ env = "VARIABLE" }} and set that variable'
            faults.append(((name,), "is a secret and must not stand in this file", hint))
        else:
            resolved[name] = value
    return resolved, frozenset(at for at, _, _ in faults), faults


def unquoted(problems: Iterable[Problem], table: Mapping[str, Any], resolved: Mapping[str, Any]) -> list[Problem]:
    """The problems without what a reference led to: an operator may have mistaken one for another."""
    led_to = {value for name, value in resolved.items() if isinstance(value, str) and isinstance(table[name], Mapping)}
    led_to = {value for value in led_to if len(value) > 3}  # less would stand in every word
    told = list(problems)
    for value in led_to:
        told = [replace(problem, message=problem.message.replace(value, "...")) for problem in told]
    return told


def keys_of(text: str) -> tuple[bytes, ...]:
    """The keys in a text, each 32 bytes in base64. Raises ValueError for anything else."""
    found = []
    for word in text.split():
        try:
            key = base64.b64decode(word, validate=True)
        except binascii.Error as error:
            raise ValueError("is no key: 32 bytes in base64") from error
        if len(key) != KEY:
            raise ValueError(f"is no key: 32 bytes in base64, not {len(key)}")
        found.append(key)
    return tuple(found)


def unusable(base_url: str) -> tuple[str, str] | None:
    """Why this is no address to call an app at, and what would be; None if it is one, or unset."""
    example = 'such as "https://crm.example.com"'
    try:
        parts = urlsplit(base_url)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return f'"{base_url}" is no web address', example
    if "@" in parts.netloc:
        return "has a user or password in it", f"an address alone, {example}"
    return None if right or not base_url else (f'"{base_url}" is no web address', example)


def misplaced(base_url: str, plugin: Plugin) -> tuple[str, str] | None:
    """Why credentials should not go to this address, and what to do; None for the vendor's own and for loopback.

    A self-hosted app names no hosts, and may be anywhere; but what is sent there is encrypted.
    """
    if not base_url:
        return None
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if near(base_url):
        return None
    remedy = "say allow_host = true if it is to have the credentials"
    if plugin.hosts and not any(fnmatch(host, pattern) for pattern in plugin.hosts):
        return f'"{host}" is no address of {plugin.title}: {", ".join(plugin.hosts)}', remedy
    return None if parts.scheme == "https" else ("is not https", remedy)


def near(base_url: str) -> bool:
    """Whether an app lives on this machine, by its address."""
    host = urlsplit(base_url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_secret(annotation: Any) -> bool:
    """Whether a setting of this type is a secret, or may be one."""
    return annotation is SecretStr or any(is_secret(inner) for inner in get_args(annotation))


def _from_file(path: Path) -> str:
    try:
        told = path.stat()
        mode = told.st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path.name} is not a file")
        if mode & (0o007 if _from_systemd(path) else 0o077):
            raise ValueError(f"the file {path.name} may be read by others: chmod 600 {path.name}")
        if told.st_uid not in {0, os.geteuid()}:
            raise ValueError(f"the file {path.name} belongs to another user: chown it")
        with path.open(encoding="utf-8") as file:
            return file.read(_MAX_BYTES).rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"the file {path.name} is not text") from error
    except OSError as error:
        raise ValueError(f"the file {path.name} cannot be read: {error.strerror}") from error


def _from_systemd(path: Path) -> bool:
    """Whether it is a credential that systemd hands to this service alone: it lets us in by an ACL.

    The permissions of a file with an ACL show its mask in place of those of the group.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return bool(folder) and path.resolve().is_relative_to(Path(folder).resolve())


def _from_keyring(name: str) -> str:
    service, _, user = name.partition("/")
    try:
        keyring = importlib.import_module("keyring")
    except ImportError as error:
        raise ValueError("keyring needs the package keyring: pip install keyring") from error
    try:
        return str(keyring.get_password(service, user) or "")
    except keyring.errors.KeyringError as error:
        raise ValueError(f"the keyring cannot be read: {error}") from error
