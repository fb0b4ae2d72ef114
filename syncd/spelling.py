"""The nearest right spelling of a wrong word, for error messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rapidfuzz import fuzz, process, utils

__all__ = ["nearest", "suggest"]


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that `word` was probably meant to be, or None if none is near. `FNAME` is `merge_fields.FNAME`."""
    within = [name for name in known if name.casefold().endswith(f".{word.casefold()}")] if word else []
    if len(within) == 1:
        return within[0]
    found = process.extractOne(word, sorted(known), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=60)
    return found[0] if found else None


def suggest(word: str, known: Iterable[str]) -> str:
    """A hint: the nearest known word, else all there are (if few), else nothing."""
    words = sorted(known)
    near = nearest(word, words)
    if near is not None:
        return f'did you mean "{near}"?'
    return f"there is: {', '.join(words)}" if 0 < len(words) <= 12 else ""
