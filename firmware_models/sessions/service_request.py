"""Service request of one client link, and its view of the status byte (IEEE 488.2, 11.2 and 11.3)."""

from __future__ import annotations

from collections.abc import Callable

from crosscal.firmware_models.status_registers import MASTER_SUMMARY, ClientStatus


class ServiceRequest:
    """RQS of one client, made anew by every reason that is new.

    Args:
        status: of this client.
        message_available: MAV: whether a reply of this client waits.
    """

    def __init__(self, status: ClientStatus, message_available: Callable[[], bool]) -> None:
        self._status = status
        self._message_available = message_available
        self._reasons_seen = 0
        self._requested = False

    @property
    def requested(self) -> bool:
        """RQS: a request is pending until a serial poll takes it."""
        self.note()
        return self._requested

    def poll(self) -> int:
        """Answer a serial poll: the status byte with RQS in bit 6, cleared by the poll."""
        self.note()
        byte = self._byte() | (MASTER_SUMMARY if self._requested else 0)
        self._requested = False
        return byte

    def summary_byte(self) -> int:
        """Answer `*STB?`: the status byte with the master summary in bit 6; clears nothing."""
        byte = self._byte()
        return byte | (MASTER_SUMMARY if byte & self._status.request_enable else 0)

    def note(self) -> None:
        """Request service for every reason that is new (IEEE 488.2, 11.3.2.2)."""
        enabled = self._status.request_enable
        reasons = enabled and self._byte() & enabled
        if reasons & ~self._reasons_seen:
            self._requested = True
        if not reasons:
            self._requested = False
        self._reasons_seen = reasons

    def _byte(self) -> int:
        return self._status.status_byte(message_available=self._message_available())
