"""Secrets that change while running, sealed in the store: AES-256-GCM, each bound to its app, its name and its key.

The keys lie elsewhere than what they open, so that a copy of the store gives nothing away. Either the configuration
says where (`[store] key`), or they are in a file beside the store that no backup takes along, made when first needed.
Of several keys, one a line, the first seals and every one opens: that is how one takes the place of another.

A store that is no file asks for a key in the configuration. One in memory ends with its process, and seals nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from syncd.errors import StoreError
from syncd.secrets import KEY, keys_of
from syncd.store.connect import address
from syncd.store.ports import Storage, Transaction

__all__ = ["Lost", "Seal", "forget", "key_file", "new_key", "rotate", "seal_all"]

_NONCE: Final = 12
_MARK: Final = "sealed-1:"


def new_key() -> str:
    """A key, as a line of text."""
    return base64.b64encode(secrets.token_bytes(KEY)).decode()


def key_file(url: str) -> Path | None:
    """The file of keys beside a store; None where the store is no file."""
    place = address(url)
    lies = place.get_backend_name() == "sqlite" and place.database not in (None, "", ":memory:")
    return Path(f"{place.database}.key") if lies else None


class Lost(StoreError):
    """A secret that nothing here can open."""


class Seal:
    """Seals and opens. `given`: keys as the configuration has them; else `file` holds them, if there is one."""

    def __init__(self, given: str = "", file: Path | None = None) -> None:
        self._given = given
        self._file = None if given else file

    def close(self, app: str, name: str, secret: str) -> str:
        """The secret as it may be kept. Raises StoreError."""
        keys = self._keys() or self._first()
        if not keys:
            return secret
        nonce = secrets.token_bytes(_NONCE)
        sealed = AESGCM(keys[0]).encrypt(nonce, secret.encode(), _bound(app, name, keys[0]))
        return f"{_MARK}{_id(keys[0])}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, app: str, name: str, kept: str) -> str:
        """The secret that is kept. Raises StoreError where no key opens it, or it was altered or is another's."""
        if not kept.startswith(_MARK):
            return kept
        id, _, content = kept.removeprefix(_MARK).partition(":")
        key = next((key for key in self._keys() if _id(key) == id), None)
        if key is None:
            where = f"the file {self._file}" if self._file else "what store.key says"
            hint = f"bring {where} back as it was; where it is lost, say: syncd key forget, and authorise {app} anew"
            raise Lost(f"{app}: the key of the secret {name} is not there", hint=hint)
        try:
            raw = base64.b64decode(content, validate=True)
            return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(app, name, key)).decode()
        except (InvalidTag, ValueError) as error:
            hint = f"restore a backup, or say: syncd key forget, and authorise {app} anew"
            raise Lost(f"{app}: the secret {name} was altered in the store", hint=hint) from error

    def current(self, kept: str) -> bool:
        """Whether it is sealed with the key that seals now, or nothing is sealed here."""
        keys = self._keys()
        return kept.startswith(f"{_MARK}{_id(keys[0])}:") if keys else self._file is None

    def turn(self) -> Callable[[], None]:
        """Let a new key in the file seal from now on; what is given drops the old ones. Raises StoreError."""
        keys = [base64.b64encode(key).decode() for key in self._keys()]
        made, file = new_key(), self._file
        if file is None:
            return lambda: None
        _write(file, [made, *keys])
        return lambda: _write(file, [made])

    def _keys(self) -> tuple[bytes, ...]:
        if self._given:
            return keys_of(self._given)
        if self._file is None or not self._file.exists():
            return ()
        try:
            told = self._file.stat()
            if told.st_mode & 0o077 or told.st_uid not in {0, os.geteuid()}:
                raise StoreError(f"{self._file} is not for its owner's eyes only", hint=f"chmod 600 {self._file}")
            return keys_of(self._file.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._file} cannot be used: {error}", hint="bring it back as it was") from error

    def _first(self) -> tuple[bytes, ...]:
        if self._file is None:
            return ()
        draft = _drafted(self._file, [new_key()])
        with suppress(FileExistsError):  # another process was faster: its key is the one
            os.link(draft, self._file)
        draft.unlink()
        return self._keys()


def seal_all(store: Storage, seal: Seal) -> int:
    """Seal what is not sealed with the key of today; how many were. Raises StoreError where one cannot be opened."""
    with store.read() as tx:
        if not _outdated(tx, seal):
            return 0
    with store.begin() as tx:
        old = _outdated(tx, seal)
        for app, name, secret in old:
            tx.apps.keep_secret(app, name, seal.close(app, name, secret))
    return len(old)


def rotate(store: Storage, seal: Seal) -> int:
    """Seal everything anew, with a new key where it is in a file of ours. Killed at any point, all can be opened."""
    drop = seal.turn()
    count = seal_all(store, seal)
    drop()
    return count


def forget(store: Storage, seal: Seal) -> Sequence[tuple[str, str]]:
    """Let go of the secrets that cannot be opened any more; app and name of each."""
    lost = []
    with store.begin() as tx:
        for app, name, kept in tx.apps.secrets():
            try:
                seal.open(app, name, kept)
            except Lost:
                tx.apps.drop_secret(app, name)
                lost.append((app, name))
    return lost


def _outdated(tx: Transaction, seal: Seal) -> list[tuple[str, str, str]]:
    """What is kept in another form than it would be today, opened; every secret is tried."""
    found = [(app, name, kept, seal.open(app, name, kept)) for app, name, kept in tx.apps.secrets()]
    return [(app, name, secret) for app, name, kept, secret in found if not seal.current(kept)]


def _bound(app: str, name: str, key: bytes) -> bytes:
    return "\x00".join((app, name, _id(key))).encode()


def _id(key: bytes) -> str:
    return hashlib.sha256(b"syncd key " + key).hexdigest()[:16]


def _write(file: Path, lines: list[str]) -> None:
    """All of it or what was there before, also after a power cut."""
    _drafted(file, lines).replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _drafted(file: Path, lines: list[str]) -> Path:
    """The lines in a file beside it, for its owner's eyes only, on the disk."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write("".join(f"{line}\n" for line in lines))
            out.flush()
            os.fsync(handle)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}", hint="see that there is room") from error
    return draft
