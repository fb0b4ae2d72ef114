"""What Mailchimp's answers to reads and writes of members say, and what it means where they say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sdk import Answer, BrokenProtocol, InDoubt, Rejected
from syncd_connectors.mailchimp.account import Problem
from syncd_connectors.mailchimp.members import email_key

__all__ = ["by_address", "is_archived", "problem_in", "row_in", "title_of", "told"]


def problem_in(answer: Answer) -> Problem:
    """The problem document of a refusal; Rejected where there is none."""
    problem = Problem.of(answer.json)
    if problem is None:
        raise Rejected(f"Mailchimp refused without a reason: {answer.text[:200]}", code=str(answer.status))
    return problem


def title_of(words: str) -> str:
    """Batch subscribe gives no titles, only the sentence: the two that matter are known by their wording."""
    if "compliance state" in words:
        return "Member In Compliance State"
    if "permanently deleted" in words:
        return "Forgotten Email Not Subscribed"
    return "Invalid Resource"


def is_archived(row: Mapping[str, Any] | None) -> bool:
    """Whether a row is that of an archived member."""
    return row is not None and row.get("status") == "archived"


def told(answer: Answer) -> Mapping[str, Any]:
    """What a write answered; InDoubt where that is no object, for the write may have been applied."""
    if not isinstance(answer.json, Mapping):
        raise InDoubt("Mailchimp took a write and answered with something that is no object")
    return answer.json


def by_address(answer: Answer, collection: str) -> dict[str, Mapping[str, Any]]:
    """The rows of one part of a batch subscribe answer that name an address."""
    rows = told(answer).get(collection) or ()
    return {email_key(row["email_address"]): row for row in rows if row.get("email_address")}


def row_in(answer: Answer) -> Mapping[str, Any]:
    """The member in the answer to a read; BrokenProtocol where there is none."""
    if not isinstance(answer.json, Mapping):
        raise BrokenProtocol("Mailchimp answered with something that is no member")
    return answer.json
