"""A first configuration: the apps as a person names them, and a mapping that fits what they turn out to have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from syncd import plugins
from syncd.console.discover import connected, reach, sample
from syncd.console.pairing import Pair, pairs, people
from syncd.console.templates import Template, templates
from syncd.core.fieldmap import Sync
from syncd.errors import ConfigError, Problem
from syncd.mapping.load import check_laws, load_syncs
from syncd.sdk.contract import Connector, Object, Settings
from syncd.secrets import is_secret
from syncd.settings import RESERVED, load

__all__ = ["Made", "Wanted", "interview", "write_config"]

_SAMPLES: Final = 25
_TRIES: Final = 3
"""How often a question is asked."""
_FIELD: Final = re.compile(r"\.fields\.([a-z][a-z0-9_]*)")
_SETTING: Final = re.compile(r":apps\.([\w-]+)\.(\w+)$")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_PLURALS: Final = {"person": "people", "company": "companies"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person said of the apps."""

    apps: Mapping[str, str] = field(default_factory=dict)
    """App name to connector."""
    settings: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """App and key to value."""
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """App and key to the environment variable that has it."""

    @classmethod
    def of(cls, apps: Iterable[str], settings: Iterable[str], secrets: Iterable[str]) -> Wanted:
        """From NAME=CONNECTOR, NAME.KEY=VALUE and NAME.KEY=VARIABLE. Raises ConfigError for anything else."""
        named = dict(_split(text, "NAME=CONNECTOR") for text in apps)
        for name in named:
            if wrong := _misnamed(name):
                raise ConfigError([Problem("--app", wrong, "such as crm=hubspot")])
        return cls(
            apps=named,
            settings={_key(name, named): value for name, value in (_split(t, "NAME.KEY=VALUE") for t in settings)},
            secrets={_key(name, named): value for name, value in (_split(t, "NAME.KEY=VARIABLE") for t in secrets)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The configuration that was written."""

    path: str
    sync: str
    template: str
    """The template that it includes, where one fits."""
    fields: tuple[str, ...]
    left_out: tuple[str, ...]
    """Fields that did not fit, each with the reason."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A sync as text, with what had to go."""

    name: str
    text: Callable[[Mapping[str, str]], str]
    """Makes the table of the sync without the fields named, for each the reason."""
    template: str = ""


def interview(wanted: Wanted, ask: Callable[[str], str]) -> Wanted:
    """Ask for what was not said on the command line."""
    apps = dict(wanted.apps)
    known = ", ".join(plugins.announced())
    while len(apps) < 2 or (not wanted.apps and ask("A further app? [y/N]").lower() in {"y", "yes"}):
        connector = _kind(ask, f"Which kind of app ({known})?")
        apps[_name(ask, connector, apps)] = connector
    settings, secrets = dict(wanted.settings), dict(wanted.secrets)
    for app, connector in apps.items():
        model = plugins.load(connector).settings
        for key in _secret_keys(model):
            variable = secrets.get((app, key)) or _variable(app, key)
            secrets[app, key] = (
                ask(f"{app}: which environment variable has the {key}? [{variable}]").strip() or variable
            )
        for key in _required_keys(model):
            if (app, key) not in settings:
                question = f"{app}: {key}, {model.model_fields[key].description or 'required'}?"
                settings[app, key] = _something(ask, question)
    return replace(wanted, apps=apps, settings=settings, secrets=secrets)


def _kind(ask: Callable[[str], str], question: str) -> str:
    """A connector that there is. What is none is asked again, with the nearest spelling; the last mistake is raised."""
    said = question
    for _ in range(_TRIES - 1):
        try:
            plugins.load(name := ask(said).strip())
        except ConfigError as error:
            said = f"{error.message}{f' ({error.hint})' if error.hint else ''}. {question}"
        else:
            return name
    plugins.load(name := ask(said).strip())
    return name


def _name(ask: Callable[[str], str], connector: str, taken: Iterable[str]) -> str:
    """A name for an account that no other has. What is none is asked again; the last mistake is raised."""
    said = question = f"What shall it be called? [{connector}]"
    for _ in range(_TRIES):
        name = ask(said).strip() or connector
        wrong = f'there is a "{name}" already' if name in taken else _misnamed(name)
        if not wrong:
            return name
        said = f"{wrong}. {question}"
    raise ConfigError(wrong)


def _misnamed(name: str) -> str:
    """Why an app cannot be called so; empty if it can."""
    if _NAME.fullmatch(name) and name not in RESERVED:
        return ""
    return f'"{name}" is no name: it is lower-case letters, digits, - and _, and no word of the mapping language'


def _something(ask: Callable[[str], str], question: str) -> str:
    """An answer that is not empty. Raises ConfigError where none comes."""
    for _ in range(_TRIES):
        if answer := ask(question).strip():
            return answer
    raise ConfigError("no answer", hint=question)


def write_config(path: Path, wanted: Wanted) -> Made:
    """Ask the apps for their schemas and write a configuration that fits them; nothing is written to the apps.

    Raises ConfigError where the file exists already, an app's settings are not enough, or no mapping fits, and
    ConnectorError for an app that cannot be reached.
    """
    if path.exists():
        raise ConfigError([Problem(str(path), "exists already")], hint="name another with --config, or move it away")
    if len(wanted.apps) < 2:
        raise ConfigError("a sync needs two apps", hint="say --app crm=hubspot --app news=mailchimp")
    for app, key in wanted.settings:
        if key in _secrets(plugins.load(wanted.apps[app]).settings):
            hint = f"say --secret {app}.{key}=VARIABLE, and set that variable"
            raise ConfigError(
                [Problem(f"--set {app}.{key}", "is a secret: it does not belong on a command line", hint)]
            )
    draft = path.with_name(f".{path.name}.draft")
    try:
        return _write(path, draft, wanted)
    except ConfigError as error:
        told = [_as_said(problem, wanted, draft.name, path.name) for problem in error.problems]
        raise ConfigError(told, hint=error.hint) from error
    finally:
        draft.unlink(missing_ok=True)


def _as_said(problem: Problem, wanted: Wanted, draft: str, path: str) -> Problem:
    """A problem of the draft as one of what was said: nobody has seen the draft."""
    found = _SETTING.search(problem.where)
    if found is None:
        return replace(problem, where=problem.where.replace(draft, path))
    app, key = found.groups()
    connector = wanted.apps.get(app, "")
    if key == "connector":
        return replace(problem, where=f"--app {app}={connector}")
    if (app, key) in wanted.settings:
        return replace(problem, where=f"--set {app}.{key}")
    if (app, key) in wanted.secrets or "environment variable" in problem.message:
        return replace(problem, where=f"--secret {app}.{key}")
    return replace(problem, where=f"--set {app}.{key}")


def _write(path: Path, draft: Path, wanted: Wanted) -> Made:
    head = _head(wanted)
    draft.write_text(head, encoding="utf-8")
    config = load(draft)
    with connected(config, list(config.apps.values())) as connectors:
        schemas: dict[str, Sequence[Object]] = {}
        for name, connector in connectors.items():
            found = reach(config.apps[name], connector)
            if found.error is not None:
                raise found.error
            schemas[name] = found.objects
        for proposal in _proposals(path.parent, wanted, schemas):
            left: dict[str, str] = {}
            sync = _fitted(draft, head, proposal, schemas, connectors, left)
            if sync is not None:
                draft.rename(path)
                return Made(
                    path=str(path),
                    sync=sync.name,
                    template=proposal.template,
                    fields=tuple(sync.rules),
                    left_out=tuple(f"{name}: {why}" for name, why in left.items()),
                )
    hint = "look at syncd schema for each app, and write the sync by hand"
    raise ConfigError("no mapping could be found that fits these apps", hint=hint)


def _fitted(
    draft: Path,
    head: str,
    proposal: _Draft,
    schemas: Mapping[str, Sequence[Object]],
    connectors: Mapping[str, Connector],
    left: dict[str, str],
) -> Sync | None:
    """The sync, with whatever does not fit left out one after another; None if what remains is no sync."""
    while True:
        draft.write_text(f"{head}\n{proposal.text(left)}", encoding="utf-8")
        try:
            sync = load_syncs(load(draft), schemas)[proposal.name]
            wrong = _breaking(sync, connectors)
        except ConfigError as error:
            named = {hit[1]: p.message for p in error.problems if (hit := _FIELD.search(p.where))}
            if not named:
                return None
            wrong = named
        else:
            if not wrong:
                return sync
        if "email" in wrong or set(wrong) <= set(left):
            return None
        left.update(wrong)


def _breaking(sync: Sync, connectors: Mapping[str, Connector]) -> dict[str, str]:
    """Fields whose lens breaks its promise on real records, each with the breach."""
    wrong: dict[str, str] = {}
    for app, object in sync.apps.items():
        shown = sample(connectors[app], object, _SAMPLES)
        for rule in sync.mapped(app):
            for breach in check_laws(rule, app, shown):
                wrong.setdefault(rule.name, str(breach))
    return wrong


def _proposals(folder: Path, wanted: Wanted, schemas: Mapping[str, Sequence[Object]]) -> Iterable[_Draft]:
    """What to try, in order: a ready mapping of people, one by likeness, any other ready mapping."""
    ready = [found for found in templates(folder) if sorted(found.apps) == sorted(wanted.apps.values())]
    yield from (_included(found, wanted) for found in ready if found.entity == "person")
    objects = {app: found for app in wanted.apps if (found := people(schemas[app])) is not None}
    if len(objects) == len(wanted.apps):
        yield _guessed(objects)
    yield from (_included(found, wanted) for found in ready if found.entity != "person")


def _included(found: Template, wanted: Wanted) -> _Draft:
    name = _PLURALS.get(found.entity, f"{found.entity}s")
    apps = ", ".join(f'{app} = "{found.apps[connector]}"' for app, connector in wanted.apps.items())

    def text(left: Mapping[str, str]) -> str:
        without = f"without = {json.dumps(sorted(left))}\n" if left else ""
        return (
            f"# A ready mapping (syncd mappings lists them). A field's table written here goes over the template's.\n"
            f'[syncs.{name}]\ninclude = "{found.name}"\napps    = {{ {apps} }}\n{without}{_notes(left)}'
        )

    return _Draft(name, text, found.name)


def _guessed(objects: Mapping[str, Object]) -> _Draft:
    proposed = _named(pairs(objects))
    first = next(iter(objects))
    apps = ", ".join(f'{app} = "{object.name}"' for app, object in objects.items())
    prefer = f'first   = "prefer {first}"'

    def text(left: Mapping[str, str]) -> str:
        head = (
            "# Proposed by likeness of names and types. Look through it before anything is written.\n"
            f'[syncs.people]\nentity  = "person"\napps    = {{ {apps} }}\n'
            'match   = ["email"]                  # how records find each other at first\n'
            f"{prefer:<37}# who wins where both are filled at first\n"
            'deletes = "hold"                     # a delete waits for a yes: syncd holds\n'
        )
        kept = [_table(pair) for pair in proposed if pair.name not in left]
        return "\n".join([head, *kept]) + _notes(left)

    return _Draft("people", text)


def _named(found: Iterable[Pair]) -> list[Pair]:
    """Pairs by name, the first of each."""
    named: dict[str, Pair] = {}
    for pair in found:
        named.setdefault(pair.name, pair)
    return list(named.values())


def _table(pair: Pair) -> str:
    rows = {"type": pair.type, **pair.cells}
    partial = "partial = true    # an option without a partner stays where it is\n" if pair.type == "choice" else ""
    lines = "\n".join(_aligned({key: _quoted(value) for key, value in rows.items()}))
    return f"[syncs.people.fields.{pair.name}]\n{lines}\n{partial}"


def _notes(left: Mapping[str, str]) -> str:
    return "".join(f"# left out: {name}: {' '.join(why.split())}\n" for name, why in left.items())


def _head(wanted: Wanted) -> str:
    """The tables of the apps, every optional setting as a comment."""
    parts = ["# Written by syncd init. Every setting there is: docs, and config.example.toml.\n"]
    for app, connector in wanted.apps.items():
        model = plugins.load(connector).settings
        secrets = {key: wanted.secrets.get((app, key)) or _variable(app, key) for key in _secret_keys(model)}
        secrets |= {key: variable for (name, key), variable in wanted.secrets.items() if name == app}
        rows = {"connector": _quoted(connector)}
        if package := plugins.origin(connector):
            rows["package"] = _quoted(package)
        rows |= {key: _held_in(variable) for key, variable in secrets.items()}
        rows |= {key: _quoted(value) for (name, key), value in wanted.settings.items() if name == app}
        rest = {key: info for key, info in model.model_fields.items() if key not in rows}
        shown = {key: _shown(app, key, info) for key, info in rest.items()}
        lines = [f"[apps.{app}]", *_aligned(rows)]
        for line, info in zip(_aligned(shown), rest.values(), strict=True):
            lines.append(f"# {line}    # {' '.join((info.description or 'another address for the app').split())}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _aligned(rows: Mapping[str, str]) -> list[str]:
    width = max(map(len, rows), default=0)
    return [f"{key:<{width}} = {value}" for key, value in rows.items()]


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _held_in(variable: str) -> str:
    return f"{{ env = {_quoted(variable)} }}"


def _shown(app: str, key: str, info: FieldInfo) -> str:
    """What an optional setting may look like: a secret where it may stand, anything else as its default is."""
    return _held_in(_variable(app, key)) if is_secret(info.annotation) else _quoted(info.get_default())


def _secret_keys(model: type[Settings]) -> list[str]:
    """The secrets that must be given; where none must, the first there is."""
    secret = _secrets(model)
    return [key for key in secret if model.model_fields[key].is_required()] or secret[:1]


def _secrets(model: type[Settings]) -> list[str]:
    return [key for key, info in model.model_fields.items() if is_secret(info.annotation)]


def _required_keys(model: type[Settings]) -> list[str]:
    return [key for key, info in model.model_fields.items() if info.is_required() and key not in _secret_keys(model)]


def _variable(app: str, key: str) -> str:
    return re.sub(r"\W", "_", f"{app}_{key}").upper()


def _split(text: str, form: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise ConfigError(f'"{text}" is not of the form {form}')
    return name.strip(), value.strip()


def _key(name: str, apps: Mapping[str, str]) -> tuple[str, str]:
    app, _, key = name.partition(".")
    if app not in apps or not key:
        raise ConfigError(f'"{name}" names no setting of an app', hint=f"the apps are: {', '.join(apps) or 'none'}")
    return app, key
