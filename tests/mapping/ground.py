"""Two invented apps with the fields of well-known ones, and a configuration over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import SecretStr

from syncd.core.fieldmap import Sync
from syncd.errors import ConfigError
from syncd.mapping import load_syncs
from syncd.sdk.contract import Capabilities, Deletes, Field, FieldType, Object, Option, Plugin, Settings
from syncd.settings import Config, load


class CrmSettings(Settings):
    token: SecretStr


class NewsSettings(Settings):
    api_key: SecretStr
    audience: str = ""


def _never(*_: object) -> object:
    raise AssertionError("no connector is opened by a mapping")


PLUGINS = {
    name: Plugin(name=name, title=name.title(), settings=settings, open=_never)  # type: ignore[arg-type]
    for name, settings in {"hubspot": CrmSettings, "mailchimp": NewsSettings, "plain": Settings}.items()
}


def plugin(name: str) -> Plugin:
    if name not in PLUGINS:
        raise ConfigError(f'there is no connector "{name}"')
    return PLUGINS[name]


def object_of(name: str, *fields: Field, creates: bool = True) -> Object:
    capabilities = Capabilities(
        incremental=True, deletes=Deletes.TOLD, creates=creates, late_write=timedelta(seconds=1)
    )
    return Object(name, {field.name: field for field in fields}, capabilities)


def options(*values: str) -> tuple[Option, ...]:
    return tuple(Option(value) for value in values)


CONTACTS = object_of(
    "contacts",
    Field(name="email", type=FieldType.EMAIL, unique=True, blank=""),
    Field(name="firstname", type=FieldType.TEXT, blank=""),
    Field(name="lastname", type=FieldType.TEXT, blank=""),
    Field(name="phone", type=FieldType.PHONE, blank=""),
    Field(name="lifecyclestage", type=FieldType.CHOICE, options=options("lead", "customer"), blank=""),
    Field(name="hs_email_optout", type=FieldType.BOOLEAN, codec="string", consent=True, clearable=False),
    Field(name="score", type=FieldType.INTEGER, codec="string", blank=""),
    Field(name="since", type=FieldType.DATE, blank=""),
    Field(name="created", type=FieldType.INSTANT, writable=False, creatable=False),
    Field(name="interests", type=FieldType.CHOICES, codec="sep:;", options=options("a", "b"), blank=""),
)
STATUSES = "subscribed unsubscribed cleaned pending transactional"
MEMBERS = object_of(
    "members",
    Field(name="email_address", type=FieldType.EMAIL, required=True, unique=True),
    Field(
        name="status",
        type=FieldType.CHOICE,
        options=options(*STATUSES.split()),
    ),
    Field(name="merge_fields.FNAME", type=FieldType.TEXT, blank="", max_bytes=255),
    Field(name="merge_fields.LNAME", type=FieldType.TEXT, blank="", max_bytes=255),
    Field(name="merge_fields.PHONE", type=FieldType.PHONE, blank=""),
    Field(name="merge_fields.STAGE", type=FieldType.CHOICE, options=options("Customer", "Lead"), blank=""),
    Field(name="merge_fields.ADDRESS", type=FieldType.ADDRESS, blank=""),
    Field(name="merge_fields.SINCE", type=FieldType.DATE, codec="date:%m/%d/%Y", blank=""),
    Field(name="merge_fields.SCORE", type=FieldType.DECIMAL, blank=""),
    Field(name="tags", type=FieldType.CHOICES),
)
SCHEMAS: Mapping[str, Sequence[Object]] = {"crm": [CONTACTS], "news": [MEMBERS]}

APPS = """\
[apps.crm]
connector = "hubspot"
token     = { env = "HUBSPOT_TOKEN" }

[apps.news]
connector = "mailchimp"
api_key   = { env = "MAILCHIMP_API_KEY" }
audience  = "Customers"
"""

PEOPLE = """
[syncs.people]
entity  = "person"
apps    = { crm = "contacts", news = "members" }
match   = ["email"]
first   = "prefer crm"
deletes = "hold"

[syncs.people.fields.email]
type = "email"
crm  = "email"
news = "email_address"
"""


def config_of(folder: Path, text: str) -> Config:
    path = folder / "syncd.toml"
    path.write_text(dedent(text))
    return load(path, plugin)


def people(folder: Path, fields: str, *, schemas: Mapping[str, Sequence[Object]] = SCHEMAS) -> Sync:
    """The sync `people` with e-mail and these further tables."""
    return load_syncs(config_of(folder, APPS + PEOPLE + dedent(fields)), schemas)["people"]


def problems(folder: Path, fields: str, *, schemas: Mapping[str, Sequence[Object]] = SCHEMAS) -> list[str]:
    """What is told of these tables, each with its key and without its line; empty if all is well."""
    with pytest.raises(ConfigError) as caught:
        people(folder, fields, schemas=schemas)
    return [str(problem) for problem in caught.value.problems]
