"""What an entry point of a third party would name."""

from __future__ import annotations

from tests.mapping.ground import PLUGINS

plugin = PLUGINS["plain"]
