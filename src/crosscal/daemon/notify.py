"""Messages to the service manager, as `sd_notify(3)` describes them."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


class ServiceNotifier:
    """Tells systemd how the daemon is; without systemd it says nothing.

    Args:
        address: of the manager's socket; NOTIFY_SOCKET of the environment if None.
    """

    def __init__(self, address: str | None = None) -> None:
        found = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        # A leading @ stands for the abstract name space of Linux.
        self._address = "\0" + found[1:] if found.startswith("@") else found

    def send(self, *assignments: str) -> None:
        """Send assignments such as `READY=1`; a manager that is gone is no error."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto("\n".join(assignments).encode(), self._address)
