"""The shipped connectors on their twins: what the documents show is held against what these have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from syncd.console.reference import opened
from syncd.sdk.contract import Object
from syncd.sdk.ties import objects_of

__all__ = ["schemas"]

_APPS = {"crm": "hubspot", "news": "mailchimp", "blog": "ghost", "desk": "bottlecrm"}


@cache
def schemas() -> Mapping[str, Sequence[Object]]:
    """App name, as the documents have it, to what its connector discovers."""
    found = {}
    for app, connector in _APPS.items():
        with opened(connector) as open_one:
            found[app] = objects_of(open_one)
    return found
