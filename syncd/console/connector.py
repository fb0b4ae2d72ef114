"""What a developer of connectors asks for: a first connector to change, and a report on one that is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from syncd import plugins
from syncd.app import known_app
from syncd.console.show import grid, words
from syncd.errors import ConfigError, Problem
from syncd.settings import Config

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.testing.conformance.report import Report

__all__ = ["Begun", "as_json", "begin", "begun", "reported", "try_account", "try_twin"]

_FILES: Final = {
    "pyproject.toml": "pyproject.txt",
    "{name}/__init__.py": "connector.txt",
    "{name}/twin.py": "twin.txt",
    "test_{name}.py": "test.txt",
}
_MODEL: Final = "acme"
_STYLES: Final = {"shown": "green", "broken": "red", "not exercised": "yellow", "not declared": "dim"}


@dataclass(frozen=True, slots=True)
class Begun:
    """A connector that was begun: where, and which files."""

    folder: str
    files: tuple[str, ...]


def begin(name: str, folder: Path) -> Begun:
    """Write a small connector that passes the suite into `folder`/`name`. ConfigError for a bad or a taken name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
        raise ConfigError(f'a connector cannot be called "{name}"', hint="use a to z, 0 to 9 and _, such as acme")
    if name in plugins.announced() or find_spec(name) is not None:
        raise ConfigError(f'there is something called "{name}" already', hint="choose another name")
    home = folder / name
    if home.exists():
        raise ConfigError([Problem(str(home), "is there already")], hint="choose another name, or another --folder")
    made: list[str] = []
    for place, source in _FILES.items():
        file = home / place.format(name=name)
        text = (files("syncd.console.skeleton") / source).read_text(encoding="utf-8")
        file.parent.mkdir(parents=True, exist_ok=True)
        titled = name.replace("_", " ").title().replace(" ", "")
        file.write_text(text.replace(_MODEL, name).replace(_MODEL.title(), titled), encoding="utf-8")
        made.append(str(file.relative_to(home)))
    return Begun(str(home), tuple(made))


def begun(made: Begun) -> Iterable[RenderableType]:
    """`syncd connector new`."""
    yield words(f"{made.folder} has a connector that passes the suite, with the app it is tried on:", "bold")
    yield from (words(f"  {file}") for file in made.files)
    yield words(f"make it known: pip install -e {made.folder}")
    yield words(f"see what it can: syncd connector test {Path(made.folder).name}")


def try_twin(name: str) -> Report:
    """The suite on the twin of a connector. ConfigError if there is none."""
    plugin = plugins.load(name)
    if not plugin.twin:
        raise ConfigError(f"the connector {name} has no twin", hint="write one, or name a test account with --app")
    return _examined(f"on_twin(plugins.load({name!r}))", name, "twin")


def try_account(name: str, app: str, config: Config) -> Report:
    """The suite on an app of the configuration; its records are made, changed and deleted."""
    account = known_app(config, app)
    if account.connector != name:
        raise ConfigError(f"{app} is reached by the connector {account.connector}, not by {name}")
    if "test" not in app:
        hint = "name a test account so, such as [apps.crm-test]: its records are made, changed and deleted"
        raise ConfigError(f'the suite is run on no app without "test" in its name, and this one is "{app}"', hint=hint)
    if account.read_only:
        raise ConfigError(f"{app} is read_only: the suite writes")
    return _examined(f"on_account(Path({str(config.path.resolve())!r}), {app!r})", name, app)


def as_json(report: Report) -> Any:
    """The report as `--json` says it."""
    return {
        "connector": report.connector,
        "on": report.on,
        "seconds": report.seconds,
        "checks": {outcome: report.counts.get(outcome, 0) for outcome in ("passed", "failed", "skipped")},
        "abilities": report.abilities,
        "failed": report.failed,
        "not_exercised": report.not_exercised,
    }


def reported(report: Report) -> Iterable[RenderableType]:
    """`syncd connector test`."""
    rows = (
        (one.object, one.name, one.declared, words(one.verdict, _STYLES[one.verdict]))
        for one in report.abilities
        if one.verdict != "not declared"
    )
    yield grid(("object", "ability", "declared", "in the checks"), rows, title=f"{report.connector}, on {report.on}")
    lacking = sorted({one.name for one in report.abilities if one.verdict == "not declared"})
    if lacking:
        yield words(f"not declared by every object: {', '.join(lacking)}")
    if report.not_exercised:
        told = ((check.name, check.object, check.said) for check in report.not_exercised)
        yield grid(("not exercised", "object", "why"), told)
    if report.failed:
        yield grid(("FAILED", "object", "what was found"), ((c.name, c.object, c.said) for c in report.failed))
    counts = ", ".join(f"{report.counts.get(outcome, 0)} {outcome}" for outcome in ("passed", "failed", "skipped"))
    yield words(f"{counts} in {report.seconds} s", "red" if report.failed else "green")


def _examined(source: str, name: str, on: str) -> Report:
    if find_spec("pytest") is None:
        raise ConfigError("the conformance suite needs pytest", hint="install it with: pip install 'syncd[testing]'")
    from syncd.testing.conformance.report import examine

    try:
        return examine(source, name, on)
    except RuntimeError as unstarted:
        raise ConfigError(f"the suite could not be started on {on}: {unstarted}") from unstarted
