"""A fake of the store in plain dicts: it passes the suite of the store, and simulated stories run on it."""

from syncd.store.memory._store import MemoryStore

__all__ = ["MemoryStore"]
