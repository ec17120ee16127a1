"""Plain PyVISA on the left, the board on the right: names of resources and a session's settings."""

from pyvisa.constants import StatusCode

TCP = "TCPIP0::localhost::inst0::INSTR"
SOCKET = "TCPIP0::localhost::5025::SOCKET"
USB = "USB0::0x1209::0x0001::T59::0::INSTR"
GPIB = "GPIB0::9::INSTR"
SERIAL = "ASRL1::INSTR"
EVERY_WAY = (TCP, SOCKET, USB, GPIB, SERIAL)
MESSAGE_BASED = (TCP, USB, GPIB)
STREAMS = (SOCKET, SERIAL)

BENCH = """
profile = "memsys2025"
seed = 3
array = { rows = 5, columns = 9 }
board.serial = "T59"
"""


def opened(manager, resource=TCP, **keys):
    return manager.open_resource(
        resource, **({"read_termination": "\n", "write_termination": "\n", "timeout": 2000} | keys)
    )


def errors(instrument):
    return instrument.query("SYST:ERR:ALL?")


def code_of(caught):
    return StatusCode(caught.value.error_code)
