"""Kill -9: a real process of syncd is killed at every commit and every call, started again, and asked what is left.

`python -m syncd.testing crash` is the command; `points` kills at numbered places, `storm` at random times.
"""

from __future__ import annotations

__all__: list[str] = []
