"""What happened to the fields of an entry of the change log, as text that says once what is so of many fields.

Of a record that is met for the first time, the same is told of every field: taken, first filled, nothing there before.
So the text is a list of groups: what is so of all fields in it, which further things are told of each, and those by
field. `"=rule"` has a sign of its own, and `"city":` is nothing but a field's name: by that it is found. Most values
are taken, by some rule, and many where nothing was before: each of these is one word.

    [[{"=first":"first filled"},"new",{"city":"Rome","zip":"00100"}]]

A log that is older has an object by field, which is read as well: nothing in a log is ever written anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from syncd.store.codec import dump, load

__all__ = ["ERASED", "OLDER", "RULES", "fields_from", "fields_text"]

OLDER: Final = "{"
"""How a text begins that is not in groups."""

ERASED: Final = '"erased"'
"""The text of an entry whose values were erased; another entry vouches for it."""

_SCALAR: Final = frozenset((str, int, bool))
_OWN: Final = frozenset(("kept", "new", "old"))
"""What is told of each field by itself, unless it is blank."""
_ALIKE: Final = frozenset((str, int))
"""What may be so of many fields."""
_SAME: Final = "old=new"
_WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "first": {"from": None, "old": None, "verdict": "taken"},
    "taken": {"verdict": "taken"},
}
"""What is said by a word that the rule stands behind."""
RULES: Final = ("rule", "=rule", *(f"={word}" for word in _WORDS))
"""Behind which of the text's signs a rule stands."""


def fields_text(fields: Mapping[str, Mapping[str, Any]]) -> str:
    """The text."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name in sorted(fields):
        own: dict[str, Any] = {}
        shared: dict[str, Any] = {}
        for key, value in fields[name].items():
            if value is not None and (key in _OWN or type(value) not in _ALIKE):
                own[key] = value
            else:
                shared[key] = value
        if len(own) == 1:
            ((keys, told),) = own.items()
        elif len(own) == 2 and "old" in own and type(own["old"]) in _SCALAR and _same(own["old"], own.get("new")):
            keys, told = _SAME, own["old"]
        else:
            keys, told = "\n".join(own), list(own.values())
        sign = (keys, *chain.from_iterable(_in_short(shared).items()))
        if sign in groups:
            groups[sign][name] = told
        else:
            groups[sign] = {name: told}
    return dump([_group(*sign, told=told) for sign, told in groups.items()] or {})


def _in_short(shared: dict[str, Any]) -> Mapping[str, Any]:
    if shared.get("verdict") != "taken" or not isinstance(shared.get("rule"), str):
        return shared
    word = next(word for word, meant in _WORDS.items() if meant.items() <= shared.items())
    left = {key: value for key, value in shared.items() if key not in _WORDS[word] and key != "rule"}
    return left | {word: shared["rule"]}


def _in_full(alike: dict[str, Any]) -> dict[str, Any]:
    for word, meant in _WORDS.items():
        if word in alike:
            return {"rule": alike.pop(word), **meant, **alike}
    return alike


def _group(keys: str, *shared: Any, told: dict[str, Any]) -> list[Any]:
    return [{f"={key}": value for key, value in zip(shared[::2], shared[1::2], strict=True)}, keys, told]


def fields_from(text: str) -> dict[str, dict[str, Any]]:
    """The fields out of a text of either form."""
    if text == ERASED:
        return {}
    if text.startswith(OLDER):
        older: dict[str, dict[str, Any]] = load(text)
        return older
    fields: dict[str, dict[str, Any]] = {}
    for shared, keys, own in load(text):
        alike = _in_full({key[1:]: value for key, value in shared.items()})
        for name, told in own.items():
            fields[name] = dict(sorted({**alike, **_own(keys, told)}.items()))
    return dict(sorted(fields.items()))


def _own(keys: str, told: Any) -> dict[str, Any]:
    if keys == _SAME:
        return {"old": told, "new": told}
    names = keys.split("\n") if keys else []
    return {keys: told} if len(names) == 1 else dict(zip(names, told, strict=True))


def _same(old: object, new: object) -> bool:
    return type(old) is type(new) and old == new
