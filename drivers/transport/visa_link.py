"""Link through PyVISA, for every backend and kind of resource that needs no special care."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pyvisa
from pyvisa import constants
from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode
from pyvisa.resources import MessageBasedResource

from crosscal.core.errors import BoardConnectionError, BoardError, wanted
from crosscal.drivers.transport.visa_errors import UNSUPPORTED

_READ_BYTES = 1 << 18  # at most in one call: as for a socket
_BITS_PER_BYTE = 10
"""Start bit, eight bits, stop bit."""
_BULK_BYTES = 64
"""From here on it pays to switch the termination character off while a block's bytes are read."""


class VisaLink:
    """An open PyVISA resource; implements `Link`.

    Kinds of resource without message boundaries (serial, socket) stop reading at a newline, except inside
    blocks; the others end a message with END and need no character.
    """

    def __init__(
        self, manager: pyvisa.ResourceManager, resource: str, *, baud: int, timeout_s: float
    ) -> None:
        self.resource = resource
        self._manager = manager
        self._baud = baud
        self._timeout_s = timeout_s
        self._visa = self._open()
        self.continuous = self._visa.interface_type == InterfaceType.asrl
        self.bytes_per_s = baud / _BITS_PER_BYTE if self.continuous else 100e3

    def _open(self) -> MessageBasedResource:
        opened = self._manager.open_resource(self.resource, open_timeout=int(1000 * self._timeout_s))
        if not isinstance(opened, MessageBasedResource):
            opened.close()
            raise BoardError(
                wanted(
                    got=f"{self.resource}, which carries no messages",
                    allowed="INSTR and SOCKET resources",
                    remedy="give the name that the board is listed under",
                )
            )
        try:
            self._set_up(opened)
        except BaseException:
            opened.close()
            raise
        return opened

    def _set_up(self, opened: MessageBasedResource) -> None:
        self._by_newline = opened.interface_type == InterfaceType.asrl or opened.resource_class == "SOCKET"
        if self._by_newline:
            opened.read_termination = "\n"
        if opened.interface_type == InterfaceType.asrl:
            opened.set_visa_attribute(ResourceAttribute.asrl_baud_rate, self._baud)
            # XON/XOFF would take bytes out of binary blocks and hang the line.
            opened.set_visa_attribute(ResourceAttribute.asrl_flow_control, constants.ControlFlow.none)

    def discard_input(self) -> None:
        """Forget bytes that came unasked, where the backend can tell; raise if it has lost the link."""
        with contextlib.suppress(NotImplementedError), _unsupported_ignored():
            if self.continuous and self._visa.get_visa_attribute(ResourceAttribute.asrl_avalaible_number):
                self._visa.flush(constants.BufferOperation.discard_read_buffer)

    def send(self, message: bytes, timeout_s: float) -> None:
        """Send all of a message."""
        self._set_timeout(timeout_s)
        sent, status = self._visa.visalib.write(self._visa.session, message)
        _require(status)
        if sent < len(message):
            raise BoardConnectionError(
                f"{self.resource}: the backend took {sent} of {len(message)} bytes; open the board again"
            )

    def receive(self, count: int | None, timeout_s: float) -> bytes:
        """Return the bytes that have come, at least one."""
        self._set_timeout(timeout_s)
        bulk = self._by_newline and count is not None and count > _BULK_BYTES
        if bulk:
            self._stop_at_newline(False)
        try:
            with self._visa.ignore_warning(
                StatusCode.success_device_not_present, StatusCode.success_max_count_read
            ):
                data, status = self._visa.visalib.read(
                    self._visa.session, min(count or _READ_BYTES, _READ_BYTES)
                )
        finally:
            if bulk:
                self._stop_at_newline(True)
        _require(status)
        if not data:
            raise BoardConnectionError(f"{self.resource}: the reply ended early; open the board again")
        return bytes(data)

    def reset(self) -> None:
        """Clear the device where the backend can; where it cannot, the session asks until the answer fits."""
        with contextlib.suppress(pyvisa.VisaIOError, NotImplementedError):
            self._visa.clear()
        if self.continuous:
            self._visa.visalib.write(self._visa.session, b"\n")

    def reopen(self) -> None:
        """Open the resource anew."""
        self.close()
        self._visa = self._open()

    def close(self) -> None:
        """Close the resource; the resource manager may serve others and stays open."""
        with contextlib.suppress(pyvisa.Error, OSError):
            self._visa.close()

    def _set_timeout(self, timeout_s: float) -> None:
        milliseconds = max(1, int(1000 * timeout_s))
        if self._visa.timeout != milliseconds:
            self._visa.timeout = milliseconds

    def _stop_at_newline(self, stop: bool) -> None:
        self._visa.set_visa_attribute(ResourceAttribute.termchar_enabled, stop)
        if self.continuous:
            end = constants.SerialTermination
            self._visa.set_visa_attribute(
                ResourceAttribute.asrl_end_in, end.termination_char if stop else end.none
            )


@contextlib.contextmanager
def _unsupported_ignored() -> Iterator[None]:
    try:
        yield
    except pyvisa.VisaIOError as error:
        if error.error_code not in UNSUPPORTED:
            raise


def _require(status: Any) -> None:
    """Some backends return a failure where others raise it."""
    if status < 0:
        raise pyvisa.VisaIOError(status)
