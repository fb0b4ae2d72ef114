"""A simulated Ghost site: the Admin API's real routes for members, newsletters, labels, events and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from syncd.testing.twin import Call, answer, route
from syncd_connectors.ghost.twin_filter import keys, parse
from syncd_connectors.ghost.twin_ground import ADMIN, ADMIN_KEY, GhostGround, as_listed, said
from syncd_connectors.ghost.twin_site import Member, Newsletter, Refusal, Site, shown_label, shown_time, stored_time

__all__ = ["ADMIN_KEY", "GhostTwin"]

_VERSION: Final = "6.65"
_EVENT_KEYS: Final = frozenset({"type", "data.created_at", "data.member_id", "data.source"})


class GhostTwin(GhostGround):
    """The routes, on the ground that holds the site."""

    # --- members -----------------------------------------------------------------------------------------

    @route("GET", f"{ADMIN}/members/")
    def browse(self, call: Call) -> httpx.Response:
        """A page of members, filtered and ordered as asked."""
        members = {} if self.faults.blind else self.site.members
        rows = {member.id: _Columns(self.site, member) for member in members.values()}
        order = call.query.get("order") or "created_at desc,id desc"
        return self.listing(call, "members", rows, order, lambda which: as_listed(self.shown(members[which])))

    @route("GET", f"{ADMIN}/members/{{id}}/")
    def read(self, _call: Call, id: str) -> httpx.Response:
        """One member."""
        return self.answered("read member", lambda: {"members": [self.shown(self.member(id, reading=True))]})

    @route("POST", f"{ADMIN}/members/")
    def add(self, call: Call) -> httpx.Response:
        """Make a member."""

        def act() -> Mapping[str, Any]:
            change = self.site.add(said(call, "members"), self.uuid(), self.seconds(), "api")
            self.noted("api", change)
            return {"members": [self.shown(change.member)]}

        return self.answered("save member", act, status=201)

    @route("PUT", f"{ADMIN}/members/{{id}}/")
    def edit(self, call: Call, id: str) -> httpx.Response:
        """Change a member; what is not said stays."""

        def act() -> Mapping[str, Any]:
            changes = said(call, "members")
            member = self.member(id)
            self.noted("api", self.site.edit(member, changes, self.seconds(), "api"))
            return {"members": [self.shown(member)]}

        return self.answered("edit member", act)

    @route("DELETE", f"{ADMIN}/members/{{id}}/")
    def delete(self, _call: Call, id: str) -> httpx.Response:
        """Delete a member for good."""
        return self.answered("delete member", lambda: self.remove("api", self.member(id)), status=204)

    @route("PUT", f"{ADMIN}/members/bulk/")
    def bulk(self, call: Call) -> httpx.Response:
        """Unsubscribe many at once: the one bulk action that the twin knows."""
        test = parse(call.query.get("filter", ""))
        found = [member for member in self.site.members.values() if test(_Columns(self.site, member))]
        self.site.unsubscribe_silently(found)
        for member in found:
            nothing = {"newsletters": [], "subscribed": False}
            self.journal.note(self.clock.now(), "person", "members", member.id, nothing)
        stats = {"successful": len(found), "unsuccessful": 0}
        return answer(200, {"bulk": {"action": "unsubscribe", "meta": {"stats": stats, "errors": []}}})

    @route("GET", f"{ADMIN}/members/events/")
    def events(self, call: Call) -> httpx.Response:
        """Who was subscribed to what and when, newest first; the events of deleted members are deleted too."""
        odd = keys(call.query.get("filter", "")) - _EVENT_KEYS
        if odd:
            return self.answered("list events", lambda: _refuse(f"Cannot filter by {min(odd)}"))
        members = {} if self.faults.blind else self.site.members
        events = {event.id: event for event in self.site.subscriptions if event.member in members}
        rows = {
            event.id: {
                "type": "newsletter_event",
                "data.created_at": stored_time(event.at),
                "data.member_id": event.member,
                "data.source": event.source,
                "id": event.id,
            }
            for event in events.values()
        }

        def shown(which: str) -> Mapping[str, Any]:
            event = events[which]
            data = {
                "id": event.id,
                "member_id": event.member,
                "newsletter_id": event.newsletter,
                "subscribed": event.subscribed,
                "source": event.source,
                "created_at": shown_time(event.at),
            }
            return {"type": "newsletter_event", "data": data}

        return self.listing(call, "events", rows, "data.created_at desc,id desc", shown)

    # --- the rest of the site ----------------------------------------------------------------------------

    @route("GET", f"{ADMIN}/site/")
    def about(self, call: Call) -> httpx.Response:
        """What anybody may know."""
        return answer(200, {"site": {"title": "Twin", "url": call.url.split("/ghost/")[0], "version": _VERSION}})

    @route("GET", f"{ADMIN}/newsletters/")
    def newsletters(self, call: Call) -> httpx.Response:
        """The newsletters."""
        shown = {newsletter.id: _newsletter(newsletter) for newsletter in self.site.newsletters.values()}
        return self.listing(call, "newsletters", shown, "id asc", shown.__getitem__)

    @route("POST", f"{ADMIN}/newsletters/")
    def add_newsletter(self, call: Call) -> httpx.Response:
        """Make a newsletter."""

        def act() -> Mapping[str, Any]:
            wanted = said(call, "newsletters")
            default = wanted.get("subscribe_on_signup", True)
            return {"newsletters": [_newsletter(self.site.publish(wanted["name"], self.seconds(), default=default))]}

        return self.answered("save newsletter", act, status=201)

    @route("PUT", f"{ADMIN}/newsletters/{{id}}/")
    def edit_newsletter(self, call: Call, id: str) -> httpx.Response:
        """Archive a newsletter, or bring it back: the one change that the twin knows."""

        def act() -> Mapping[str, Any]:
            wanted = said(call, "newsletters")
            if id not in self.site.newsletters:
                raise Refusal("Newsletter not found.", status=404)
            kept = replace(self.site.newsletters[id], active=wanted["status"] == "active")
            self.site.newsletters[id] = kept
            return {"newsletters": [_newsletter(kept)]}

        return self.answered("edit newsletter", act)

    @route("GET", f"{ADMIN}/labels/")
    def labels(self, call: Call) -> httpx.Response:
        """The labels."""
        shown = {label.id: shown_label(label) for label in self.site.labels.values()}
        return self.listing(call, "labels", shown, "name asc", shown.__getitem__)

    @route("POST", f"{ADMIN}/webhooks/")
    def add_webhook(self, call: Call) -> httpx.Response:
        """Register a webhook, once for each event and address."""

        def act() -> Mapping[str, Any]:
            wanted = said(call, "webhooks")
            place = (wanted["event"], wanted["target_url"])
            if any((hook["event"], hook["target_url"]) == place for hook in self.webhooks.values()):
                raise Refusal("Target URL has already been used for this event.")
            made = self.site.new_id(self.seconds())
            hook = {"name": None, "secret": None, **wanted, "id": made, "api_version": f"v{_VERSION}"}
            self.webhooks[made] = hook
            return {"webhooks": [hook]}

        return self.answered("save webhook", act, status=201)

    @route("DELETE", f"{ADMIN}/webhooks/{{id}}/")
    def delete_webhook(self, _call: Call, id: str) -> httpx.Response:
        """Remove a webhook."""

        def act() -> None:
            if self.webhooks.pop(id, None) is None:
                raise Refusal("Webhook not found.", status=404)

        return self.answered("delete webhook", act, status=204)


def _newsletter(newsletter: Newsletter) -> dict[str, Any]:
    return {
        "id": newsletter.id,
        "name": newsletter.name,
        "slug": newsletter.slug,
        "status": "active" if newsletter.active else "archived",
        "subscribe_on_signup": newsletter.default,
        "visibility": "members",
    }


def _refuse(context: str) -> None:
    raise Refusal(context, status=400)


@dataclass(frozen=True, slots=True)
class _Columns:
    """A member as filters and orders see it."""

    site: Site
    member: Member

    def get(self, column: str, /) -> Any:
        """Worked out when it is asked for: a listing looks at every member for every page."""
        member, site = self.member, self.site
        match column:
            case "id" | "email" | "name":
                return getattr(member, column)
            case "created_at":
                return stored_time(member.created)
            case "updated_at":
                return stored_time(member.updated)
            case "status":
                return "free"
            case "newsletters":
                return [site.newsletters[which].slug for which in site.subscribed_to(member)]
            case "label":
                return [shown_label(site.labels[which])["slug"] for which in member.labels]
        return None
