"""The configuration written anew: whole or not at all, only over what was looked at, and with what stood there kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from syncd.errors import ConfigError, Halted, Problem

__all__ = ["digest_of", "rewrite", "standing"]

_HINT: Final = "nothing was changed; write it there by hand, or let syncd write to the file and its folder"


def standing(path: Path) -> tuple[str, str]:
    """The text of a configuration, and the digest of the very bytes. Raises ConfigError if it cannot be read."""
    try:
        content = path.read_bytes()
        return content.decode().replace("\r\n", "\n"), digest_of(content)
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([Problem(path.name, f"cannot be read: {told}")]) from error


def digest_of(content: bytes) -> str:
    """What a content is told from any other by."""
    return hashlib.sha256(content).hexdigest()


def rewrite(path: Path, text: str, *, over: str, now: float) -> Path:
    """Write a configuration over the one of the digest `over`; where that is kept from now on.

    Mode, owner and the way lines end stay, and so does a link by which the file is found. A kill leaves the one or the
    other. Raises Halted where another one stands there by now, and ConfigError where it cannot be written.
    """
    place = path.resolve()
    kept = place.with_name(f"{place.name}.replaced-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S.%fZ}")
    try:
        before = place.read_bytes()
        if digest_of(before) != over:
            raise Halted(
                f"{path.name} was changed since this was tried",
                hint="nothing was saved; try the change again on the file as it stands now",
            )
        content = text.encode()
        if b"\r\n" in before:
            content = content.replace(b"\n", b"\r\n")
        like = place.stat()
        _put(before, kept, like)
        _put(content, place, like)
        _settle(place.parent)
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")], hint=_HINT) from error
    return kept


def _put(content: bytes, place: Path, like: os.stat_result) -> None:
    """Write a file as a whole, which may be read by whom `like` may be read by."""
    handle, draft = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)  # mode 600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            told = os.fstat(file.fileno())
            if (told.st_uid, told.st_gid) != (like.st_uid, like.st_gid):
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), like.st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, place)  # noqa: PTH105 - `draft` is a plain name
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _settle(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
