"""What can happen to the members of the twin's one audience, by whichever hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from syncd_connectors.mailchimp.twin.rules import (
    CREATE_STATUSES,
    MergeField,
    Trouble,
    email_address,
    interests_of,
    merge_value,
)
from syncd_connectors.mailchimp.twin.store import Member, Members, address_hash, stamp

__all__ = ["INTERESTS", "MERGE_FIELDS", "Audience", "Source"]

Source: TypeAlias = Literal["user", "admin", "api"]

MERGE_FIELDS: Final = (
    MergeField(1, "FNAME", "First Name", "text"),
    MergeField(2, "LNAME", "Last Name", "text"),
    MergeField(3, "ADDRESS", "Address", "address"),
    MergeField(4, "PHONE", "Phone Number", "phone"),
    MergeField(5, "BIRTHDAY", "Birthday", "birthday"),
    MergeField(6, "COMPANY", "Company", "text"),
    MergeField(7, "STAGE", "Stage", "dropdown", ("Customer", "Lead", "Opportunity", "Subscriber")),
    MergeField(8, "SCORE", "Score", "number"),
    MergeField(9, "SINCE", "Customer Since", "date"),
)
INTERESTS: Final[Mapping[str, str]] = {"a1f0c3d2e5": "News", "b2e1d4c3f6": "Offers"}
_PLAIN: Final = ("language", "vip", "email_type")


class Audience:
    """One audience. Tells what happened through two callbacks: values that now stand, and events for webhooks."""

    def __init__(
        self,
        id: str,
        name: str,
        *,
        now: Callable[[], float],
        chance: random.Random,
        note: Callable[[Source, Member, Mapping[str, Any]], None],
        fire: Callable[[Source, str, Member, Mapping[str, str]], None],
    ) -> None:
        self.id, self.name = id, name
        self.double_optin = False
        self.merge_fields = {field.tag: field for field in MERGE_FIELDS}
        self.interests = dict(INTERESTS)
        self.members = Members(id)
        self.tag_ids: dict[str, int] = {}
        self._now, self._chance, self._note, self._fire = now, chance, note, fire

    def create(self, body: Mapping[str, Any], source: Source, status: str) -> Member:
        """Take a contact in, or bring an archived one back. Raises Trouble."""
        email = email_address(body.get("email_address"))
        key = address_hash(email)
        found = self.members.by_hash.get(key)
        if found is not None:
            if not found.archived:
                detail = f"{email} is already a list member. Use PUT to insert or update list members."
                raise Trouble("Member Exists", detail)
            self.change(found, {**body, "status": status}, source)
            self.tag(found, dict.fromkeys(_tag_names(body), True), source)
            return found
        if source != "user" and key in self.members.forgotten:
            detail = f"{email} was permanently deleted and cannot be re-imported. The contact must re-subscribe."
            raise Trouble("Forgotten Email Not Subscribed", detail)
        if status not in CREATE_STATUSES:
            raise Trouble("Invalid Resource", "Invalid status.", (("status", f"not a status: {status}"),))
        merges = dict.fromkeys(self.merge_fields, "") | self._merges(body)
        interests = dict.fromkeys(self.interests, False) | interests_of(body.get("interests"), tuple(self.interests))
        bits, now = self._chance.getrandbits, stamp(self._now())
        member = Member(
            contact_id=f"{bits(128):032x}",
            web_id=100_000_000 + bits(26),
            email=email,
            unique_email_id=f"{bits(40):010x}",
            status=status,
            merges=merges,
            interests=interests,
            signed_up="" if status == "transactional" else now,
            opted_in=now if status == "subscribed" else "",
            source="API - Generic" if source == "api" else "Admin Add",
            complied=status == "cleaned",
            **{name: body[name] for name in _PLAIN if name in body},
        )
        self.members.forgotten.discard(key)
        self._tag(member, dict.fromkeys(_tag_names(body), True))
        self.members.add(member, self._now())
        self._note(source, member, member.flat())
        if status == "subscribed":
            self._fire(source, "subscribe", member, {})
        return member

    def change(self, member: Member, body: Mapping[str, Any], source: Source) -> None:
        """Change what the body names. All or nothing: raises Trouble before anything is touched."""
        status, email = body.get("status"), member.email
        if body.get("email_address") is not None:
            email = email_address(body["email_address"])
            other = self.members.by_hash.get(address_hash(email))
            if other is not None and other is not member:
                raise Trouble("Member Exists", f"{email} is already a list member.")
        if status == "subscribed" and member.complied and source == "api":
            raise self._compliance(member)
        if status == "pending" and member.status == "cleaned" and source == "api":
            raise self._compliance(member)
        merges = self._merges(body)
        interests = interests_of(body.get("interests"), tuple(self.interests))
        before, old_email, old_status = member.flat(), member.email, member.status
        member.merges = member.merges | merges
        member.interests = member.interests | interests
        for name in _PLAIN:
            if name in body:
                setattr(member, name, body[name])
        if email != member.email:
            self.members.readdress(member, email)
        if status is not None and status != member.status:
            self._enter(member, status)
        if "tags" in body and source != "api":
            named = dict.fromkeys(_tag_names(body), True)
            self._tag(member, dict.fromkeys(set(member.tags) - set(named), False) | named)
        self._settle(member, before, source, old_email, old_status)

    def tag(self, member: Member, changes: Mapping[str, bool], source: Source) -> None:
        """Give and take tags."""
        before = member.flat()
        self._tag(member, changes)
        self._settle(member, before, source, member.email, member.status)

    def archive(self, member: Member, source: Source) -> None:
        """Archive: the contact is kept, and can be brought back."""
        member.status = "archived"
        self.members.touch(member, self._now())
        self._note(source, member, {"": None})
        self._fire(source, "unsubscribe", member, {"action": "delete", "reason": "manual"})

    def forget(self, member: Member, source: Source) -> None:
        """Delete for good: the address cannot come back but by the person's own hand."""
        self.members.forget(member)
        self._note(source, member, {"": None})
        self._fire(source, "unsubscribe", member, {"action": "delete", "reason": "manual"})

    def opt_out(self, member: Member) -> None:
        """The person unsubscribes: from now on only the person can subscribe again."""
        member.complied = True
        self.change(member, {"status": "unsubscribed"}, "user")

    def bounce(self, member: Member) -> None:
        """The address turns out to be dead."""
        member.complied = True
        self.change(member, {"status": "cleaned"}, "user")

    def _settle(
        self, member: Member, before: Mapping[str, Any], source: Source, old_email: str, old_status: str
    ) -> None:
        after = member.flat()
        changed = {name: value for name, value in after.items() if before.get(name) != value}
        if not changed:
            return
        self.members.touch(member, self._now())
        self._note(source, member, changed)
        if member.email != old_email:
            self._fire(source, "upemail", member, {"old_email": old_email, "new_email": member.email})
        if member.status != old_status and member.status in {"subscribed", "unsubscribed", "cleaned"}:
            more = {"unsubscribed": {"action": "unsub", "reason": "manual"}, "cleaned": {"reason": "hard"}}
            event = {"subscribed": "subscribe", "unsubscribed": "unsubscribe", "cleaned": "cleaned"}
            self._fire(source, event[member.status], member, more.get(member.status, {}))
        if any(name.startswith(("merge_fields.", "interests.")) for name in changed):
            self._fire(source, "profile", member, {})

    def _enter(self, member: Member, status: str) -> None:
        now = stamp(self._now())
        if status == "subscribed":
            member.opted_in, member.complied = now, False
        if status != "transactional" and not member.signed_up:
            member.signed_up = now
        member.status = status

    def _merges(self, body: Mapping[str, Any]) -> dict[str, Any]:
        given = body.get("merge_fields") or {}
        return {
            tag: merge_value(self.merge_fields[tag], value) for tag, value in given.items() if tag in self.merge_fields
        }

    def _tag(self, member: Member, changes: Mapping[str, bool]) -> None:
        for name, on in changes.items():
            if on:
                member.tags[name] = self.tag_ids.setdefault(name, 1000 + len(self.tag_ids))
            else:
                member.tags.pop(name, None)

    @staticmethod
    def _compliance(member: Member) -> Trouble:
        why = "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
        return Trouble("Member In Compliance State", f"{member.email} {why}")


def _tag_names(body: Mapping[str, Any]) -> Sequence[str]:
    return [tag if isinstance(tag, str) else tag["name"] for tag in body.get("tags") or ()]
