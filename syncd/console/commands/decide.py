"""Commands by which a person decides: conflicts, holds, quarantine, pauses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from syncd.console.commands import COMMON, DONE, PENDING, By, Common, person
from syncd.console.voice import note
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.console.questions import Answer
    from syncd.console.work import Answered
    from syncd.engine.world import World
    from syncd.store.values import ParkedKind

__all__ = [
    "apart",
    "approve",
    "belongs",
    "conflicts",
    "holds",
    "pause",
    "quarantine",
    "refuse",
    "resolve",
    "resume",
    "retry",
]

All = Annotated[bool, Parameter("--all", negative="", help="Every one that is open.")]
Preview = Annotated[bool, Parameter("--preview", negative="", help="Only say what it would do; ends with 2.")]


def conflicts(*, sync: str = "", common: Common = COMMON) -> int:
    """List fields for which a person must say which value stands.

    Parameters
    ----------
    sync
        Only this sync.
    """
    from syncd.console.work import CONFLICTS

    return _listed(CONFLICTS, sync, common)


def resolve(
    number: int, /, *, value: str | None = None, app: str | None = None, by: By = "", common: Common = COMMON
) -> int:
    """Answer a conflict: one value will stand in every app.

    Parameters
    ----------
    number
        The conflict, as `syncd conflicts` numbers it.
    value
        Let this value stand; "" is blank.
    app
        Let the value stand that this app shows.
    """
    from syncd.console.console import recalled
    from syncd.console.work import resolve_from, resolve_to

    with recalled(common.whole()) as world:
        match value, app:
            case str(), None:
                done = resolve_to(world, number, value, by=person(by))
            case None, str():
                done = resolve_from(world, number, app, by=person(by))
            case _:
                raise ConfigError("which value shall stand?", hint="say either --value VALUE or --app NAME")
    return _said([done], common)


def holds(*, sync: str = "", common: Common = COMMON) -> int:
    """List what is held: deletes that wait for a yes, and what a guard has stopped, with examples.

    Parameters
    ----------
    sync
        Only this sync.
    """
    from syncd.console.work import HOLDS

    return _listed(HOLDS, sync, common)


def approve(*numbers: int, all: All = False, by: By = "", common: Common = COMMON) -> int:
    """Say yes to what is held: the remaining records are deleted too; an app that a guard has stopped goes on.

    Each record is read first; where a person has edited it since, the edit wins and it stays. `--all` answers
    deletes; what a guard has stopped is answered by its number.

    Parameters
    ----------
    numbers
        The holds, as `syncd holds` numbers them.
    """
    from syncd.console.console import recalled
    from syncd.console.waits import held
    from syncd.console.work import approve_all, open_work
    from syncd.store.values import ParkedKind

    with recalled(common.whole()) as world:
        chosen = _chosen(
            numbers, (lambda: [work.id for work in open_work(world.store, (ParkedKind.HOLD,))]) if all else None
        )
        done = approve_all(world, chosen, by=person(by))
        note(held(world.store))
    return _said(done, common)


def refuse(number: int, /, *, by: By = "", common: Common = COMMON) -> int:
    """Say no to what is held: the deleted record is made again; what has tripped a guard is put aside.

    Put aside means that the app gets back the values that were agreed before; its new records are left alone until
    somebody edits them, its deleted ones are made again. All of it stands in the change log.

    Parameters
    ----------
    number
        The hold, as `syncd holds` numbers it.
    """
    from syncd.console.console import recalled
    from syncd.console.waits import held
    from syncd.console.work import refuse_hold

    with recalled(common.whole()) as world:
        done = refuse_hold(world, number, by=person(by))
        note(held(world.store))
    return _said([done], common)


def quarantine(*, sync: str = "", common: Common = COMMON) -> int:
    """List records and fields that an app refuses, or of which syncd cannot say whose they are.

    Parameters
    ----------
    sync
        Only this sync.
    """
    from syncd.console.work import QUARANTINE

    return _listed(QUARANTINE, sync, common)


def belongs(number: int, whom: str, /, *, preview: Preview = False, by: By = "", common: Common = COMMON) -> int:
    """Say whose a record is, where it may be that of several: it is read, and taken in as on first contact.

    A second record of theirs in the same app takes the place of the first, which is left alone from then on.

    Parameters
    ----------
    number
        The question, as `syncd quarantine` numbers it.
    whom
        One of those whose it may be: an id as `syncd quarantine --json` has it, a record of theirs as app/object/id,
        or what they are known by.
    """
    from syncd.console.console import recalled
    from syncd.console.find import find
    from syncd.console.questions import Answer
    from syncd.console.work import belongs_to

    with recalled(common.whole()) as world:
        found = find(world.store, whom, list(world.syncs))
        if preview:
            return _foreseen(world, [number], Answer(way="whose", entity=found.entity), common)
        done = belongs_to(world, number, found.entity, by=person(by))
    return _said([done], common)


def apart(*numbers: int, preview: Preview = False, by: By = "", common: Common = COMMON) -> int:
    """Say of second records with somebody's key that they are another person's: they are left alone.

    Nobody is asked about these two again, unless the first one has no record in the app any more.

    Parameters
    ----------
    numbers
        The possible duplicates, as `syncd quarantine` numbers them.
    """
    from syncd.console.console import recalled
    from syncd.console.questions import Answer
    from syncd.console.work import apart_all

    with recalled(common.whole()) as world:
        chosen = _chosen(numbers, None)
        if preview:
            return _foreseen(world, chosen, Answer(way="apart"), common)
        done = apart_all(world, chosen, by=person(by))
    return _said(done, common)


def retry(*numbers: int, all: All = False, by: By = "", common: Common = COMMON) -> int:
    """Try quarantined work again, after what stood in its way was mended.

    Parameters
    ----------
    numbers
        The work, as `syncd quarantine` numbers it.
    """
    from syncd.console.console import recalled
    from syncd.console.work import QUARANTINE, open_work, retry_all

    with recalled(common.whole()) as world:
        chosen = _chosen(numbers, (lambda: [work.id for work in open_work(world.store, QUARANTINE)]) if all else None)
        done = retry_all(world, chosen, by=person(by))
    return _said(done, common)


def pause(app: str, /, *, reason: str = "paused by a person", by: By = "", common: Common = COMMON) -> int:
    """Leave an app alone: nothing is read from it or written to it until it is resumed.

    Parameters
    ----------
    app
        The app, by its name in the configuration.
    reason
        What others shall read in `syncd status`.
    """
    from syncd.console import show
    from syncd.console.console import bare
    from syncd.console.outline import known_app
    from syncd.engine.remedies import pause as order

    outline = common.outline()
    name, who = known_app(outline, app), person(by)
    with bare(outline) as world:
        news = order(world, name, reason, who)
    told = {"app": name, "paused": True, "changed": news}
    return common.answer(told, lambda: [show.words(f"{name} is paused" if news else f"{name} was paused already")])


def resume(
    app: str = "",
    /,
    *,
    restored: Annotated[bool, Parameter(negative="")] = False,
    by: By = "",
    common: Common = COMMON,
) -> int:
    """Go on with a paused app, or with a store that was set back. What a guard saw counts as accepted.

    Parameters
    ----------
    app
        The app, by its name in the configuration.
    restored
        Go on from an older copy of the store: write what `syncd plan` shows, and whatever comes.
    """
    if restored == bool(app):
        raise ConfigError("go on with what?", hint="name an app, or say --restored")
    if restored:
        return _accepted(person(by), common)
    from syncd.console import show
    from syncd.console.console import bare
    from syncd.console.outline import known_app
    from syncd.engine.remedies import resume as order

    outline = common.outline()
    name, who = known_app(outline, app), person(by)
    with bare(outline) as world:
        news = order(world, name, who)
    told = {"app": name, "paused": False, "changed": news}
    return common.answer(told, lambda: [show.words(f"{name} goes on" if news else f"{name} was not paused")])


def _accepted(who: str, common: Common) -> int:
    from syncd.console import show
    from syncd.console.console import opened
    from syncd.engine.setback import accept

    with opened(common.outline()) as store:
        news = accept(store, who)
    told = {"restored": True, "changed": news}
    said = "each app is listed whole, and then written to again" if news else "the store was not set back"
    return common.answer(told, lambda: [show.words(said)])


def _listed(kinds: Sequence[ParkedKind], sync: str, common: Common) -> int:
    from syncd.console import show
    from syncd.console.console import opened
    from syncd.console.outline import known_sync
    from syncd.console.work import open_work

    outline = common.outline()
    with opened(outline) as store:
        found = open_work(store, kinds, sync=known_sync(outline, sync) if sync else "")
    return common.answer(found, lambda: show.work(found))


def _chosen(numbers: Sequence[int], everything: Callable[[], list[int]] | None) -> list[int]:
    if bool(numbers) == (everything is not None):
        raise ConfigError("which ones?", hint="name numbers, or say --all")
    return list(numbers) if everything is None else everything()


def _foreseen(world: World, numbers: Sequence[int], answer: Answer, common: Common) -> int:
    """What an answer would do. Raises ConfigError for a number that is not open."""
    from syncd.console import show
    from syncd.console.questions import foresee

    found = foresee(world, numbers, answer)
    if closed := sorted({*numbers} - {one.question.work.id for one in found}):
        raise ConfigError(f"there is no open question with number {closed[0]}", hint="see: syncd quarantine")
    return common.answer(list(found), lambda: show.foreseen(found), PENDING)


def _said(done: Sequence[Answered], common: Common) -> int:
    """The answers, and the exit code of the gravest that could not be given."""
    from syncd.console import show

    code = max((one.code for one in done), default=DONE)
    return common.answer(list(done), lambda: show.answers(done), code)
