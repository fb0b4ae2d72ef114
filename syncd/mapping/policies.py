"""The words for who wins: `conflict`, `first` and `blank`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from syncd.core.fieldmap import Blank, Policy, Seed
from syncd.mapping.mistakes import Mistake
from syncd.mapping.types import Kind
from syncd.spelling import suggest

__all__ = ["blank_policy", "conflict_policy", "seed_policy"]

_PREFER: Final = "prefer "


def conflict_policy(
    text: str, kind: Kind, apps: Sequence[str], app_names: Sequence[str]
) -> tuple[Policy, tuple[str, ...]]:
    """The policy, and the apps by rank: the preferred one first, then as the admin named them.

    `apps` are those that have the field, `app_names` all of the sync. Unset: the first app wins; consent joins by or.
    """
    if not text:
        return (Policy.OR if kind.policies == {Policy.OR} else Policy.PREFER), tuple(apps)
    if text.startswith(_PREFER):
        return _checked(Policy.PREFER, kind), _preferred(text, apps, app_names)
    words = {policy.value: policy for policy in Policy if policy is not Policy.PREFER}
    if text not in words:
        known = sorted([*words, *(f"{_PREFER}{app}" for app in apps)])
        raise Mistake(f'there is no policy "{text}"', suggest(text, known))
    return _checked(words[text], kind), tuple(apps)


def seed_policy(text: str, apps: Sequence[str]) -> tuple[Seed, tuple[str, ...]]:
    """Who seeds an entity that several apps have filled differently."""
    if text.startswith(_PREFER):
        return Seed.PREFER, _preferred(text, apps, apps)
    if text not in {Seed.NEWEST, Seed.ASK}:
        known = ["ask", "newest", *(f"{_PREFER}{app}" for app in apps)]
        raise Mistake(f'there is no way "{text}" to begin', suggest(text, known))
    return Seed(text), tuple(apps)


def blank_policy(asked: Blank | None, *, matches: bool) -> Blank:
    """What emptying means. A field that tells records apart is never emptied without a person.

    Raises Mistake, as the others do.
    """
    if asked is None:
        return Blank.HOLD if matches else Blank.PROPAGATE
    if matches and asked is Blank.IGNORE:
        raise Mistake("a match field cannot ignore blanks: the record would be found under a value it lost", "hold")
    return asked


def _checked(policy: Policy, kind: Kind) -> Policy:
    if policy not in kind.policies:
        fit = ", ".join(sorted(policy.value for policy in kind.policies))
        raise Mistake(f'"{policy.value}" does not fit {kind.name}', f"{kind.name} takes: {fit}")
    return policy


def _preferred(text: str, apps: Sequence[str], app_names: Sequence[str]) -> tuple[str, ...]:
    app = text.removeprefix(_PREFER).strip()
    if app not in app_names:
        raise Mistake(f'there is no app "{app}" in this sync', suggest(app, app_names))
    if app not in apps:
        raise Mistake(f'the app "{app}" does not have this field', suggest(app, apps))
    return (app, *(other for other in apps if other != app))
