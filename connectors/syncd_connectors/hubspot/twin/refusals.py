"""How the simulated portal says no: the error body of one call, and the error entry of a 207.

Shapes: specs `Error` and `StandardError`; HubSpot docs, error-handling.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from syncd.testing.twin import answer
from syncd_connectors.hubspot.twin.properties import Invalid

__all__ = ["PORTAL", "Refusal", "invalid"]

PORTAL: Final = 62515
"""The number of the simulated account."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write or read that the portal refuses: the parts of its error body."""

    status: int
    category: str
    message: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)
    errors: Sequence[Mapping[str, Any]] = ()

    def response(self, correlation: str) -> httpx.Response:
        """As the answer to a call (spec: `Error`)."""
        body: dict[str, Any] = {
            "status": "error",
            "message": self.message,
            "correlationId": correlation,
            "category": self.category,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        if self.context:
            body["context"] = dict(self.context)
        return answer(self.status, body)

    def entry(self, context: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """As one of the `errors` of a 207 answer (spec: `StandardError`; docs, error-handling)."""
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": {**self.context, **context},
            "errors": list(self.errors),
            "links": {},
        }


def invalid(wrong: Sequence[Invalid]) -> Refusal:
    """The refusal of values that cannot stand."""
    told = [
        {"isValid": False, "message": w.message, "error": w.code, "name": w.name, "portalId": PORTAL} for w in wrong
    ]
    errors = [{"message": w.message, "code": w.code, "context": {"propertyName": [w.name]}} for w in wrong]
    message = f"Property values were not valid: {json.dumps(told, separators=(',', ':'))}"
    return Refusal(400, "VALIDATION_ERROR", message, {}, errors)
