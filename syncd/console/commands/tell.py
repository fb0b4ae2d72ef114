"""Commands about telling people: alerts."""

from __future__ import annotations

from typing import Literal

from syncd.console.commands import COMMON, DONE, UNREACHED, Common

__all__ = ["alerts"]


def alerts(action: Literal["show", "test"] = "show", /, *, common: Common = COMMON) -> int:
    """Show what needs a person and who was told of it, or try whether they can be told.

    Parameters
    ----------
    action
        show: what stood when the daemon last looked. test: send one test message to each destination.
    """
    from syncd.console.alerts import alerting, named, results, shown, try_all
    from syncd.console.console import opened

    outline = common.outline()
    if action == "test":
        tried = try_all(common.path)
        failed = [one for one in tried if not one.done]
        return common.answer(list(tried), lambda: results(tried), UNREACHED if failed else DONE)
    with opened(outline) as store:
        found = alerting(store, named(common.path))
    return common.answer(found, lambda: shown(found))
