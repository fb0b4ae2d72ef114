"""Files that hold people's data: only their owner may read them, and nothing of another kind is written over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from syncd.errors import ConfigError, Problem

__all__ = ["keep_private", "kept_form", "may_keep"]

_OURS: Final = ("plan-", "undo-")


def keep_private(data: Mapping[str, Any], path: Path) -> None:
    """Write `data`, which names its `form`, to a file that only its owner may read: all of it, or nothing.

    What stands there is replaced if it is such a file. Raises ConfigError, and leaves alone whatever else stands there.
    """
    may_keep(path)
    content = orjson.dumps(data, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600 from the start
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(draft, path)  # noqa: PTH105 - `draft` is a plain name
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")]) from error


def may_keep(path: Path) -> None:
    """Raise ConfigError if `keep_private` would refuse the file: known before a rehearsal that takes long."""
    if path.exists() and not _is_ours(path):
        what = "is a folder" if path.is_dir() else "exists, and is no plan"
        raise ConfigError([Problem(str(path), what, "name another file with --out")])


def kept_form(path: Path, form: str) -> Mapping[str, Any] | None:
    """What the file holds, if it is JSON of this form; else None. Raises ConfigError where it cannot be read."""
    try:
        data: Any = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) and data.get("form") == form else None


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        data: Any = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return False
    return isinstance(data, dict) and str(data.get("form", "")).startswith(_OURS)
