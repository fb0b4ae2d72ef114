"""The routes of the Marketing API that the twin answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from syncd.testing.twin import Call, Hook, answer, route
from syncd_connectors.mailchimp.twin.app import CATEGORY_ID, LIST_ID, Account, problem
from syncd_connectors.mailchimp.twin.rules import CREATE_STATUSES, PATCH_STATUSES, Trouble
from syncd_connectors.mailchimp.twin.store import Member, Projection, address_hash, unstamp

__all__ = ["Routes"]

_MEMBERS: Final = "/3.0/lists/{list_id}/members"
_MEMBER: Final = _MEMBERS + "/{key}"
_EVENTS: Final = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
_SOURCES: Final = ("user", "admin", "api")
_BATCH: Final = 500
_MOST: Final = 1000


class Routes(Account):
    """The account, reachable."""

    @route("GET", "/3.0/ping")
    def ping(self, call: Call) -> httpx.Response:
        """Health."""
        return answer(200, {"health_status": "Everything's Chimpy!", "asked": call.path})

    @route("GET", "/3.0/")
    def root(self, _call: Call) -> httpx.Response:
        """Whose account this is."""
        return answer(200, {"account_id": "8d3a3db4d97663a9074efcc16", "login_id": "1", "account_name": "Twin"})

    # --- the audience and its shape ----------------------------------------------------------------------------

    @route("GET", "/3.0/lists")
    def lists(self, _call: Call) -> httpx.Response:
        """Every audience: the one there is."""
        shown = [] if self.faults.blind else [self._list()]
        return answer(200, {"lists": shown, "total_items": len(shown), "_links": []}, self.date())

    @route("GET", "/3.0/lists/{list_id}")
    def one_list(self, call: Call, list_id: str) -> httpx.Response:
        """One audience."""
        return answer(200, self._list()) if self._here(list_id) else self.not_found(call)

    @route("GET", "/3.0/lists/{list_id}/merge-fields")
    def merge_fields(self, call: Call, list_id: str) -> httpx.Response:
        """The merge fields; ten unless more are asked for."""
        if not self._here(list_id):
            return self.not_found(call)
        fields = [field.wire(list_id) for field in self.audience.merge_fields.values()]
        low, high = _window(call)
        return answer(200, {"merge_fields": fields[low:high], "list_id": list_id, "total_items": len(fields)})

    @route("GET", "/3.0/lists/{list_id}/interest-categories")
    def categories(self, call: Call, list_id: str) -> httpx.Response:
        """The interest categories."""
        if not self._here(list_id):
            return self.not_found(call)
        category = {"list_id": list_id, "id": CATEGORY_ID, "title": "Topics", "display_order": 0, "type": "checkboxes"}
        return answer(200, {"list_id": list_id, "categories": [category], "total_items": 1})

    @route("GET", "/3.0/lists/{list_id}/interest-categories/{category_id}/interests")
    def interests(self, call: Call, list_id: str, category_id: str) -> httpx.Response:
        """The interests of a category."""
        if not self._here(list_id) or category_id != CATEGORY_ID:
            return self.not_found(call)
        rows = [
            {"category_id": category_id, "list_id": list_id, "id": interest, "name": name, "display_order": place}
            for place, (interest, name) in enumerate(self.audience.interests.items())
        ]
        body = {"interests": rows, "list_id": list_id, "category_id": category_id, "total_items": len(rows)}
        return answer(200, body)

    @route("GET", "/3.0/lists/{list_id}/tag-search")
    def tag_search(self, call: Call, list_id: str) -> httpx.Response:
        """All tags whose name begins with `name`."""
        if not self._here(list_id):
            return self.not_found(call)
        begin = call.query.get("name", "")
        tags = [
            {"id": number, "name": name} for name, number in self.audience.tag_ids.items() if name.startswith(begin)
        ]
        return answer(200, {"tags": tags, "total_items": len(tags)})

    # --- members -----------------------------------------------------------------------------------------------

    @route("GET", _MEMBERS)
    def members(self, call: Call, list_id: str) -> httpx.Response:
        """A page of members. Archived ones only when their status is asked for."""
        if not self._here(list_id) and not self.faults.blind:
            return self.not_found(call)
        try:
            projection = Projection.of(call.query, "members")
            since, before = (_time(call, name) for name in ("since_last_changed", "before_last_changed"))
        except ValueError as wrong:
            return problem("Invalid Resource", str(wrong), 400)
        status, store = call.query.get("status", ""), self.audience.members
        rows = store.changed_between(archived=status == "archived", since=since, before=before)
        if status not in {"", "archived"}:
            rows = [row for row in rows if row[2].status == status]
        if self.faults.blind:
            rows = []
        total = len(rows)
        if call.query.get("sort_field") == "last_changed" and call.query.get("sort_dir") == "DESC":
            rows = rows[::-1]
        low, high = _window(call)
        shown = ",".join(store.shown(row[2], projection) for row in rows[low:high])
        body = f'{{"members":[{shown}],"list_id":"{list_id}","total_items":{total},"_links":[]}}'
        return answer(200, body, {"content-type": "application/json; charset=utf-8", **self.date()})

    @route("POST", _MEMBERS)
    def add(self, call: Call, list_id: str) -> httpx.Response:
        """Add a member."""
        if not self._here(list_id):
            return self.not_found(call)

        def act() -> httpx.Response:
            body = call.json()
            return self._show(self.audience.create(body, "api", _status(body, "status", CREATE_STATUSES)))

        return self.attempt(act)

    @route("GET", _MEMBER)
    def member(self, call: Call, list_id: str, key: str) -> httpx.Response:
        """One member, archived or not."""
        found = self._find(list_id, key)
        return self.not_found(call) if found is None else self._show(found)

    @route("PATCH", _MEMBER)
    def patch(self, call: Call, list_id: str, key: str) -> httpx.Response:
        """Change a member."""
        found = self._find(list_id, key)
        if found is None:
            return self.not_found(call)
        return self.attempt(lambda: self._changed(found, call.json(), PATCH_STATUSES))

    @route("PUT", _MEMBER)
    def put(self, call: Call, list_id: str, key: str) -> httpx.Response:
        """Change a member, or add it with `status_if_new`. What is not named stays."""
        if not self._here(list_id):
            return self.not_found(call)
        found = self._find(list_id, key)

        def act() -> httpx.Response:
            body = call.json()
            if found is not None:
                return self._changed(found, body, CREATE_STATUSES)
            status = body.get("status") or _status(body, "status_if_new", CREATE_STATUSES)
            return self._show(self.audience.create(body, "api", status))

        return self.attempt(act)

    @route("DELETE", _MEMBER)
    def archive(self, call: Call, list_id: str, key: str) -> httpx.Response:
        """Archive a member."""
        found = self._find(list_id, key)
        if found is None:
            return self.not_found(call)
        if found.archived:
            return problem("Method Not Allowed", "This list member cannot be removed.", 405)
        self.audience.archive(found, "api")
        return answer(204)

    @route("POST", _MEMBER + "/actions/delete-permanent")
    def delete_permanent(self, call: Call, list_id: str, key: str) -> httpx.Response:
        """Delete a member for good. By hash only."""
        found = self._find(list_id, key)
        if found is None or address_hash(found.email) != key:
            return self.not_found(call)
        self.audience.forget(found, "api")
        return answer(204)

    @route("GET", _MEMBER + "/tags")
    def tags(self, call: Call, list_id: str, key: str) -> httpx.Response:
        """All tags of a member, page by page."""
        found = self._find(list_id, key)
        if found is None:
            return self.not_found(call)
        rows = [{"id": number, "name": name} for name, number in found.tags.items()]
        low, high = _window(call)
        return answer(200, {"tags": rows[low:high], "total_items": len(rows)})

    @route("POST", _MEMBER + "/tags")
    def tag(self, call: Call, list_id: str, key: str) -> httpx.Response:
        """Give and take tags. By hash only."""
        found = self._find(list_id, key)
        if found is None or address_hash(found.email) != key:
            return self.not_found(call)
        changes = {tag["name"]: tag["status"] == "active" for tag in call.json()["tags"]}
        self.audience.tag(found, changes, "api")
        return answer(204)

    @route("POST", "/3.0/lists/{list_id}")
    def batch_subscribe(self, call: Call, list_id: str) -> httpx.Response:
        """Up to 500 members at once; errors of single members come in a 200."""
        if not self._here(list_id):
            return self.not_found(call)
        body = call.json()
        members = body.get("members", [])
        if len(members) > _BATCH:
            return problem("Invalid Resource", f"This collection must contain {_BATCH} elements or less.", 400)
        new, updated, errors = [], [], []
        seen: set[str] = set()
        for row in members:
            email = str(row.get("email_address", ""))
            try:
                _once(email, seen, strict=call.query.get("skip_duplicate_check") != "true")
                existing = self.audience.members.by_hash.get(address_hash(email))
                if existing is not None and not existing.archived and body.get("update_existing"):
                    self.audience.change(existing, row, "api")
                    updated.append(existing.batch_wire(list_id))
                    continue
                member = self.audience.create(row, "api", _status(row, "status", CREATE_STATUSES))
                new.append(member.batch_wire(list_id))
            except Trouble as trouble:
                errors.append(_batch_error(email, trouble))
        counts = {"total_created": len(new), "total_updated": len(updated), "error_count": len(errors)}
        return answer(200, {"new_members": new, "updated_members": updated, "errors": errors, **counts})

    # --- webhooks ----------------------------------------------------------------------------------------------

    @route("GET", "/3.0/lists/{list_id}/webhooks")
    def hooks(self, call: Call, list_id: str) -> httpx.Response:
        """The webhooks there are; secrets are not shown again."""
        if not self._here(list_id):
            return self.not_found(call)
        rows = list(self.webhooks.values())
        return answer(200, {"webhooks": rows, "list_id": list_id, "total_items": len(rows)})

    @route("POST", "/3.0/lists/{list_id}/webhooks")
    def add_hook(self, call: Call, list_id: str) -> httpx.Response:
        """Register a webhook: its address is tried with a GET, its signing secret shown this once."""
        if not self._here(list_id):
            return self.not_found(call)
        body = call.json()
        url = body.get("url", "")
        if urlsplit(url).scheme not in {"http", "https"}:
            return problem("Invalid Resource", "We couldn't verify the URL.", 400)
        if any(hook["url"] == url for hook in self.webhooks.values()):
            return problem("Invalid Resource", "Sorry, you can't set up multiple WebHooks for one URL", 400)
        number = f"{self.random.getrandbits(40):010x}"
        hook = {
            "id": number,
            "url": url,
            "events": {name: bool(body.get("events", {}).get(name)) for name in _EVENTS},
            "sources": {name: bool(body.get("sources", {}).get(name)) for name in _SOURCES},
            "list_id": list_id,
        }
        self.webhooks[number] = hook
        self.secrets[number] = f"{self.random.getrandbits(160):040x}"
        self.owe(Hook(url, {"user-agent": "MailChimp.com WebHook Validator"}, b"", "GET"))
        return answer(200, {**hook, "signing_enabled": True, "signing_secret": self.secrets[number]})

    @route("DELETE", "/3.0/lists/{list_id}/webhooks/{hook_id}")
    def remove_hook(self, call: Call, list_id: str, hook_id: str) -> httpx.Response:
        """Take a webhook away."""
        if not self._here(list_id) or hook_id not in self.webhooks:
            return self.not_found(call)
        del self.webhooks[hook_id]
        del self.secrets[hook_id]
        return answer(204)

    # --- what they share ---------------------------------------------------------------------------------------

    def _here(self, list_id: str) -> bool:
        return list_id == LIST_ID and not self.faults.blind

    def _find(self, list_id: str, key: str) -> Member | None:
        return self.audience.members.look(key) if self._here(list_id) else None

    def _show(self, member: Member) -> httpx.Response:
        text = self.audience.members.shown(member, Projection())
        return answer(200, text, {"content-type": "application/json; charset=utf-8"})

    def _changed(self, member: Member, body: Mapping[str, Any], statuses: tuple[str, ...]) -> httpx.Response:
        if "status" in body:
            _status(body, "status", statuses)
        self.audience.change(member, body, "api")
        return self._show(member)

    def _list(self) -> dict[str, Any]:
        return {
            "id": LIST_ID,
            "web_id": 81865,
            "name": self.audience.name,
            "contact": {"company": "Twin", "address1": "", "city": "", "state": "", "zip": "", "country": "US"},
            "permission_reminder": "You asked for it.",
            "campaign_defaults": {"from_name": "Twin", "from_email": "", "subject": "", "language": "en"},
            "date_created": "2024-01-01T00:00:00+00:00",
            "email_type_option": False,
            "visibility": "prv",
            "double_optin": self.audience.double_optin,
            "marketing_permissions": False,
            "stats": {"member_count": sum(m.status == "subscribed" for m in self.audience.members)},
        }


def _window(call: Call) -> tuple[int, int]:
    low = int(call.query.get("offset", "0"))
    return low, low + min(int(call.query.get("count", "10")), _MOST)


def _time(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    return unstamp(text) if text else None


def _status(body: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    status = body.get(name)
    if status not in allowed:
        words = f"Data did not match any of the schemas: {json.dumps(status)}"
        raise Trouble("Invalid Resource", "The resource submitted could not be validated.", ((name, words),))
    return str(status)


def _once(email: str, seen: set[str], *, strict: bool) -> None:
    if email.lower() in seen and strict:
        raise Trouble("Invalid Resource", f"{email} is in the request twice")
    seen.add(email.lower())


def _batch_error(email: str, trouble: Trouble) -> dict[str, str]:
    exists = trouble.title == "Member Exists"
    error = {
        "email_address": email,
        "error": trouble.detail,
        "error_code": "ERROR_CONTACT_EXISTS" if exists else "ERROR_GENERIC",
    }
    if trouble.fields:
        error["field"], error["field_message"] = trouble.fields[0]
    return error
