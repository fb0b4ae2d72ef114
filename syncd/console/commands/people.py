"""Commands about one person's data: export."""

from __future__ import annotations

from pathlib import Path

from syncd.console.commands import COMMON, By, Common, person
from syncd.console.voice import note

__all__ = ["export"]


def export(record: str, /, *, out: Path | None = None, by: By = "", common: Common = COMMON) -> int:
    """Hand out everything that is known of one person, as JSON; the change log notes who asked for it.

    Parameters
    ----------
    record
        app/object/id, an entity's id, or a value it is matched by, such as an e-mail address.
    out
        Write it to this file, which only you may read, and not to standard output.
    """
    from syncd.console import show
    from syncd.console.console import recalled
    from syncd.console.export import export as ask
    from syncd.console.export import keep_export
    from syncd.console.find import find
    from syncd.console.private import may_keep
    from syncd.console.voice import say_json

    if out is not None:
        may_keep(out)
    with recalled(common.whole()) as world:
        whom = find(world.store, record, list(world.syncs))
        note(whom.note)
        found = ask(world, whom, by=person(by))
    if out is None:
        say_json(found)
        return 0
    keep_export(found, out)
    words = f"{out}: everything known of {len(found.known)} entities, noted as entry {found.entry}"
    return common.answer({"file": str(out), "entry": found.entry}, lambda: [show.words(words)])
