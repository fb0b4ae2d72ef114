"""The tables, declared once with SQLModel. Row classes never leave this folder; hot paths use their Core tables."""

from __future__ import annotations

from typing import cast

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, Table, Text, text
from sqlmodel import Field, SQLModel

__all__ = ["metadata", "table"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Row(SQLModel):
    """What all rows share: one metadata."""

    metadata = metadata


class MetaRow(Row, table=True):
    """Facts about the store itself."""

    __tablename__ = "meta"
    name: str = Field(primary_key=True)
    value: str


class EntityRow(Row, table=True):
    """An entity; `held` is JSON: [ver, author, at, seq, {field: value}], once for all fields that have these alike."""

    __tablename__ = "entity"
    __table_args__ = (Index("ix_entity_live", "sync", "deleted"),)
    id: str = Field(primary_key=True)
    sync: str
    held: str = Field(sa_column=Column(Text, nullable=False))
    deleted: bool = False


class KeyRow(Row, table=True):
    """By which match keys an entity is found."""

    __tablename__ = "match_key"
    __table_args__ = (Index("ix_match_key_entity", "entity"),)
    sync: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)


class LinkRow(Row, table=True):
    """A link; `seen` and `sent` are JSON objects. At most one link of an entity per app is not gone."""

    __tablename__ = "link"
    __table_args__ = (
        Index("ix_link_entity", "entity"),
        Index("ix_link_state", "sync", "app", "state"),
        Index(
            "uq_link_live",
            "entity",
            "app",
            unique=True,
            sqlite_where=text("state != 'gone'"),
            postgresql_where=text("state != 'gone'"),
        ),
    )
    sync: str = Field(primary_key=True)
    app: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record: str = Field(primary_key=True)
    entity: str
    seen: str = Field(sa_column=Column(Text, nullable=False))
    sent: str = Field(sa_column=Column(Text, nullable=False))
    version: str = ""
    version_at: float | None = Field(default=None, sa_column=Column(Float))
    created: float | None = Field(default=None, sa_column=Column(Float))
    state: str = "live"
    missed_at: float | None = Field(default=None, sa_column=Column(Float))
    swept: int = 0


class ChangeRow(Row, table=True):
    """The change log: append-only, each row's hash covering the one before."""

    __tablename__ = "change"
    __table_args__ = (
        Index("ix_change_entity", "entity"),
        Index("ix_change_record", "app", "record"),
        Index("ix_change_event", "app", "event", "at"),
    )
    seq: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True))
    at: float = Field(sa_column=Column(Float, nullable=False))
    event: str
    sync: str = ""
    entity: str | None = None
    app: str = ""
    object: str = ""
    record: str = ""
    fields: str = Field(sa_column=Column(Text, nullable=False))
    cause: int | None = Field(default=None, sa_column=Column(BigInteger))
    note: str = ""
    by: str = ""
    mapping: str = ""
    hash: str = ""


class DeliveryRow(Row, table=True):
    """Who is owed something."""

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_due", "app", "urgent", "due"),)
    sync: str = Field(primary_key=True)
    app: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    due: float = Field(sa_column=Column(Float, nullable=False))
    cause: int | None = Field(default=None, sa_column=Column(BigInteger))
    attempts: int = 0
    urgent: bool = False


class IntentRow(Row, table=True):
    """Writes on their way, and those whose outcome is unknown."""

    __tablename__ = "intent"
    __table_args__ = (Index("ix_intent_app", "app", "state"), Index("ix_intent_entity", "entity"))
    key: str = Field(primary_key=True)
    sync: str
    app: str
    object: str
    entity: str
    kind: str
    record: str = ""
    patch: str = Field(sa_column=Column(Text, nullable=False))
    before: str = Field(sa_column=Column(Text, nullable=False))
    goal: str = Field(sa_column=Column(Text, nullable=False))
    state: str
    at: float = Field(sa_column=Column(Float, nullable=False))
    cause: int | None = Field(default=None, sa_column=Column(BigInteger))
    attempts: int = 0


class HintRow(Row, table=True):
    """Records that should be read again."""

    __tablename__ = "hint"
    app: str = Field(primary_key=True)
    object: str = Field(primary_key=True)
    record: str = Field(primary_key=True)
    due: float = Field(sa_column=Column(Float, nullable=False))
    tries: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))


class CursorRow(Row, table=True):
    """Where to resume a listing."""

    __tablename__ = "cursor"
    sync: str = Field(primary_key=True)
    app: str = Field(primary_key=True)
    value: str | None = None
    listed_at: float | None = Field(default=None, sa_column=Column(Float))
    polled_at: float | None = Field(default=None, sa_column=Column(Float))


class ParkedRow(Row, table=True):
    """Work that waits, or waited, for a person."""

    __tablename__ = "parked"
    __table_args__ = (
        Index("ix_parked_open", "kind", "closed"),
        Index("ix_parked_entity", "entity"),
        Index(
            "uq_parked_name",
            "name",
            unique=True,
            sqlite_where=text("closed IS NULL"),
            postgresql_where=text("closed IS NULL"),
        ),
    )
    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    name: str
    kind: str
    sync: str
    app: str = ""
    entity: str | None = None
    object: str = ""
    record: str = ""
    field: str = ""
    reason: str = ""
    detail: str = Field(sa_column=Column(Text, nullable=False))
    cause: int | None = Field(default=None, sa_column=Column(BigInteger))
    opened: float = Field(sa_column=Column(Float, nullable=False))
    closed: float | None = Field(default=None, sa_column=Column(Float))
    answer: str = ""
    by: str = ""


class OptOutRow(Row, table=True):
    """The register of opt-outs: grow-only, lifted only by recorded consent."""

    __tablename__ = "opt_out"
    channel: str = Field(primary_key=True)
    address: str = Field(primary_key=True)
    since: float = Field(sa_column=Column(Float, nullable=False))
    app: str = ""
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    lifted: float | None = Field(default=None, sa_column=Column(Float))


class AppRow(Row, table=True):
    """What a person or a guard said of an app, and how it is doing."""

    __tablename__ = "app"
    name: str = Field(primary_key=True)
    paused: str = ""
    paused_at: float | None = Field(default=None, sa_column=Column(Float))
    failing: str = ""
    failing_since: float | None = Field(default=None, sa_column=Column(Float))
    answered_at: float | None = Field(default=None, sa_column=Column(Float))


class SecretRow(Row, table=True):
    """Secrets that change while running (rotated refresh tokens)."""

    __tablename__ = "secret"
    app: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str


class HeardRow(Row, table=True):
    """Webhook calls already taken in: the replay cache."""

    __tablename__ = "heard"
    digest: str = Field(primary_key=True)
    at: float = Field(sa_column=Column(Float, nullable=False))


class ForgettingRow(Row, table=True):
    """That somebody is to be forgotten, or was."""

    __tablename__ = "forgetting"
    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    asked: float = Field(sa_column=Column(Float, nullable=False))
    by: str = ""
    reason: str = ""
    cause: int = Field(sa_column=Column(BigInteger, nullable=False))
    entities: str = Field(sa_column=Column(Text, nullable=False))
    done: float | None = Field(default=None, sa_column=Column(Float))
    lifted: float | None = Field(default=None, sa_column=Column(Float))
    certificate: str = Field(sa_column=Column(Text, nullable=False))


class ForgottenRow(Row, table=True):
    """The hash of a key that somebody had who was forgotten."""

    __tablename__ = "forgotten"
    digest: str = Field(primary_key=True)
    forgetting: int = Field(sa_column=Column(BigInteger, nullable=False))


def table(row: type[SQLModel]) -> Table:
    """The Core table of a row class."""
    return cast("Table", row.__table__)  # type: ignore[attr-defined]
