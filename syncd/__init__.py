"""syncd keeps the same records the same, both ways, in apps that know nothing of each other."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
