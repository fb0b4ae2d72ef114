"""Commands about one person's data: export, forget."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from syncd.console.commands import COMMON, PENDING, By, Common, person
from syncd.console.voice import note, tables
from syncd.errors import ConfigError

__all__ = ["export", "forget"]


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


def forget(
    record: str = "",
    /,
    *,
    yes: Annotated[bool, Parameter(("--yes", "-y"), negative="")] = False,
    many: Annotated[bool, Parameter(negative="")] = False,
    reason: str = "",
    lift: int = 0,
    of: int = 0,
    certificate: Path | None = None,
    by: By = "",
    common: Common = COMMON,
) -> int:
    """Forget a person: delete their records in every app, then erase all that is held of them. Shows it, then asks.

    A salted hash of each key stays, so that they are not made again by what shows up; so do opt-outs, by the hash of
    their address. It cannot be taken back. Without a record: lists whom it was done to, and how far it is.

    Parameters
    ----------
    record
        app/object/id, an entity's id, or a value it is matched by, such as an e-mail address.
    yes
        Do not ask.
    many
        Also if more are deleted within the hour than the cap: then --yes alone is not enough.
    reason
        Why, for the certificate and the change log.
    lift
        Let whoever was forgotten by this order come back, as somebody new.
    of
        The order that --certificate is about.
    certificate
        Write the certificate of an order that is done to this file, and in words beside it (.txt).
    """
    from syncd.console import show, show_people
    from syncd.console.console import recalled
    from syncd.console.find import find
    from syncd.console.forget import keep_certificate, look, order, orders, put_back
    from syncd.console.private import may_keep
    from syncd.console.waits import held

    if (certificate is None) != (not of):
        raise ConfigError("a certificate is of an order", hint="say --of NUMBER and --certificate FILE")
    if certificate is not None:
        may_keep(certificate)
    with recalled(common.whole()) as world:
        if certificate is not None:
            kept = keep_certificate(world, of, certificate)
            return common.answer(kept, lambda: [show.words(f"{certificate}: the certificate of order {of}")])
        if lift:
            done = put_back(world, lift, by=person(by))
            return common.answer(done, lambda: show_people.lifted(done))
        if not record:
            known = orders(world)
            return common.answer(known, lambda: show_people.orders(known))
        whom = find(world.store, record, list(world.syncs))
        note(whom.note)
        found = look(world, whom)
        if not yes and (common.json or not sys.stdin.isatty()):
            return common.answer(found, lambda: show_people.foreseen(found), PENDING)
        if not yes:
            tables(*show_people.foreseen(found))
            many = True  # whoever answers has read that they are many
            if input("Forget them for good? [y/N] ").strip().lower() not in {"y", "yes"}:
                return PENDING
        given = order(world, whom, by=person(by), reason=reason, many=many)
        note(held(world.store))
    return common.answer(given, lambda: show_people.ordered(given))
