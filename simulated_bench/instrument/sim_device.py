"""Board as a device of plain pyvisa-sim, for scripts that name the backend `@sim` themselves."""

from __future__ import annotations

from pyvisa import ResourceManager, constants, rname
from pyvisa_sim.devices import Device
from pyvisa_sim.highlevel import SimVisaLibrary

from crosscal.core.errors import InputError, wanted
from crosscal.firmware_models.serving.board_link import BoardLink
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.instrument.powered_bench import PoweredBoard


class BoardDevice(Device):
    """A pyvisa-sim device that a bench answers for.

    pyvisa-sim moves single bytes and gives all sessions of a resource the same buffers; the backend
    `@crosscal` does neither.
    """

    def __init__(self, board: PoweredBoard) -> None:
        super().__init__("crosscal", b"")
        self._board = board

    @property
    def resource_name(self) -> str | None:
        """Resource name that the device was added under."""
        return self._resource_name

    @resource_name.setter
    def resource_name(self, value: str) -> None:
        parsed = rname.parse_resource_name(value)
        serial = parsed.interface_type_const == constants.InterfaceType.asrl
        stream = serial or parsed.resource_class == "SOCKET"
        self._resource_name = str(parsed)
        # pyvisa-sim cannot close a session from the board's side.
        self._link = BoardLink(self._board, message_based=not stream, can_close=False, address=value)

    def write(self, data: bytes) -> None:
        """Take bytes; each write is a message of its own where there are messages."""
        self._link.write(data, end=True)

    def read(self) -> tuple[bytes, bool]:
        """Give one byte, and whether END comes with it."""
        return self._link.read_byte()


def add_to_sim(
    resource_manager: ResourceManager, bench: Bench | PoweredBoard, resource: str = "GPIB0::9::INSTR"
) -> BoardDevice:
    """Add a bench to a resource manager of the backend `@sim`; the board is gone when the manager is.

    Args:
        resource_manager: such as `pyvisa.ResourceManager("@sim")`.
        bench: the board; give the same `PoweredBoard` twice to reach one board by two names.
        resource: VISA resource name to add it under.

    Raises:
        InputError: the manager is of another backend, or `resource` is no resource name.
    """
    library = resource_manager.visalib
    if not isinstance(library, SimVisaLibrary) or not hasattr(library, "devices"):
        raise InputError(
            wanted(
                got=f"a resource manager of {library}",
                allowed="one of the backend @sim",
                remedy='make it with pyvisa.ResourceManager("@sim")',
            )
        )
    try:
        name = str(rname.parse_resource_name(resource))
    except rname.InvalidResourceName as error:
        raise InputError(
            wanted(got=f"resource {resource!r}", allowed="a VISA resource name", remedy=str(error))
        ) from error
    device = BoardDevice(bench if isinstance(bench, PoweredBoard) else PoweredBoard(bench))
    library.devices.add_device(name, device)
    return device
