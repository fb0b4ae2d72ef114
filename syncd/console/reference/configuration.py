"""The page of the configuration, from the models that check it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from syncd.access import Console, Person
from syncd.console.reference.markdown import code, keys, table
from syncd.destinations import Alerts, Email, LogLines, Webhook
from syncd.mapping.shape import Cell, FieldShape, SyncShape
from syncd.mapping.types import TYPES
from syncd.settings import AppTable, Audit, Daemon, Guards, Log, Safety, Store

__all__ = ["configuration_page"]

_HEAD: Final = """\
# Configuration

One TOML file: `config.toml`, or what `--config` or `SYNCD_CONFIG` names. Durations are written `"90s"`, `"10m"`,
`"1h30m"`, `"2d"`. Each scalar of the first five sections may come from the environment, which wins:
`SYNCD_DAEMON_LISTEN`, `SYNCD_SAFETY_MAX_DELETES`.
"""
_TABLES: Final[tuple[tuple[str, str, type[BaseModel]], ...]] = (
    *((f"## `[{part.__name__.lower()}]`", part.__doc__ or "", part) for part in (Daemon, Store, Safety, Audit, Log)),
    ("## `[alerts]`", Alerts.__doc__ or "", Alerts),
    *(
        (f"### `[alerts.to.NAME]`, kind `{kind}`", f"{to.__doc__ or ''}", to)
        for kind, to in (("log", LogLines), ("webhook", Webhook), ("email", Email))
    ),
    ("## `[console]`", "The web console: see [console.md](../console.md).", Console),
    ("## `[console.people.NAME]`", "", Person),
    (
        "## `[apps.NAME]`",
        "One account, under a name of yours (`a-z`, `0-9`, `-`, `_`). The connector has keys of its own: see its page.",
        AppTable,
    ),
    (
        "## `[apps.NAME.guards.OBJECT]`",
        "Bounds of one object of the app, in place of those of `[safety]`; what is not said is as it says.",
        Guards,
    ),
    (
        "## `[syncs.NAME]`",
        "See [mappings.md](../mappings.md). `include` takes a template, `without` drops fields of it.",
        SyncShape,
    ),
    (
        "## `[syncs.NAME.fields.FIELD]`",
        "Every further key is an app's name, with the name of the app's field, or a table.",
        FieldShape,
    ),
    ("### An app's line, written as a table", "", Cell),
)


def configuration_page() -> str:
    """Every section and key."""
    return "\n".join(
        [
            _HEAD,
            *_sections(),
            "## Types\n",
            table(("type", "carried by app fields of type", "`conflict` may be"), _types()),
        ]
    )


def _sections() -> Iterator[str]:
    for title, words, model in _TABLES:
        yield f"{title}\n"
        if words:
            yield f"{words}\n"
        yield table(("key", "takes", "default", "what it is"), keys(model))


def _types() -> Iterator[tuple[str, str, str]]:
    for name, kind in TYPES.items():
        yield code(name), ", ".join(sorted(kind.carriers)), ", ".join(sorted(kind.policies))
