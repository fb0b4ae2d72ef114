"""The connector: one audience of one Mailchimp account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import SecretStr

from syncd.sdk import (
    Cursor,
    Gone,
    Merged,
    Object,
    Outcome,
    Page,
    Record,
    Ref,
    Rejected,
    Request,
    Tools,
    Update,
    Write,
    sturdy,
)
from syncd_connectors.mailchimp import hooks
from syncd_connectors.mailchimp.account import Audience, MailchimpSettings, connect
from syncd_connectors.mailchimp.batches import Batches
from syncd_connectors.mailchimp.listing import pages
from syncd_connectors.mailchimp.members import HIDDEN, OBJECT, address_hash, email_key, is_id, record_of
from syncd_connectors.mailchimp.schema import PAGE, members_object
from syncd_connectors.mailchimp.writing import Writer, all_tags

__all__ = ["Mailchimp"]


@sturdy
class Mailchimp:
    """The members of one audience. What it knows of the audience is asked for once, and again by `objects()`."""

    def __init__(self, settings: MailchimpSettings, tools: Tools, *, page_size: int = PAGE) -> None:
        self._settings = settings
        self._tools = tools
        self._page_size = page_size
        self._api = connect(settings, tools.http)
        self._audience: Audience | None = None
        self._members: Object | None = None

    def objects(self) -> Sequence[Object]:
        """The one object, `members`, as the audience has it now."""
        self._audience = Audience.named(self._api, self._settings.audience)
        self._members = members_object(self._api, self._audience, batches=bool(self._settings.bulk_from))
        return [self._members]

    def check(self) -> None:
        """Raise unless the key is good and the audience can be found and listed."""
        self._api.call("GET", "/ping")
        self._audience = Audience.named(self._api, self._settings.audience)
        self._api.call("GET", self._audience.members, params={"count": 1, "fields": "total_items"})

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """Members in the order of their last change, then the archived ones as gone. Rows are facts.

        A row is the member itself, not an index's picture of it. What a row cannot show (more than 50 tags) is absent.
        """
        _known(object)
        return pages(
            self._api, self._known_audience(), self._tools.app, since, clock=self._tools.clock, count=self._page_size
        )

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """Members by contact id; an archived one is gone and told so, a missing one is gone.

        Raises Unavailable where a member is missing and the audience cannot be seen either.
        """
        found = {ref: self._read(ref) for ref in refs}
        if any(isinstance(record, Gone) and not record.told for record in found.values()):
            self._known_audience().vouch(self._api)
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Apply writes, many at once where Mailchimp has a call for it; see `writing`."""
        outcomes = self._writer(writes).write(writes)
        return [outcomes[write.key] for write in writes]

    def close(self) -> None:
        """Nothing of its own: the connections belong to whoever handed them in."""

    # --- finds -------------------------------------------------------------------------------------------------

    def findable(self, object: str) -> Sequence[str]:
        """By address: the only key that Mailchimp looks up exactly."""
        _known(object)
        return ("email_address",)

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """Who has each address, whatever its case. Raises Rejected for another field.

        Raises Unavailable where somebody is not found and the audience cannot be seen either.
        """
        if field not in self.findable(object):
            raise Rejected(f"Mailchimp finds members by email_address, not by {field}")
        refs: dict[str, Sequence[Ref]] = {}
        for key in dict.fromkeys(map(email_key, values)):
            ref = self._who_has(key)
            refs[key] = () if ref is None else (ref,)
        if not all(refs.values()):
            self._known_audience().vouch(self._api)
        return {value: refs[email_key(value)] for value in values}

    # --- hears -------------------------------------------------------------------------------------------------

    def hear(self, request: Request) -> Sequence[Ref]:
        """Who should be read again. The call names an address, so one read tells the contact id.

        The GET by which Mailchimp tries a new address is heard and names nobody.
        """
        path, now = self._settings.webhook_secret, self._tools.clock.now()
        hooks.verify(request, path=path, signing=self._signing(), now=now)
        if request.method.upper() != "POST":
            return ()
        email = hooks.address_of(request.body, self._known_audience().id)
        ref = self._who_has(email, archived=True) if email else None
        return () if ref is None else (ref,)

    def subscribe(self, url: str) -> None:
        """Register the address, with its secret in it, unless it is registered; keep the signing secret.

        Mailchimp shows that secret once. Where it was lost and nothing else tells its calls from others, the address
        is registered anew.
        """
        audience = self._known_audience()
        address = hooks.guarded(url, self._settings.webhook_secret)
        if self._hooks_at(address):
            if self._settings.webhook_secret or self._signing():
                return
            self.unsubscribe(url)
        json = {"url": address, "events": hooks.EVENTS, "sources": hooks.SOURCES}
        made = self._api.mapping("POST", f"{audience.path}/webhooks", json=json)
        if made.get("signing_secret"):
            self._tools.vault.put(hooks.SECRET_IN_VAULT, made["signing_secret"])

    def unsubscribe(self, url: str) -> None:
        """Take every registration of the address back."""
        path = f"{self._known_audience().path}/webhooks"
        for number in self._hooks_at(hooks.guarded(url, self._settings.webhook_secret)):
            self._api.call("DELETE", f"{path}/{number}", expect={404})
        self._tools.vault.put(hooks.SECRET_IN_VAULT, "")

    # --- what they share ---------------------------------------------------------------------------------------

    def _known_audience(self) -> Audience:
        if self._audience is None:
            self._audience = Audience.named(self._api, self._settings.audience)
        return self._audience

    def _writer(self, writes: Sequence[Write]) -> Writer:
        """A writer that knows every field of these writes, if the audience has it."""
        members = self._members
        names = {name for write in writes for name in _names(write)}
        if members is None or not names <= members.fields.keys():
            members = self.objects()[0]
        settings, tools, audience = self._settings, self._tools, self._known_audience()
        return Writer(
            self._api,
            audience,
            tools.app,
            members.fields,
            settings.new_members,
            Batches(self._api, audience, tools.app, tools.clock),
            settings.bulk_from,
        )

    def _read(self, ref: Ref) -> Record | Gone:
        _known(ref.object)
        if not is_id(ref.id):
            return Gone(ref)
        audience = self._known_audience()
        params = {"exclude_fields": ",".join(HIDDEN)}
        answer = self._api.call("GET", f"{audience.members}/{ref.id}", params=params, expect={404})
        if answer.status == 404:
            return Gone(ref)
        record = record_of(ref.app, answer.json)
        if record.ref != ref:
            return Gone(ref)  # the path takes hashes too: that is no id of a record
        if isinstance(record, Record) and "tags" not in record.fields:
            tags = all_tags(self._api, audience, answer.json)
            return Record(record.ref, {**record.fields, "tags": list(tags)}, record.version)
        return record

    def _who_has(self, email: str, *, archived: bool = False) -> Ref | None:
        params = {"fields": "contact_id,status"}
        path = f"{self._known_audience().members}/{address_hash(email)}"
        answer = self._api.call("GET", path, params=params, expect={404})
        if answer.status == 404:
            return None
        found = record_of(self._tools.app, answer.json)
        return found.ref if archived or isinstance(found, Record) else None

    def _signing(self) -> list[SecretStr]:
        kept = self._tools.vault.get(hooks.SECRET_IN_VAULT)
        return [secret for secret in (self._settings.signing_secret, SecretStr(kept) if kept else None) if secret]

    def _hooks_at(self, address: str) -> list[str]:
        rows = self._api.mapping("GET", f"{self._known_audience().path}/webhooks", params={"count": PAGE})
        return [row["id"] for row in rows.get("webhooks") or () if row["url"] == address]


def _known(object: str) -> None:
    if object != OBJECT:
        raise Rejected(f"Mailchimp has no object {object!r}, only {OBJECT!r}")


def _names(write: Write) -> Sequence[str]:
    match write:
        case Update():
            return tuple(write.patch)
        case _:
            return tuple(getattr(write, "fields", ()))
