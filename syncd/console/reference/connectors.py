"""A connector's page: its settings, what it can do, its objects as its twin shows them, and what is known of it."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

from syncd import plugins
from syncd.app import open_connector
from syncd.console.reference.markdown import code, duration, keys, table
from syncd.sdk.contract import (
    Associates,
    Capabilities,
    Connector,
    Dissociates,
    Field,
    Finds,
    Hears,
    Object,
    Plugin,
    Remembers,
    Subscribes,
)
from syncd.sdk.ties import objects_of
from syncd.settings import AppConfig
from syncd.testing.clock import TurnedClock
from syncd.testing.conformance.bench import MemoryVault
from syncd.testing.twin import Setup, Twin

__all__ = ["connector_page", "opened", "shipped"]

_SECRETS: Final = """\
The keys of its `[apps.NAME]`, besides [those of every app](configuration.md#appsname). A secret is written as
`{ env = "NAME" }`, `{ file = "path" }` or `{ keyring = "service/user" }`.
"""
_STATES: Final = {"done": "yes", "exempt": "does not apply", "todo": "not yet"}
_OPTIONS: Final = 12
"""So many options of a field are shown."""
_FACTS: Final[Mapping[str, str]] = {
    "incremental": "lists only what has changed",
    "deletes": "a delete is",
    "creates": "takes new records",
    "updates": "takes changes",
    "removes": "takes deletes",
    "archives": "brings removed records back",
    "conditional": "writes only if unchanged",
    "idempotent_create": "a create may be sent twice",
    "unique": "keeps unique",
    "returns_record": "shows what it stored",
    "read_batch": "records a read",
    "write_batch": "records a write",
    "page_size": "records a page",
    "list_lag": "a listing may lag",
    "late_write": "a write may land late",
    "granularity": "its times are exact to",
}
"""`Capabilities`, in a word or two."""

_DELETES: Final = {"told": "told by the listing", "absent": "seen in a full listing", "hidden": "seen in a read alone"}

_ABILITIES: Final[Mapping[str, type]] = {
    "is searched by key": Finds,
    "understands webhooks": Hears,
    "registers webhooks": Subscribes,
    "ties records to each other": Associates,
    "takes ties back": Dissociates,
    "remembers former values": Remembers,
}


def shipped() -> Sequence[str]:
    """The connectors that come with syncd."""
    known = plugins.announced()
    return [name for name, (point, *_) in known.items() if point.dist and point.dist.name == "syncd"]


@contextmanager
def opened(connector: str) -> Iterator[Connector]:
    """A connector on its own twin, in which nobody lives."""
    plugin, clock, day = plugins.load(connector), TurnedClock(), timedelta(days=1)
    module, _, attribute = plugin.twin.partition(":")
    twin: Twin = getattr(import_module(module), attribute)(Setup(clock=clock))
    settings = plugin.settings.model_validate({"base_url": "https://app.example.com", **twin.credentials})
    app = AppConfig(name="app", connector=connector, plugin=plugin, settings=settings, poll=day, sweep=day)
    with ExitStack() as closing:
        yield open_connector(app, MemoryVault(), clock, closing, twin.transport())


def connector_page(name: str) -> str:
    """Everything about one connector."""
    plugin = plugins.load(name)
    with opened(name) as connector:
        objects = objects_of(connector)
        abilities = [what for what, protocol in _ABILITIES.items() if isinstance(connector, protocol)]
        findable = {o.name: connector.findable(o.name) for o in objects if isinstance(connector, Finds)}
    parts = [
        f'# {plugin.title}\n\n`connector = "{name}"`\n\n## Settings\n',
        _SECRETS,
        table(("key", "takes", "default", "what it is"), keys(plugin.settings)),
        "## What it can do\n",
        *([f"It {_listed(abilities)}.\n"] if abilities else ()),
        table(("", *(code(o.name) for o in objects)), _facts(objects)),
        *(f"Searched by, in `{o}`: {', '.join(code(field) for field in by)}.\n" for o, by in findable.items() if by),
        _quotas(plugin),
        *(f"**{heading}.** {note}\n" for heading, note in plugin.notes.items()),
        "## Objects and fields\n\nAs a simulated account shows them; yours may have more. See `syncd schema`.\n",
        *(_object(o) for o in objects),
        "## What is known of it, and how\n",
        *_quality(name),
    ]
    return "\n".join(parts)


def _facts(objects: Sequence[Object]) -> Iterator[tuple[str, ...]]:
    for fact in dataclasses.fields(Capabilities):
        yield _FACTS[fact.name], *(_fact(getattr(o.capabilities, fact.name)) for o in objects)


def _fact(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return duration(value) if value else "no"
        case tuple():
            return ", ".join(code(part) for part in value) or "nothing"
    return _DELETES.get(str(value), str(value))


def _quotas(plugin: Plugin) -> str:
    budgets = [
        f"{quota.calls} calls in {duration(timedelta(seconds=quota.seconds))}"
        + (f" for {quota.bucket}" if quota.bucket else "")
        for quota in plugin.quotas
    ]
    return f"At most {_listed([*budgets, f'{plugin.concurrency} calls at once'])}.\n"


def _object(object: Object) -> str:
    rows = ((code(f.name), f.type.value, _marks(f), _options(f)) for f in object.fields.values())
    return f"### `{object.name}`\n\n" + table(("field", "type", "what to know", "options"), rows)


def _marks(field: Field) -> str:
    marks = {
        "read only": not field.writable and not field.creatable,
        "given only when the record is made": field.creatable and not field.writable,
        "required": field.required,
        "unique": field.unique,
        "cannot be emptied": field.writable and not field.clearable,
        "consent": field.consent,
        "takes further options": field.open_options,
        f"an id in {field.refers}": bool(field.refers),
        f"at most {field.max_chars} characters": field.max_chars is not None,
        f"at most {field.max_bytes} bytes": field.max_bytes is not None,
    }
    return ", ".join(mark for mark, holds in marks.items() if holds)


def _options(field: Field) -> str:
    shown = ", ".join(code(option.value) for option in field.options[:_OPTIONS])
    more = len(field.options) - _OPTIONS
    return f"{shown} and {more} more" if more > 0 else shown


def _quality(name: str) -> Iterator[str]:
    """The sheet `quality.toml` beside the connector: what is known, and how."""
    (point,) = plugins.announced()[name]
    sheet = tomllib.loads((files(point.module) / "quality.toml").read_text())
    rules = [(rule.replace("_", " "), *_rule(what)) for rule, what in sheet["rules"].items()]
    yield table(("", ""), [(key.replace("_", " "), _said(value)) for key, value in sheet["facts"].items()])
    yield table(("", "shown by tests", ""), sorted(rules, key=lambda rule: [*_STATES.values()].index(rule[1])))


def _rule(what: Any) -> tuple[str, str]:
    if isinstance(what, str):
        return _STATES[what], ""
    ((state, note),) = what.items()
    return _STATES[state], note


def _said(value: object) -> str:
    return "; ".join(str(part) for part in value) if isinstance(value, list) else str(value)


def _listed(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)
