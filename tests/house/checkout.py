"""The files of this repository, as git knows them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["ROOT", "text", "tracked"]

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> Sequence[Path]:
    """Every tracked file that matches one of git's patterns, relative to the root; skips outside of a checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("this is no checkout")
    return [Path(name) for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def text(path: Path) -> str:
    """The text of a tracked file."""
    return (ROOT / path).read_text(encoding="utf-8")
