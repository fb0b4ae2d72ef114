"""The commands: each asks or orders something of `syncd.console` and shows the answer.

What they share is here. A command returns its exit code; errors of syncd pass through it to `cli.main`.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from syncd.console.outline import Outline, config_path, read_outline
from syncd.console.voice import say_json, tables
from syncd.errors import ConfigError, Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.settings import Config

__all__ = ["COMMON", "DONE", "PENDING", "UNREACHED", "By", "Common"]

DONE: Final = 0
PENDING: Final = 2
UNREACHED: Final = 4
"""As for a ConnectorError: some app is paused or did not answer; the others were served."""

By = Annotated[str, Parameter(help="Who decides, for the change log; else the user of this shell.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every command takes."""

    config: Annotated[
        Path | None,
        Parameter(("--config", "-c"), help="The configuration file; else SYNCD_CONFIG, else config.toml."),
    ] = None
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Answer in JSON.")] = False

    @property
    def path(self) -> Path:
        """The configuration file."""
        return config_path(self.config)

    def outline(self) -> Outline:
        """The configuration at a glance."""
        return read_outline(self.path)

    def whole(self) -> Config:
        """The whole configuration, with secrets."""
        from syncd.settings import load

        read_outline(self.path)  # tells of a missing file in its own words
        return load(self.path)

    def working(self) -> Config:
        """The whole configuration, where there is something to keep the same. Raises ConfigError where there is not.

        What is wrong with a sync is told also while a secret is missing.
        """
        try:
            config = self.whole()
        except ConfigError as error:
            from syncd.mapping.load import misshapen

            more = [problem for problem in misshapen(self.path) if problem not in error.problems]
            raise ConfigError([*error.problems, *more], hint=error.hint) from error
        missing = [f"no [{name}.…]" for name, there in (("apps", config.apps), ("syncs", config.syncs)) if not there]
        if missing:
            hint = "make a configuration with: syncd init; or see config.example.toml"
            raise ConfigError([Problem(str(self.path), f"nothing to sync: {' and '.join(missing)}")], hint=hint)
        return config

    def answer(self, value: Any, rendered: Callable[[], Iterable[RenderableType]], code: int = DONE) -> int:
        """Say the answer; `rendered` makes tables of it. The exit code."""
        if self.json:
            say_json(value)
        else:
            tables(*rendered())
        return code


COMMON: Final = Common()


def person(by: str) -> str:
    """Who decides; in a container the user may have a number and no name."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
