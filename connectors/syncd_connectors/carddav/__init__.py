"""CardDAV: the cards of one address book, on any server (RFC 6352, 6578)."""

from __future__ import annotations

from typing import Final

from syncd.sdk.contract import Plugin
from syncd_connectors.carddav.connector import CardDav
from syncd_connectors.carddav.settings import CardDavSettings

__all__ = ["CardDav", "CardDavSettings", "plugin"]

plugin: Final = Plugin(
    name="carddav",
    title="CardDAV",
    settings=CardDavSettings,
    open=CardDav,
    twin="syncd_connectors.carddav.twin:CardDavTwin",
    notes={
        "What a write leaves alone": (
            "A card is changed line by line. Lines of properties that are not mapped, groups, labels, parameters and "
            "photographs stay as they were, to the letter."
        ),
        "One of several": (
            "Of several e-mail addresses, telephone numbers, web pages or postal addresses the preferred one is shown "
            "and written, or else the first. Emptying it takes that one out, and the next is then shown."
        ),
        "The displayed name": (
            "`fn` is written together with the parts of the name, as long as it says just what they say. A card that "
            "is made without `fn` gets one from its other fields."
        ),
        "Birthdays without a year": "They cannot be shown as a date, and are left alone until a whole date is written.",
        "Groups": "A group of an address book is a card too; `kind` tells them apart.",
        "Searching": (
            "An address book is not searched, and keeps nothing unique. Who is in it is known from listing it, so a "
            "person who is entered there and elsewhere in the same minute may be made twice."
        ),
        "Servers": (
            "Those built on sabre/dav (Nextcloud, Baïkal) show a vCard 4 card as version 3, and keep it so once it is "
            "written. A server without `sync-collection` is listed in full each time, by ETag: cards are fetched only "
            "where theirs has changed. One that forgets a sync token is listed in full once, and what was deleted "
            "meanwhile shows in the next full comparison."
        ),
    },
)
