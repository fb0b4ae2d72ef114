"""What happens within what, and how long it takes, for whoever has traces collected. Names and counts, never a value.

A span that nobody collects costs a call of a method. Who collects is handed in; see `syncd.tracing`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Literal, Protocol, TypeAlias

__all__ = ["SILENT", "Attribute", "Kind", "Silent", "Span", "Spans"]

Attribute: TypeAlias = str | int | float | bool
Kind: TypeAlias = Literal["internal", "client", "server"]
"""A call that we make is a client's, one that we answer a server's."""


class Span(Protocol):
    """Something that goes on."""

    def note(self, **attributes: Attribute) -> None:
        """Say something of it: a count, a status, a name out of the configuration; nothing out of a record."""
        ...


class Spans(Protocol):
    """Who is told what goes on."""

    def span(self, name: str, kind: Kind = "internal", **attributes: Attribute) -> AbstractContextManager[Span]:
        """Something goes on for as long as the context lasts. An error that leaves it is noted by its class alone."""
        ...


class Silent:
    """Nobody is told."""

    def span(self, name: str, kind: Kind = "internal", **attributes: Attribute) -> AbstractContextManager[Span]:
        """Nothing."""
        del name, kind, attributes
        return _NOTHING

    def note(self, **attributes: Attribute) -> None:
        """Nothing."""


SILENT: Final = Silent()
_NOTHING: Final = nullcontext[Span](SILENT)
