"""What a terminal would obey: control characters, and those that turn the writing direction or are not seen at all."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["disarmed"]

_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def disarmed(text: str, form: Callable[[str], str], *, but: str = "") -> str:
    """The text with each such character as `form` writes it, those in `but` apart."""
    return _OBEYED.sub(lambda hit: hit[0] if hit[0] in but else form(hit[0]), text)
