"""Commands that only look: status, log, why, history, verify, mappings."""

from __future__ import annotations

import time
from typing import Annotated

from cyclopts import Parameter

from syncd.console.commands import COMMON, Common
from syncd.console.voice import note, say_line, tables
from syncd.errors import ConfigError

__all__ = ["history", "log", "status", "why"]


def status(*, common: Common = COMMON) -> int:
    """Show how the apps and syncs are doing and what waits for a person."""
    from syncd.console import show
    from syncd.console.status import status as ask

    found = ask(common.outline(), time.time())
    return common.answer(found, lambda: show.status(found))


def log(
    *,
    app: str = "",
    sync: str = "",
    record: str = "",
    field: str = "",
    since: str = "",
    limit: int = 100,
    follow: Annotated[bool, Parameter(negative="")] = False,
    common: Common = COMMON,
) -> int:
    """Show the change log, the newest entry last.

    Parameters
    ----------
    app
        Only what this app showed or was sent.
    sync
        Only this sync.
    record
        Only one record: app/object/id, an entity's id, or a value it is matched by.
    field
        Only entries that tell of this field.
    since
        Only what is newer: 30m, 2h, 7d, or a time such as 2030-01-31T12:00 (UTC).
    limit
        At most so many entries, the newest.
    follow
        Go on and show new entries as they come; with --json one line for each.
    """
    from syncd.console import show
    from syncd.console.console import opened
    from syncd.console.find import find
    from syncd.console.history import Asked, lines, newest
    from syncd.console.history import since as moment
    from syncd.console.outline import known_app, known_sync

    if limit < 1:
        raise ConfigError(f"--limit is {limit}, expected at least 1")
    outline = common.outline()
    with opened(outline) as store:
        whom = find(store, record, list(outline.syncs)) if record else None
        note(whom.note if whom else "")
        asked = Asked(
            app=known_app(outline, app) if app else "",
            sync=known_sync(outline, sync) if sync else "",
            entity=whom.entity if whom else None,
            field=field,
            since=moment(since, time.time()) if since else None,
            limit=limit,
        )
        found = lines(store, asked)
        if not follow:
            return common.answer(found, lambda: show.log_lines(found))
        while True:
            for one in found:
                if common.json:
                    say_line(one)
                else:
                    tables(*show.log_lines([one]))
            asked = asked.later(newest(found))
            time.sleep(0.5)
            found = lines(store, asked)


def history(record: str, /, *, common: Common = COMMON) -> int:
    """Show everything that ever happened to one record, in order.

    Parameters
    ----------
    record
        app/object/id, an entity's id, or a value it is matched by, such as an e-mail address.
    """
    from syncd.console import show
    from syncd.console.console import opened
    from syncd.console.find import find
    from syncd.console.history import history as ask

    outline = common.outline()
    with opened(outline) as store:
        whom = find(store, record, list(outline.syncs))
        note(whom.note)
        found = ask(store, whom)
    return common.answer(found, lambda: show.log_lines(found))


def why(record: str, field: str, /, *, common: Common = COMMON) -> int:
    """Tell why a field is what it is: every fact, who won and by which rule, and what each app holds.

    Parameters
    ----------
    record
        app/object/id, an entity's id, or a value it is matched by, such as an e-mail address.
    field
        The canonical field, as it is called in the configuration.
    """
    from syncd.console.console import recalled
    from syncd.console.find import find
    from syncd.console.show_why import reasons
    from syncd.console.why import why as ask

    config = common.whole()
    with recalled(config) as world:
        whom = find(world.store, record, list(world.syncs))
        note(whom.note)
        found = ask(world, whom, field)
    return common.answer(found, lambda: reasons(found))
