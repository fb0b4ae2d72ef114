"""Templates: `include = "contacts-hubspot-mailchimp"` takes a ready mapping, and the sync's own keys go over it.

A template is a TOML file with the keys of one sync at its top level. Where a sync names apps, a template names
connectors. The sync's `apps` says which app is meant, by its connector; objects may be left to the template:

    [syncs.people]
    include = "contacts-hubspot-mailchimp"
    apps    = { crm = "contacts", news = "members" }
    without = ["phone"]

A field's own table goes over the template's key by key, so that one app's line can be changed alone; `without` drops
fields. Apps that the template knows nothing of are further apps of the sync. Templates come from the folder `mappings`
beside the configuration, then from those shipped with syncd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.abc import Traversable
from importlib.resources import files
from pathlib import Path
from typing import Any

from syncd import toml
from syncd.errors import ConfigError, Problem
from syncd.mapping.sketch import Written
from syncd.settings import SyncConfig
from syncd.spelling import suggest
from syncd.toml import Key, Places

__all__ = ["included", "names", "shipped"]


def shipped() -> Traversable:
    """The folder of templates that came with syncd: in the wheel, or in a checkout."""
    packed = files("syncd") / "_mappings"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "mappings"


def names(config: Written) -> list[str]:
    """Every template that this configuration can include."""
    return sorted(_found(config))


def _found(config: Written) -> dict[str, Traversable]:
    """Templates by name; the operator's own go before shipped ones."""
    return {
        entry.name.removesuffix(".toml"): entry
        for folder in (shipped(), config.path.parent / "mappings")
        if folder.is_dir()
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }


def included(sync: SyncConfig, config: Written, problems: list[Problem]) -> SyncConfig | None:
    """The sync with its template under it, or as it is where it includes none. None after telling a problem."""
    if "include" not in sync.data:
        return sync
    name, at = sync.data["include"], (*sync.key, "include")
    templates = _found(config)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9-]+", name) or name not in templates:
        problems.append(sync.places.problem(at, f'there is no template "{name}"', suggest(str(name), templates)))
        return None
    template = templates[name]
    try:
        document = toml.parse(template.read_bytes(), Path(template.name))
    except ConfigError as error:
        problems += error.problems
        return None
    bound = _bound(sync, document.data, config, problems)
    if bound is None:
        return None
    renamed, keys = _renamed(document.data, bound)
    whole = _over(sync.data, _without(sync, renamed, problems))
    lines = {(*sync.key, *new): document.places.at(old) for new, old in keys.items()}
    lines |= sync.places.lines
    return SyncConfig(sync.name, whole, Places(sync.places.file, lines))


def _bound(
    sync: SyncConfig, template: Mapping[str, Any], config: Written, problems: list[Problem]
) -> dict[str, str] | None:
    """Connector to app: from the sync's `apps`, or where each connector has one app only, from all there are."""
    wanted = template.get("apps", {})
    written = sync.data.get("apps")
    candidates = written if isinstance(written, Mapping) else config.apps
    bound: dict[str, str] = {}
    for connector in wanted:
        apps = [app for app in candidates if app in config.apps and config.apps[app].connector == connector]
        if len(apps) == 1:
            bound[connector] = apps[0]
            continue
        what = "no app" if not apps else f"more than one app ({', '.join(apps)})"
        hint = f'name one: apps = {{ NAME = "{wanted[connector]}" }}'
        key: Key = (*sync.key, "apps") if written is not None else (*sync.key, "include")
        problems.append(sync.places.problem(key, f"the template needs {connector}, and there is {what}", hint))
    return bound if len(bound) == len(wanted) else None


def _renamed(template: Mapping[str, Any], bound: Mapping[str, str]) -> tuple[dict[str, Any], dict[Key, Key]]:
    """The template with apps for connectors, and for each new key the one it was."""
    keys: dict[Key, Key] = {}

    def visit(value: Any, new: Key, old: Key) -> Any:
        keys[new] = old
        if isinstance(value, Mapping):
            return {
                (word := _word(part, new, bound)): visit(item, (*new, word), (*old, part))
                for part, item in value.items()
            }
        if isinstance(value, list):
            return [visit(item, (*new, index), (*old, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and (_names_app(new) or value.startswith("prefer ")):
            return " ".join(bound.get(part, part) for part in value.split(" "))
        return value

    renamed = {part: visit(value, (part,), (part,)) for part, value in template.items()}
    return renamed, keys


def _word(part: str, at: Key, bound: Mapping[str, str]) -> str:
    """A key, renamed where keys are apps: in `apps`, in `filters`, and one level below a field."""
    is_app = at in {("apps",), ("filters",)} or (len(at) == 2 and at[0] == "fields")
    return bound.get(part, part) if is_app else part


def _names_app(at: Key) -> bool:
    return at[0] == "creates" or (len(at) == 4 and at[2] == "opt_in_from")


def _without(sync: SyncConfig, template: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """The template less the fields that the sync does not want."""
    dropped, fields = sync.data.get("without", []), template.get("fields", {})
    if not isinstance(dropped, list):
        problems.append(sync.places.problem((*sync.key, "without"), "expected a list of the template's fields"))
        return template
    for index, name in enumerate(dropped):
        if name not in fields:
            key = (*sync.key, "without", index)
            problems.append(sync.places.problem(key, f'the template has no field "{name}"', suggest(str(name), fields)))
    return {**template, "fields": {name: table for name, table in fields.items() if name not in dropped}}


def _over(own: Mapping[str, Any], under: Mapping[str, Any]) -> dict[str, Any]:
    """The sync's keys over the template's; tables of fields and filters join, and each field's table joins too."""
    whole = {**under, **{key: value for key, value in own.items() if key not in {"include", "without"}}}
    for key in ("fields", "filters"):
        mine, theirs = own.get(key), under.get(key)
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            whole[key] = {**theirs, **mine}
    for name, mine in whole["fields"].items() if isinstance(whole.get("fields"), Mapping) else ():
        theirs = under.get("fields", {}).get(name)
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            whole["fields"][name] = {**theirs, **mine}
    return whole
