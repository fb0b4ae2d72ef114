"""One Ghost site as a connector: its members, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from syncd.core.record import (
    Create,
    Cursor,
    Delete,
    Exists,
    Gone,
    Merged,
    Outcome,
    Record,
    Ref,
    Refused,
    Stale,
    Stored,
    Update,
    Write,
)
from syncd.errors import BrokenProtocol, InDoubt, Rejected, Unauthorised
from syncd.sdk.auth import Minted
from syncd.sdk.contract import Capabilities, Connector, Deletes, Object, Option, Page, Request, Tools
from syncd.sdk.each import each
from syncd.sdk.redact import conceal
from syncd.sdk.shapes import in_chunks
from syncd.sdk.sturdy import sturdy
from syncd_connectors.ghost import listing, members, nql, webhooks
from syncd_connectors.ghost.api import PAGE, Api
from syncd_connectors.ghost.settings import GhostSettings
from syncd_connectors.ghost.token import token

__all__ = ["CAPABILITIES", "Ghost"]

CAPABILITIES: Final = Capabilities(
    incremental=True,
    deletes=Deletes.ABSENT,
    unique=("email",),
    read_batch=PAGE,
    page_size=PAGE,
    granularity=timedelta(seconds=1),
)
_FIND_BATCH: Final = 20
_OLDEST: Final = 5


@sturdy
class Ghost:
    """One Ghost site. What Ghost makes of what it is given is told in `members`, how changes show in `listing`."""

    def __init__(self, settings: GhostSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        key = settings.admin_key.get_secret_value()
        for secret in (settings.admin_key, *settings.webhook_secrets()):
            conceal(secret)
        self._http = tools.http.at(
            f"{settings.base_url}/ghost/api/admin",
            auth=Minted(lambda: token(key, tools.clock.now())),
            headers={"Accept-Version": settings.accept_version},
        )
        self._api = Api(self._http)
        self._newsletters = members.Newsletters()  # as last seen; looked up again when one is not among them

    def objects(self) -> Sequence[Object]:
        """The members, with the site's newsletters and labels as options."""
        newsletters = self._looked_up()
        labels = tuple(Option(row["name"], row["name"]) for row in self._api.labels())
        return (Object(members.OBJECT, members.fields(newsletters, labels), CAPABILITIES, "Members"),)

    def check(self) -> None:
        """Raise if the site is too old, or the key is not good for members and newsletters."""
        version = str(self._api.site().get("version", ""))
        if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) < _OLDEST:
            raise BrokenProtocol(f"{self._tools.app}: Ghost {version} is too old", hint=f"update to {_OLDEST} or later")
        self._looked_up()
        self._api.page("", "id asc", limit=1)

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """Edited members and those whose newsletters changed; with None, all of them. Rows are facts.

        Webhooks alone tell of labels; a full listing alone tells of bulk actions and of deletes.
        """
        self._expect(object)
        begun = None if since is None else listing.mark(since)
        parts = (
            listing.listed(self._api, begun)
            if begun is None or begun.listed is not None
            else listing.since(self._api, begun)
        )
        for part in parts:
            rows = tuple(self._record(row) for row in part.rows)
            yield Page(rows, part.mark.cursor(), complete=part.complete, total=part.total)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """Facts by id, a hundred a call. What a call does not show is asked for by itself: only a 404 means gone."""
        found: dict[Ref, Record | Gone | Merged] = {}
        for batch in in_chunks(list(dict.fromkeys(refs)), PAGE):
            ids = [ref.id for ref in batch if members.ID.fullmatch(ref.id)]
            rows = {row["id"]: row for row in self._api.all(nql.among("id", ids))} if ids else {}
            for ref in batch:
                row = rows.get(ref.id) or (self._api.member(ref.id) if ref.id in ids else None)
                found[ref] = Gone(ref) if row is None else self._record(row)
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One call each: Ghost takes no batches. `expect` is not honoured."""
        return each(writes, self._apply)

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """Members by e-mail, whatever its case. Ghost has no way to ask for an address that ends in a backslash."""
        self._expect(object)
        if field != "email":
            raise Rejected(f"members cannot be found by {field}", field=field)
        found: dict[str, list[Ref]] = {value: [] for value in values}
        for batch in in_chunks([value for value in found if value and nql.sayable(value)], _FIND_BATCH):
            for row in self._api.all(nql.equals_folding("email", batch)):
                for value in batch:
                    if value.casefold() == row["email"].casefold():
                        found[value].append(Ref(self._tools.app, object, row["id"]))
        return found

    def findable(self, object: str) -> Sequence[str]:
        """Only the e-mail address."""
        self._expect(object)
        return ("email",)

    def hear(self, request: Request) -> Sequence[Ref]:
        """The member that a webhook speaks of. Raises Unauthorised where the signature does not hold."""
        settings = self._settings
        webhooks.verify(request, settings.webhook_secrets(), self._tools.clock.now(), bare_too=settings.old_signatures)
        member = webhooks.member(request.body)
        return () if member is None else (Ref(self._tools.app, members.OBJECT, member),)

    def subscribe(self, url: str) -> None:
        """Have Ghost call `url` when a member is added, edited or deleted.

        Ghost can neither list webhooks nor have the same one twice; the ids it gives are kept in the vault.
        """
        secret = self._settings.webhook_secret
        if secret is None:
            raise Unauthorised("Ghost's webhooks cannot be trusted without a secret", hint="set webhook_secret")
        for event in webhooks.EVENTS:
            known = self._webhooks(url)
            if event in known:
                continue
            try:
                made = self._api.add_webhook(event, url, secret.get_secret_value())
            except Rejected as refused:
                if not webhooks.registered_already(refused):
                    raise
                self._tools.log.warning("webhook was registered before", app=self._tools.app, webhook=event)
            else:
                self._tools.vault.put(_vault_key(url), json.dumps({**known, event: made}))

    def unsubscribe(self, url: str) -> None:
        """Remove the webhooks that `subscribe` registered for `url`."""
        for webhook in self._webhooks(url).values():
            self._api.delete_webhook(webhook)
        self._tools.vault.put(_vault_key(url), "{}")

    def close(self) -> None:
        """Let go of the connections."""
        self._tools.http.close()

    def _apply(self, write: Write) -> Outcome:
        match write:
            case Create():
                return self._create(write)
            case Update(ref=ref, patch=patch, key=key):
                said = members.body(patch, self._newsletter_id)
                if not members.ID.fullmatch(ref.id):
                    return Stale(key)
                if not said:  # Ghost answers an empty change with 400
                    row = self._api.member(ref.id)
                    return Stale(key) if row is None else Stored(key, ref, self._record(row))
                row = self._api.edit(ref.id, said)
                return Stale(key) if row is None else self._stored(key, row)
            case Delete(ref=ref, key=key):
                gone = members.ID.fullmatch(ref.id) is not None and self._api.delete(ref.id)
                return Stored(key, ref) if gone else Stale(key)

    def _create(self, write: Create) -> Outcome:
        self._expect(write.object)
        said = members.body(write.fields, self._newsletter_id)
        consent = {} if "newsletters" in said or "subscribed" in said else {"subscribed": False}
        try:
            row = self._api.add({**said, **consent})
        except Rejected as refused:
            return self._refused(write, refused)
        return self._stored(write.key, row)

    def _refused(self, write: Create, refused: Rejected) -> Outcome:
        """Whether the address was refused because somebody has it: by looking, since only the words would tell."""
        email = write.fields.get("email")
        if refused.field == "email" and isinstance(email, str) and email and nql.sayable(email):
            # By the database's own comparison, which is also the one that keeps addresses unique.
            for row in self._api.all(nql.among("email", [email])):
                return Exists(write.key, Ref(self._tools.app, members.OBJECT, row["id"]))
        return Refused(write.key, refused.message, refused.field, refused.code)

    def _stored(self, key: str, row: Mapping[str, Any]) -> Outcome:
        """The member that a write made; without its fields where it has a newsletter that is new to us.

        To look that up now would be one more call that can fail, after a write that did not.
        """
        ref = Ref(self._tools.app, members.OBJECT, row["id"])
        try:
            if any(self._newsletters.slug(newsletter["id"]) is None for newsletter in row["newsletters"]):
                return Stored(key, ref)
            return Stored(key, ref, self._record(row))
        except (BrokenProtocol, KeyError, TypeError) as odd:
            raise InDoubt(f"Ghost took the write and answered with an odd member ({odd!r})") from odd

    def _record(self, row: Mapping[str, Any]) -> Record:
        return members.record(self._tools.app, row, self._slug)

    def _slug(self, newsletter: str) -> str | None:
        return self._newsletters.slug(newsletter) or self._looked_up().slug(newsletter)

    def _newsletter_id(self, slug: str) -> str | None:
        return self._newsletters.id(slug) or self._looked_up().id(slug)

    def _looked_up(self) -> members.Newsletters:
        self._newsletters = members.Newsletters(tuple(self._api.newsletters()))
        return self._newsletters

    def _webhooks(self, url: str) -> dict[str, str]:
        return dict(json.loads(self._tools.vault.get(_vault_key(url)) or "{}"))

    def _expect(self, object: str) -> None:
        if object != members.OBJECT:
            raise Rejected(f"Ghost has members, no {object}", code="unknown_object")


def _vault_key(url: str) -> str:
    return f"webhooks {url}"


_conforms: type[Connector] = Ghost
