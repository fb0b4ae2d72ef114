"""WebDAV as CardDAV needs it: the XML that is asked and answered, and nothing of what it means to syncd.

XML comes from outside: entities are not resolved, nothing is fetched, and a document type is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from syncd.errors import BrokenProtocol
from syncd.sdk.http import Answer

__all__ = ["CARDDAV", "DAV", "Answered", "Response", "asked", "condition", "multiget", "multistatus", "path", "sync"]

DAV: Final = "{DAV:}"
CARDDAV: Final = "{urn:ietf:params:xml:ns:carddav}"
_HEAD: Final = '<?xml version="1.0" encoding="utf-8"?>'
_SPACES: Final = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
_FULL: Final = 507


@dataclass(frozen=True, slots=True)
class Response:
    """What a multistatus says of one resource: its own status where it has one, else the properties it has."""

    path: str
    """Decoded."""
    status: int = 200
    props: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str | None:
        """The text of a property; None where the resource does not have it."""
        found = self.props.get(name)
        return None if found is None else "".join(found.itertext()).strip()

    def href(self, name: str) -> str | None:
        """The address in a property, as it was written."""
        found = self.props.get(name)
        inner = None if found is None else found.find(f"{DAV}href")
        return None if inner is None or not inner.text else str(inner.text).strip()


@dataclass(frozen=True, slots=True)
class Answered:
    """A multistatus."""

    responses: Sequence[Response]
    token: str | None = None

    def about(self, wanted: str) -> Response | None:
        """What is said of one path."""
        return next((one for one in self.responses if one.path.rstrip("/") == wanted.rstrip("/")), None)

    def cut(self, collection: str) -> bool:
        """Whether there is more than was answered (RFC 6578, section 3.6)."""
        return any(one.status == _FULL and one.path.rstrip("/") == collection.rstrip("/") for one in self.responses)


def asked(*names: str) -> str:
    """The body of a PROPFIND for properties, by their names in Clark's notation."""
    return f"{_HEAD}<propfind {_SPACES}><prop>{_props(names)}</prop></propfind>"


def sync(token: str) -> str:
    """The body of a sync-collection REPORT since a token; "" for everything (RFC 6578, section 3.2)."""
    return (
        f"{_HEAD}<sync-collection {_SPACES}><sync-token>{escape(token)}</sync-token><sync-level>1</sync-level>"
        f"<prop><getetag/></prop></sync-collection>"
    )


def multiget(hrefs: Sequence[str]) -> str:
    """The body of an addressbook-multiget REPORT for these (RFC 6352, section 8.7)."""
    listed = "".join(f"<href>{escape(href)}</href>" for href in hrefs)
    return (
        f"{_HEAD}<C:addressbook-multiget {_SPACES}><prop><getetag/><C:address-data/></prop>"
        f"{listed}</C:addressbook-multiget>"
    )


def multistatus(answer: Answer) -> Answered:
    """A 207 taken apart. Raises BrokenProtocol for anything else."""
    root = _parsed(answer.text)
    if answer.status != 207 or root.tag != f"{DAV}multistatus":
        raise BrokenProtocol(
            f"a WebDAV multistatus was expected, and the server answered {answer.status} with something else",
            hint="check that base_url is the address of a CardDAV server",
        )
    token = root.findtext(f"{DAV}sync-token")
    return Answered([_response(node) for node in root.iterfind(f"{DAV}response")], token.strip() if token else None)


def condition(answer: Answer) -> tuple[str, str | None]:
    """The precondition that a refusal names (RFC 4918, section 16), without its namespace; "" where it names none.

    And the address in it, if there is one.
    """
    try:
        root = _parsed(answer.text)
    except BrokenProtocol:
        return "", None
    named = [node for node in root if str(node.tag).startswith((DAV, CARDDAV))]  # sabre/dav puts its own words first
    if root.tag != f"{DAV}error" or not named:
        return "", None
    href = named[0].findtext(f"{DAV}href")
    return etree.QName(named[0]).localname, href.strip() if href else None


def path(href: str) -> str:
    """The path of an href that may be a whole address, decoded, so that spellings compare."""
    return unquote(urlsplit(href).path)


def _props(names: Sequence[str]) -> str:
    local = (name.removeprefix(DAV) if name.startswith(DAV) else f"C:{name.removeprefix(CARDDAV)}" for name in names)
    return "".join(f"<{name}/>" for name in local)


def _parsed(text: str) -> Any:
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as broken:
        # The message may quote the document: not chained.
        raise BrokenProtocol(f"the server answered with something that is not XML (line {broken.lineno})") from None
    if root.getroottree().docinfo.doctype:
        raise BrokenProtocol("the server answered with a document type, which WebDAV has no use for")
    return root


def _response(node: Any) -> Response:
    href = node.findtext(f"{DAV}href")
    if not href:
        raise BrokenProtocol("the server answered about a resource without naming it")
    own = node.findtext(f"{DAV}status")
    props: dict[str, Any] = {}
    for stat in node.iterfind(f"{DAV}propstat"):
        if _status(stat.findtext(f"{DAV}status")) == 200:
            props |= {str(prop.tag): prop for prop in stat.iterfind(f"{DAV}prop/*")}
    return Response(path(href.strip()), 200 if own is None else _status(own), props)


def _status(line: str | None) -> int:
    parts = (line or "").split()
    if len(parts) < 2 or not parts[1].isdecimal():
        raise BrokenProtocol("the server answered with a status that is none")
    return int(parts[1])
