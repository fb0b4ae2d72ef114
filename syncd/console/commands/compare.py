"""The command that compares everything: audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from syncd.console.commands import COMMON, UNREACHED, By, Common, person
from syncd.errors import ConfigError

__all__ = ["audit"]


def audit(
    *,
    sync: str = "",
    repair: int = 0,
    html: Path | None = None,
    csv: Path | None = None,
    values: Annotated[bool, Parameter(negative="")] = False,
    by: By = "",
    common: Common = COMMON,
) -> int:
    """Compare everything in all apps with what is agreed: what differs and why, doubles, wrong addresses, gaps.

    Parameters
    ----------
    sync
        Only this sync; its figures are not kept for the trend.
    repair
        Have at most so many records that have drifted looked at again, and brought up to date as ever.
    html
        Also write a report for a colleague into this file.
    csv
        Also write every finding into this file, a line for each.
    values
        Also tell values of people's records; else only whose and which.
    """
    from syncd.console.audit import compare, keep_file, table
    from syncd.console.console import assembled
    from syncd.console.outline import known_sync
    from syncd.console.page import page
    from syncd.console.show_audit import audited
    from syncd.console.voice import progress

    if repair < 0:
        raise ConfigError(f"--repair is {repair}, expected at least 0")
    with assembled(common.working()) as world, progress("comparing", quiet=common.json) as moved:
        chosen = [known_sync(common.outline(), sync)] if sync else list(world.syncs)
        found = compare(world, chosen, values=values, repair=repair, by=person(by), progress=moved)
    if html is not None:
        keep_file(html, page(found))
    if csv is not None:
        keep_file(csv, table(found))
    files = [file for file in (html, csv) if file is not None]
    return common.answer(found, lambda: audited(found, files), UNREACHED if found.unseen else 0)
