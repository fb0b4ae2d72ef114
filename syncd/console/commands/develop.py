"""Commands for developers of connectors: connector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from syncd.console.commands import COMMON, DONE, UNREACHED, Common
from syncd.console.voice import progress
from syncd.errors import ConfigError

__all__ = ["connector"]


def connector(
    action: Literal["test", "new"],
    name: str,
    /,
    *,
    app: str = "",
    folder: Annotated[Path, Parameter(show_default=False)] = Path(),
    common: Common = COMMON,
) -> int:
    """Try a connector on its twin and report what it can do, or begin a new one.

    Parameters
    ----------
    action
        test: run the conformance suite. new: write a small connector that passes it, to be changed.
    name
        The connector.
    app
        test: an app of the configuration instead of the twin, a test account: its records are changed and deleted.
    folder
        new: where to put the folder of the connector; else here.
    """
    from syncd.console.connector import as_json, begin, begun, reported, try_account, try_twin

    if action == "new":
        if app:
            raise ConfigError("--app goes with: syncd connector test")
        made = begin(name, folder)
        return common.answer(made, lambda: begun(made))
    with progress("trying", quiet=common.json):
        report = try_account(name, app, common.whole()) if app else try_twin(name)
    return common.answer(as_json(report), lambda: reported(report), UNREACHED if report.failed else DONE)
