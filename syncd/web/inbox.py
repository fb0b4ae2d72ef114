"""The inbox: everything that waits for a person, in one place, answered one at a time or many at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

from starlette.responses import Response

from syncd.console.questions import GROUPS, Answer, Foreseen, answer_all, asked, foresee
from syncd.console.work import Answered
from syncd.web.guard import Denied
from syncd.web.sessions import Note
from syncd.web.visit import Visit

__all__ = ["TITLES", "answer", "answers", "inbox", "preview"]

_PAGE: Final = 25
_MOST: Final = 2000
"""Questions that one answer may be given to."""
TITLES: Final = {
    "": "Everything",
    "guards": "Stopped by a guard",
    "conflicts": "Conflicts",
    "deletes": "Held deletes",
    "refused": "Refused",
    "whose": "Whose is it?",
}
_WAYS: Final = ("agreed", "app", "value", "approve", "refuse", "retry", "whose", "apart")


def inbox(visit: Visit) -> Response:
    """Open questions of a kind, oldest first."""
    group, sync = visit.query.get("kind", ""), visit.query.get("sync", "")
    if group not in TITLES:
        raise Denied(404, "There is no such list", f"Open work is of these kinds: {', '.join(GROUPS)}.")
    start = _number(visit.query.get("from", "0"))
    count, found = asked(visit.desk.world, group=group, sync=sync, start=start, limit=_PAGE)
    return visit.render(
        "inbox.html",
        group=group,
        sync=sync,
        titles=TITLES,
        counts=_counts(visit),
        questions=found,
        count=count,
        start=start,
        size=_PAGE,
        apps=list(visit.desk.world.apps),
    )


def answer(visit: Visit) -> Response:
    """Answer one question, as it was shown."""
    form = visit.form
    id, chosen = _number(form.get("id")), _answer(visit)
    back = form.get("back", "/inbox")
    ((seen, _),) = _as_shown(visit, [f"{id}:{form.get('digest')}"])
    if seen.fault:
        raise Denied(409, "Nothing was done", f"{seen.fault[:1].upper()}{seen.fault[1:]}.")
    (done,) = answer_all(visit.desk.world, [id], chosen, by=visit.visitor.name)
    visit.session.notes.append(_note([done], []))
    return visit.back(back)


def preview(visit: Visit) -> Response:
    """What one answer to many questions would do. Nothing is done yet."""
    form = visit.form
    chosen = _answer(visit)
    if form.get("all"):
        _, every = asked(visit.desk.world, group=form.get("kind"), sync=form.get("sync"), limit=_MOST)
        ids = [question.work.id for question in every]
    else:
        ids = [_number(id) for id in form.all("id")][:_MOST]
    if not ids:
        return visit.to(
            "/inbox", Note("Nothing was chosen: tick what the answer is for.", "warn"), kind=form.get("kind")
        )
    found = foresee(visit.desk.world, ids, chosen)
    good = [one for one in found if not one.fault]
    return visit.render(
        "preview.html",
        answer=chosen,
        way=form.get("way"),
        value=form.get("value"),
        good=good,
        faulty=[one for one in found if one.fault],
        vanished=len(ids) - len(found),
        writes=_writes(good),
        follows=any(not effect.written for one in good for effect in one.effects),
        group=form.get("kind"),
    )


def answers(visit: Visit) -> Response:
    """Give one answer to every question that was previewed and is as it was."""
    chosen = _answer(visit)
    checked = _as_shown(visit, visit.form.all("item")[:_MOST])
    changed = [seen for seen, same in checked if not same]
    ids = [seen.question.work.id for seen, same in checked if same and not seen.fault]
    done = answer_all(visit.desk.world, ids, chosen, by=visit.visitor.name)
    gone = len(visit.form.all("item")) - len(checked)
    left = [f"{len(changed)} had changed since you looked"] if changed else []
    left += [f"{gone} had been answered by somebody else"] if gone else []
    return visit.to("/inbox", _note(done, left), kind=visit.form.get("kind"))


def _as_shown(visit: Visit, items: Sequence[str]) -> list[tuple[Foreseen, bool]]:
    """What the answer would do to each question, and whether the question is still as it was shown.

    For a single one that is not, or is no longer open, Denied is raised.
    """
    digests = {_number(id): digest for id, _, digest in (item.partition(":") for item in items)}
    found = foresee(visit.desk.world, list(digests), _answer(visit))
    checked = [(one, one.question.digest == digests[one.question.work.id]) for one in found]
    if len(items) == 1:
        (id,) = digests
        if not checked:
            raise Denied(409, "That was answered already", _by_whom(visit, id))
        if not checked[0][1]:
            told = "What it is about has changed since the page was shown, so nothing was done. Look again, and answer."
            raise Denied(409, "That has changed", told)
    return checked


def _by_whom(visit: Visit, id: int) -> str:
    with visit.desk.store.read() as tx:
        work = tx.parked.get(id)
    if work is None:
        return f"There is no question number {id}. Nothing was done."
    by = f" by {work.by}" if work.by else ""
    return f"Number {id} was answered{by}: {work.answer or 'blank'}. Nothing more was done."


def _answer(visit: Visit) -> Answer:
    way, _, chosen = visit.form.get("way").partition(":")
    app, entity = ("", chosen) if way == "whose" else (chosen, "")
    if way not in _WAYS:
        raise Denied(422, "Nothing was done", "Choose one of the answers first.")
    if way == "approve" and not visit.visitor.may("owner"):
        raise Denied(
            403,
            "That is not yours to do",
            "Only an owner may let a delete, or what a guard has stopped, go through. Nothing was done.",
        )
    value = visit.form.get("value")
    return Answer(way=cast("object", way), app=app, value=value, entity=entity)  # type: ignore[arg-type]


def _writes(found: Sequence[Foreseen]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for effect in (effect for one in found for effect in one.effects if effect.app and effect.written):
        counts[effect.app] = counts.get(effect.app, 0) + 1
    return counts


def _note(done: Sequence[Answered], left: Sequence[str]) -> Note:
    good, bad = [one for one in done if one.done], [one for one in done if not one.done]
    parts = [f"Number {good[0].id}: {good[0].note}" if len(good) == 1 else f"{len(good)} answered"] if good else []
    parts += [f"{len(bad)} could not be: {bad[0].id}: {bad[0].error}"] if bad else []
    tone = "bad" if bad and not good else "warn" if bad or left else "good"
    return Note("; ".join([*parts, *left]) + "." if parts or left else "There was nothing to answer.", tone)


def _counts(visit: Visit) -> dict[str, int]:
    with visit.desk.store.read() as tx:
        open_ = tx.parked.counts()
    counts = {group: sum(open_.get(kind, 0) for kind in kinds) for group, kinds in GROUPS.items()}
    return {"": sum(counts.values()), **counts}


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text):
        raise Denied(400, "That is no number", "The address or the form was changed by hand. Nothing was done.")
    return int(text)
