"""Where BottleCRM keeps its objects: routes, the names that answers have, and the shelves of a listing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.sdk.contract import Deletes, Field
from syncd_connectors.bottlecrm.fields import ACCOUNT, CONTACT, LEAD

__all__ = ["KINDS", "Kind", "Shelf"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A part of a listing that is paged by itself: active and inactive accounts, open and closed leads.

    The app pages both parts of an answer by the same offset; asked for one part alone it leaves the other empty.
    """

    rows: tuple[str, ...]
    """Where the rows are in the answer ..."""
    total: tuple[str, ...]
    """... and where it says how many there are in all."""
    alone: Mapping[str, str] = field(default_factory=dict)
    """The query that asks for this part only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One object: how it is reached and what is particular to it."""

    name: str
    label: str
    path: str
    model: str
    """Its name in custom field definitions."""
    detail: str
    """The key of the record in the answer to a read by id."""
    order: str
    """The field by which lists go downwards; it never changes. Ids are random, so rows appear anywhere."""
    unique: str
    """The field that the app keeps unique in the organisation, upper and lower case alike."""
    fields: Sequence[Field]
    shelves: tuple[Shelf, ...]
    module: str = ""
    """The module that must be switched on; empty for what every organisation has."""
    deletes: Deletes = Deletes.ABSENT
    one_way: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    """Values that may be read and must not be written, by field, each with the reason."""


_CONTACTS = Kind(
    name="contacts",
    label="Contacts",
    path="/api/contacts/",
    model="Contact",
    detail="contact_obj",
    order="created_at",
    unique="email",
    fields=CONTACT,
    shelves=(Shelf(("results",), ("count",)),),
)

_ACCOUNTS = Kind(
    name="accounts",
    label="Accounts",
    path="/api/accounts/",
    model="Account",
    detail="account_obj",
    order="id",
    unique="name",
    fields=ACCOUNT,
    shelves=(
        Shelf(
            ("active_accounts", "open_accounts"),
            ("active_accounts", "open_accounts_count"),
            {"is_active": "true"},
        ),
        Shelf(
            ("closed_accounts", "close_accounts"),
            ("closed_accounts", "close_accounts_count"),
            {"is_active": "false"},
        ),
    ),
)

_LEADS = Kind(
    name="leads",
    label="Leads",
    module="leads",
    path="/api/leads/",
    model="Lead",
    detail="lead_obj",
    order="id",
    unique="email",
    fields=LEAD,
    shelves=(
        Shelf(("open_leads", "open_leads"), ("open_leads", "leads_count"), {"open": "true"}),
        Shelf(("close_leads", "close_leads"), ("close_leads", "leads_count"), {"status": "closed"}),
    ),
    # No listing shows a converted lead, though it lives on: that one is missing proves nothing.
    deletes=Deletes.HIDDEN,
    one_way={"status": {"converted": "it makes an account, a contact and a deal, and there is no way back"}},
)

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (_CONTACTS, _ACCOUNTS, _LEADS)}
