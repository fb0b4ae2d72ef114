"""Tables and lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from syncd.console.tell import Line, said, short
from syncd.console.voice import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.console.check import Checked
    from syncd.console.discover import SchemaField, SchemaObject
    from syncd.console.init import Made
    from syncd.console.questions import Foreseen
    from syncd.console.restore import Restored
    from syncd.console.runs import Outcome, Proposal
    from syncd.console.status import AppStatus, SetBack, Status, SyncStatus
    from syncd.console.templates import Template
    from syncd.console.work import Answered, Work

__all__ = [
    "answers",
    "checked",
    "foreseen",
    "grid",
    "log_lines",
    "made_config",
    "outcome",
    "proposal",
    "restored",
    "sandbox",
    "schema",
    "settings",
    "status",
    "templates",
    "when",
    "words",
    "work",
]


_LISTED: Final = {
    "conflict": "conflicts",
    "opt_in": "conflicts",
    "blank": "conflicts",
    "loop": "conflicts",
    "hold": "holds",
    "guard": "holds",
    "quarantine": "quarantine",
    "ambiguous": "quarantine",
    "duplicate": "quarantine",
}
"""Kind of parked work to the command that shows it."""


def words(text: object, style: str = "") -> Text:
    """A line of text, whatever is in it."""
    return Text(clean(text), style=style, overflow="fold")


def grid(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> Table:
    """A plain table; a cell is text, or what `words` made."""
    table = Table(box=None, pad_edge=False, title=title or None, title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(Text(heading), header_style="bold", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else words(cell) for cell in row))
    return table


def when(at: datetime | None) -> str:
    """A time, UTC, to the second."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def status(found: Status) -> Iterable[RenderableType]:
    """`syncd status`."""
    if not found.begun:
        yield words(f"nothing has run yet: there is no store at {found.store}")
        yield words("  start with: syncd check; then: syncd plan")
        return
    if found.set_back is not None:
        yield from _set_back(found.set_back)
    headings = ("app", "connector", "state", "last answer", "owed", "hints", "in doubt")
    yield grid(headings, map(_app_row, found.apps))
    yield words("")
    rows = (
        (
            sync.name,
            "applied" if sync.in_force else "changed, not applied" if sync.changed else "not applied",
            sync.entities,
            ", ".join(f"{app} {count}" for app, count in sorted(sync.linked.items())),
        )
        for sync in found.syncs
    )
    yield grid(("sync", "mapping", "entities", "linked records"), rows)
    yield words("")
    yield from _troubles(found.apps)
    yield from _still(found.syncs)
    if (gone := found.silent) is not None:
        told = (
            f"syncd {gone.doing}, process {gone.pid} on {gone.host}, has shown no sign of life since {when(gone.seen)}"
        )
        yield words(f"{told}: it was killed, or cannot write to its store; see its log, or /healthz", "red")
    yield from _waiting(found)
    yield words(f"{found.opted_out} opted out, {found.changes} entries in the change log")
    holder = found.holder
    if holder is None:
        yield words("nobody works on the store right now")
    else:
        yield words(f"at work: syncd {holder.doing}, process {holder.pid} on {holder.host}, since {when(holder.since)}")


def _set_back(back: SetBack) -> Iterable[RenderableType]:
    """Why nothing is written, what would be, and how to go on."""
    copied = f", made at {when(back.copied)}" if back.copied else ""
    yield words(f"WRITES ARE HELD: the store was set back{copied}: {back.why}", "red")
    if back.compared is None:
        yield words("  what would be written is not known yet: a running syncd finds out, and so does syncd plan")
    else:
        kinds = {
            app: ", ".join(f"{n} {kind}" for kind, n in counts.items() if n) for app, counts in back.writes.items()
        }
        told = "; ".join(f"{app}: {some}" for app, some in sorted(kinds.items())) or "nothing"
        asked = "".join(f", {n} {kind}" for kind, n in sorted(back.parked.items()))
        waits = f"; would wait for a person{asked}" if asked else ""
        yield words(f"  would be written, as of {when(back.compared)}: {told}{waits}")
    yield words(
        "  look at it with syncd plan --out plan.json; go on with: syncd apply plan.json, or syncd resume --restored"
    )
    yield words("")


def _app_row(app: AppStatus) -> Sequence[object]:
    style = {"running": "green", "paused": "red", "failing": "yellow"}.get(app.state, "")
    owed = f"{app.owed} since {when(app.owed_since)}" if app.owed else "0"
    state = words(app.state + (f" since {when(app.since)}" if app.since else ""), style)
    return app.name, app.connector, state, when(app.answered_at), owed, app.hints, app.doubtful


def _troubles(apps: Iterable[AppStatus]) -> Iterable[RenderableType]:
    """What keeps apps from being served, with what to do."""
    for app in apps:
        if app.state == "paused":
            reason, *hints = app.reason.removeprefix(f"{app.name}: ").split("\n")
            told = "" if "syncd " in app.reason else f"; go on with: syncd resume {app.name}"
            yield words(f"{app.name} is paused: {reason}{told}", "red")
            yield from map(words, hints)
        elif app.state == "failing":
            yield words(f"{app.name} is failing: {app.reason}; it is tried again by itself", "yellow")
        if app.suspected:
            yield words(f"{app.name}: {app.suspected} times somebody seems to have typed in just the moment of a write")
            yield words(f"  what is known of it is in: syncd log --app {app.name}")


def _still(syncs: Iterable[SyncStatus]) -> Iterable[RenderableType]:
    """What the process at work does not work on, with what to do."""
    for sync in syncs:
        if sync.changed:
            yield words(f"{sync.name} stands still: its mapping was changed in the file since it was applied", "yellow")
            yield words("  stop syncd, and look at what it would do with: syncd plan; then: syncd apply")


def _waiting(found: Status) -> Iterable[RenderableType]:
    if found.waiting:
        told = ", ".join(f"{n} {kind} (syncd {_LISTED[kind]})" for kind, n in sorted(found.waiting.items()))
        yield words(f"waiting for a person: {told}", "yellow")
        return
    at_work = found.silent is None and not any(sync.changed for sync in found.syncs)
    if at_work and all(app.state in ("running", "new") for app in found.apps):
        yield words("nothing waits for a person", "green")


def restored(found: Restored) -> Iterable[RenderableType]:
    """`syncd restore`."""
    copied = f", a copy of {when(found.copied)}" if found.copied else ""
    yield words(f"{found.store}: {found.changes} entries in the change log{copied}", "green")
    if found.replaced:
        yield words(f"  the store that stood there is kept at {found.replaced}")
    yield words(
        "  writes are held: look at what would be written with syncd plan, or start syncd run and ask syncd status"
    )


def log_lines(found: Iterable[Line]) -> Iterable[RenderableType]:
    """`syncd log` and `syncd history`: one line each."""
    entries = list(found)
    if not entries:
        yield words("no entries")
    for one in entries:
        about = f"  (because of {one.cause})" if one.cause else ""
        yield words(f"{when(one.at)}  {one.seq:>6}  {one.text}{about}")


def proposal(found: Proposal) -> Iterable[RenderableType]:
    """`syncd plan`."""
    if not found.pending:
        yield words(f"nothing to do: {found.linked} records are linked, and everything is up to date", "green")
        return
    rows = ((app, counts["create"], counts["update"], counts["delete"]) for app, counts in sorted(found.counts.items()))
    yield grid(("app", "create", "update", "delete"), rows) if found.counts else words("nothing would be written")
    for app, fields in sorted(found.fields.items()):
        touched = ", ".join(f"{name} {count}" for name, count in sorted(fields.items()))
        yield words(f"  {app}, writes by field: {touched}")
    if found.parked:
        yield words("would wait for a person: " + ", ".join(f"{n} {kind}" for kind, n in sorted(found.parked.items())))
    yield words(f"afterwards {found.linked} records are linked")
    for write in found.samples:
        yield words("")
        yield words(f"{write.kind} {write.app}/{write.object}/{write.record or 'new'}", "bold")
        yield from (words(f"  {name}: {_diff(both)}") for name, both in sorted(write.fields.items()))
    yield words("")
    if found.unapplied:
        yield words(f"not in force yet: {', '.join(found.unapplied)}")
    yield words(f"to do exactly this: syncd apply {found.out}" if found.out else "to do this: syncd apply --yes")


def _diff(both: Sequence[Any]) -> str:
    before, after = both
    return f"{said(before)} → {said(after)}"


def outcome(found: Outcome) -> Iterable[RenderableType]:
    """`syncd apply` and `syncd run --once`."""
    yield words(f"{found.created} created, {found.updated} updated, {found.deleted} deleted; {found.read} read")
    left = {
        "refused": found.refused,
        "waiting for a person": found.parked,
        "in doubt": found.doubtful,
        "still owed": found.owed,
    }
    some = ", ".join(f"{count} {what}" for what, count in left.items() if count)
    if some:
        yield words(some, "yellow")
    if found.failing:
        yield words(f"paused or not answering: {', '.join(found.failing)}; see: syncd status", "red")


def work(found: Sequence[Work]) -> Iterable[RenderableType]:
    """`syncd conflicts`, `syncd holds` and `syncd quarantine`."""
    if not found:
        yield words("nothing waits here", "green")
        return
    headings = ("number", "kind", "who", "field", "app", "agreed", "theirs", "reason", "since")
    yield grid(headings, ((w.id, w.kind, _who(w), w.field, w.app, *_sides(w), w.reason, when(w.opened)) for w in found))
    for item in found:
        if item.kind == "guard":
            yield words("")
            yield from _guard(item)


def _guard(item: Work) -> Iterable[RenderableType]:
    """What has tripped a guard, whom for example, and the two answers."""
    share = f"{item.detail['share']:.0%}"
    yield words(f"{item.id}: {item.app} is paused, {item.detail['count']} records ({share}); for example", "bold")
    for one in item.detail["samples"]:
        yield words(f"  {one['record']}" + (f": {', '.join(one['fields'])}" if one["fields"] else ""))
    yield words(f"  if this is right: syncd approve {item.id}; to put it aside: syncd refuse {item.id}")


def _who(item: Work) -> str:
    return short(item.label or item.record or item.entity)


def _sides(item: Work) -> tuple[str, str]:
    contested = bool(item.field)
    return (said(item.ours) if contested and "ours" in item.detail else "", said(item.theirs) if contested else "")


def answers(done: Sequence[Answered]) -> Iterable[RenderableType]:
    """What came of decisions."""
    if not done:
        yield words("nothing waits here", "green")
    for one in done:
        yield words(f"{one.id}: {one.note}" if one.done else f"{one.id}: {one.error}", "" if one.done else "red")


def foreseen(found: Sequence[Foreseen]) -> Iterable[RenderableType]:
    """What an answer would do, before it is given."""
    for one in found:
        for effect in one.effects:
            yield words(f"{one.question.work.id}: {effect.record} {effect.text}")
        if one.fault:
            yield words(f"{one.question.work.id}: {one.fault}", "red")


def settings(found: Checked) -> Iterable[RenderableType]:
    """`syncd check --settings`: the keys of each app's table."""
    for app in found.apps:
        rows = (
            (one.name, "given" if one.given else "required" if one.required else "", one.description)
            for one in app.settings
        )
        yield grid(("key", "", "what it is"), rows, title=f"[apps.{app.name}]")
        yield words("")


def checked(found: Checked) -> Iterable[RenderableType]:
    """`syncd check`."""
    for app in found.apps:
        if not app.reached:
            yield words(app.problem, "red")
            yield words(f"  {app.hint}")
            continue
        there = ", ".join(f"{name} ({count} fields)" for name, count in app.objects.items())
        tried = f"; tried on {app.sampled} records" if app.sampled else ""
        yield words(f"{app.name} ({app.connector}): reached; {there}{tried}", "green")
    for sync in found.syncs:
        yield words("")
        apps = list(sync.fields[0].apps) if sync.fields else []
        rows = ((row.field, row.type, *(row.apps[app] for app in apps), row.conflict, row.blank) for row in sync.fields)
        yield grid(("field", "type", *apps, "conflict", "blank"), rows, title=sync.name)
        yield from (words(f"  {breach}", "red") for breach in sync.breaches)
        yield from (words(f"  {misfit}", "yellow") for misfit in sync.misfits)
    for problem in found.problems:
        yield words(problem, "red")
    for warning in found.warnings:
        yield words(f"warning: {warning}", "yellow")
    yield words("")
    if found.exit_code == 0:
        odd = any(sync.misfits for sync in found.syncs)
        fits = "everything fits, but for such values: they would wait in syncd quarantine" if odd else "everything fits"
        yield words(f"{fits}; see what a run would do with: syncd plan", "yellow" if odd else "green")
    else:
        yield words("not everything fits; nothing was written", "red")


def schema(found: Sequence[SchemaObject]) -> Iterable[RenderableType]:
    """`syncd schema`."""
    for object in found:
        rows = (
            (field.name, field.type, _facts(field), ", ".join(field.options), field.label) for field in object.fields
        )
        yield grid(("field", "type", "", "options", "label"), rows, title=clean(object.name))
        yield words("")


def _facts(field: SchemaField) -> str:
    facts = {
        "read only": not (field.writable or field.creatable),
        "set once": field.creatable and not field.writable,
        "required": field.required,
        "unique": field.unique,
        "consent": field.consent,
    }
    return ", ".join(fact for fact, holds in facts.items() if holds)


def templates(found: Sequence[Template]) -> Iterable[RenderableType]:
    """`syncd mappings`."""
    rows = (
        (
            one.name,
            ", ".join(f"{connector} {object}" for connector, object in one.apps.items()),
            ", ".join(one.fields),
            "yours" if one.own else "shipped",
        )
        for one in found
    )
    yield grid(("template", "apps", "fields", ""), rows)


def sandbox(connector: str, url: str, settings: str) -> Iterable[RenderableType]:
    """`syncd sandbox`, once it listens."""
    yield words(f"{connector} listens on {url} until Ctrl-C. For the configuration:", "bold")
    yield words("")
    yield from (words(line) for line in settings.splitlines())


def made_config(found: Made) -> Iterable[RenderableType]:
    """`syncd init`."""
    yield words(f"wrote {found.path}: {', '.join(found.fields)}", "green")
    yield from (words(f"  left out: {note}") for note in found.left_out)
    yield words("  next: look it through, then run syncd check and syncd plan")
