"""The files that the guide for connector authors shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["files"]

_GUIDE = Path(__file__).parents[2] / "docs" / "connectors.md"


def files() -> Mapping[str, str]:
    """Each code block that bears a file name, by that name."""
    return dict(re.findall(r"^```python (\S+)\n(.*?)^```$", _GUIDE.read_text(), re.MULTILINE | re.DOTALL))
