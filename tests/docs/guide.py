"""The files that the guide for connector authors shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["files", "toml_blocks"]

_GUIDE = Path(__file__).parents[2] / "docs" / "connectors.md"


def files() -> Mapping[str, str]:
    """Each code block that bears a file name, by that name."""
    return dict(re.findall(r"^```python (\S+)\n(.*?)^```$", _GUIDE.read_text(), re.MULTILINE | re.DOTALL))


def toml_blocks() -> Sequence[str]:
    """What it shows of configurations and distributions."""
    return re.findall(r"^```toml\n(.*?)^```$", _GUIDE.read_text(), re.MULTILINE | re.DOTALL)
