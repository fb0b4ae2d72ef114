"""Files that hold people's data: only their owner may read them, and nothing of another kind is written over."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from syncd.errors import ConfigError, Problem

__all__ = ["form_of", "keep_private", "keep_secret", "may_keep"]

_FORM: Final = re.compile(rb'"form": *"((?:plan|undo|person|certificate)-\d+)"')
"""What every such file has among the first things that it says."""


def keep_private(lines: Iterable[bytes], path: Path) -> None:
    """Write a file, whose first line names its form, that only its owner may read: all of it, or nothing.

    What stands there is replaced if it is such a file. Raises ConfigError, and leaves alone whatever else stands there.
    """
    may_keep(path)
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600 from the start
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(lines)
            os.replace(draft, path)  # noqa: PTH105 - `draft` is a plain name
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")]) from error


def keep_secret(secret: str, path: Path) -> None:
    """Write a secret to a file that only its owner may read, in place of the one before; it is on the disk by then.

    Raises ConfigError where it cannot be written.
    """
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600 from the start
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)  # noqa: PTH105 - `draft` is a plain name
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")]) from error


def may_keep(path: Path) -> None:
    """Raise ConfigError if `keep_private` would refuse the file: known before a rehearsal that takes long."""
    if path.exists() and not form_of(path):
        what = "is a folder" if path.is_dir() else "exists, and is no file of syncd"
        raise ConfigError([Problem(str(path), what, "name another file with --out")])


def form_of(path: Path) -> str:
    """The form that a file names, such as plan-2; "" where it names none of ours, or cannot be read."""
    try:
        with path.open("rb") as file:
            found = _FORM.search(file.read(1000))
    except OSError:
        return ""
    return found[1].decode() if found else ""
