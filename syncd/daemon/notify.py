"""A word to systemd: ready, stopping, alive (sd_notify(3)). Does nothing where nobody listens."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

__all__ = ["notify"]


def notify(state: str) -> None:
    """Send one state: "READY=1", "STOPPING=1", "WATCHDOG=1"."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door, suppress(OSError):
        # A leading "@" stands for an address outside of the file system.
        door.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
