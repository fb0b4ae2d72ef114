"""The records of a simulated BottleCRM, and what becomes of them when a form is sent in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from syncd.sdk.contract import Field, Option
from syncd.testing.twin import Author
from syncd_connectors.bottlecrm.fields import CUSTOM, TIES, with_options
from syncd_connectors.bottlecrm.kinds import KINDS, Kind
from syncd_connectors.bottlecrm.twin_forms import FormError, clean, clean_custom, clean_ties, e164

__all__ = ["COUNTRIES", "INDUSTRIES", "SOURCES", "Desk", "Errors", "Note", "Row"]

Row: TypeAlias = dict[str, Any]
Errors: TypeAlias = dict[str, Any]
"""What is wrong with a form, by field, in the nesting that the app answers with; empty if nothing is."""
Note: TypeAlias = Callable[[Author, str, str, Mapping[str, Any]], None]
"""Told of author, object, id and new values."""

COUNTRIES: Final = (
    ("GB", "United Kingdom"),
    ("DE", "Germany"),
    ("FR", "France"),
    ("NO", "Norway"),
    ("PT", "Portugal"),
    ("US", "United States"),
)
INDUSTRIES: Final = ("ADVERTISING", "AGRICULTURE", "BANKING", "EDUCATION", "ENERGY")
SOURCES: Final = ("call", "email", "existing customer", "partner", "campaign", "other", "web form", "referral")

_OPTIONS: Final[Mapping[str, Sequence[Option]]] = {
    "country": [Option(*pair) for pair in COUNTRIES],
    "industry": [Option(name) for name in INDUSTRIES],
    "source": [Option(key) for key in SOURCES],
}
_TAKEN: Final[Mapping[str, str]] = {
    "contacts": "Contact already exists with this email",
    "accounts": "Account already exists with this name",
    "leads": "Another lead in this organisation already uses that email address.",
}
_DEFAULTS: Final[Row] = {"is_active": True, "do_not_call": False, "probability": 0, "phone_e164": ""}


class Desk:
    """All rows of one organisation. A row has the connector's field names, ids for ties, and `custom_fields`."""

    def __init__(self, new_id: Callable[[], str], now: Callable[[], float], note: Note) -> None:
        self.rows: Mapping[str, dict[str, Row]] = {kind: {} for kind in KINDS}
        self.definitions: list[Row] = []
        self.ties: Mapping[str, dict[str, Row]] = {name: {} for name in TIES}
        self._fields = {kind.name: with_options(kind.fields, _OPTIONS) for kind in KINDS.values()}
        self._owners: Mapping[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self._new_id = new_id
        self._now = now
        self._note = note
        self._ticks = 0

    def owner(self, object: str, value: str | None) -> str | None:
        """The id of the record that has this value in the unique field, upper and lower case alike."""
        return self._owners[object].get(value.lower()) if value else None

    def make(self, object: str, form: Mapping[str, Any], author: Author) -> tuple[str, Errors]:
        """A new record's id, or what is wrong with the form."""
        blank = self._blank(object)
        missing = {
            name: ["This field is required."]
            for name, field in self._fields[object].items()
            if field.required and name not in form
        }
        changes, errors = self._cleaned(object, blank, form)
        if missing or errors:
            return "", {**missing, **errors}
        return self._place(object, blank, changes, author), {}

    def _blank(self, object: str) -> Row:
        fields = self._fields[object].items()
        row: Row = {name: [] if name in TIES else _DEFAULTS.get(name, field.blank) for name, field in fields}
        return {**row, "id": self._new_id(), "custom_fields": {}}

    def _place(self, object: str, row: Row, changes: Row, author: Author) -> str:
        row["created_at"] = self._stamp()
        self.rows[object][row["id"]] = row
        self._settle(object, row, changes, author)
        return str(row["id"])

    def change(self, object: str, id: str, form: Mapping[str, Any], author: Author) -> Errors:
        """Change what the form names, if there is nothing wrong with it. Raises KeyError for an unknown id."""
        row = self.rows[object][id]
        changes, errors = self._cleaned(object, row, form)
        if errors:
            return errors
        if changes.get("status") == "converted":
            self._convert(row)
        self._settle(object, row, changes, author)
        return {}

    def take_out(self, object: str, id: str, author: Author) -> None:
        """Delete for good. Raises KeyError for an unknown id."""
        row = self.rows[object].pop(id)
        self._owners[object].pop(str(row[KINDS[object].unique] or "").lower(), None)
        self._note(author, object, id, {"": None})
        if object == "accounts":
            for contact in self.rows["contacts"].values():
                if contact["account"] == id:
                    contact["account"] = None

    def gains(self, object: str, keep: str, lose: str) -> Row:
        """What one record would take from another if they were merged: whatever it has blank itself."""
        kept, lost = self.rows[object][keep], self.rows[object][lose]
        blank: tuple[Any, ...] = (None, "", [])
        return {
            name: lost[name]
            for name, field in self._fields[object].items()
            if field.writable and kept[name] in blank and lost[name] not in blank
        }

    def listed(self, kind: Kind) -> Sequence[Row]:
        """All rows in the order of the app's lists."""
        return sorted(self.rows[kind.name].values(), key=lambda row: str(row[kind.order]), reverse=True)

    def raws(self, object: str, row: Row) -> Row:
        """The row by the connector's field names."""
        custom = row["custom_fields"]
        plain = {name: row[name] for name in self._fields[object] if name in row}
        return {**plain, **{CUSTOM + key: custom.get(key) for key in self._keys(object)}}

    def _keys(self, object: str) -> Sequence[str]:
        return [row["key"] for row in self._defined(object)]

    def _defined(self, object: str) -> Sequence[Row]:
        return [row for row in self.definitions if row["target_model"] == KINDS[object].model]

    def _cleaned(self, object: str, row: Row, form: Mapping[str, Any]) -> tuple[Row, Errors]:
        changes: Row = {}
        errors: Errors = {}
        for name, field in self._fields[object].items():
            if name not in form or not field.writable:
                continue  # what it does not know the app drops without a word
            try:
                changes[name] = self._one(object, row, field, form[name])
            except FormError as wrong:
                errors[name] = [str(wrong)]
        if "custom_fields" in form and not errors:
            custom, complaints = self._custom(object, row["custom_fields"], form["custom_fields"])
            changes["custom_fields"] = custom
            errors = {"custom_fields": complaints} if complaints else {}
        return changes, errors

    def _one(self, object: str, row: Row, field: Field, value: Any) -> Any:
        if field.name in TIES:
            return clean_ties(value, self.ties[field.name])
        value = clean(object, field, value)
        if field.name == "account" and value and value not in self.rows["accounts"]:
            raise FormError("No such account.")
        if field.name == "status" and row["status"] == "converted":
            raise FormError(f"A converted lead cannot be changed back to '{value}'.")
        if field.unique and value != row[field.name]:
            owner = self.owner(object, value)
            # An account may not even change the case of its own name (`AccountCreateSerializer.validate_name`).
            if owner is not None and (object == "accounts" or owner != row["id"]):
                raise FormError(_TAKEN[object])
        return value

    def _custom(self, object: str, before: Row, sent: Mapping[str, Any]) -> tuple[Row, Errors]:
        after, complaints = dict(before), {}
        for definition in self._defined(object):
            key = definition["key"]
            if key not in sent or not definition["is_active"]:
                continue
            try:
                after[key] = clean_custom(definition, sent[key])
            except FormError as wrong:
                complaints[key] = str(wrong)
        return {key: value for key, value in after.items() if value is not None}, complaints

    def _convert(self, lead: Row) -> None:
        """An account and a contact come of a lead, unless they are there already; no form is asked."""
        parts = (lead["first_name"], lead["last_name"])
        name = lead["company_name"] or " ".join(filter(None, parts)) or f"Lead {lead['id']}"
        account = self.owner("accounts", name)
        if account is None:
            account = self._place("accounts", self._blank("accounts"), {"name": name}, "app")
        if lead["email"] and self.owner("contacts", lead["email"]) is None:
            same = {part: lead[part] for part in ("email", "phone", "city", "country", "description")}
            names = {"first_name": lead["first_name"] or "", "last_name": lead["last_name"] or ""}
            told = {**same, **names, "organization": lead["company_name"] or "", "account": account}
            self._place("contacts", self._blank("contacts"), told, "app")

    def _settle(self, object: str, row: Row, changes: Row, author: Author) -> None:
        owners, unique = self._owners[object], KINDS[object].unique
        if row[unique]:
            owners.pop(row[unique].lower(), None)
        row.update(changes)
        if row[unique]:
            owners[row[unique].lower()] = row["id"]
        if "phone_e164" in row:
            row["phone_e164"] = e164(row["phone"])
        row["updated_at"] = self._stamp()
        custom = {CUSTOM + key: row["custom_fields"].get(key) for key in self._keys(object)}
        plain = {name: value for name, value in changes.items() if name != "custom_fields"}
        self._note(author, object, row["id"], {**plain, **(custom if "custom_fields" in changes else {})})

    def _stamp(self) -> str:
        """The time with microseconds, never the same twice: a clock that stands must not make ties."""
        self._ticks += 1
        moment = datetime.fromtimestamp(self._now(), UTC) + timedelta(microseconds=self._ticks)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
