"""Driver of crossbar test boards over any VISA resource, following the board's remote interface."""

from __future__ import annotations

from crosscal.drivers.board import Board
from crosscal.drivers.board_info import Converter
from crosscal.drivers.board_readout import BoardReadout
from crosscal.drivers.expected_protocol import Refusal, expected_protocol
from crosscal.drivers.programming import ProgramReport
from crosscal.drivers.scpi.error_queue import Condition
from crosscal.drivers.scpi.format import block as scpi_block
from crosscal.drivers.simulation import Simulation
from crosscal.drivers.transport.backend_check import require_backend

__all__ = [
    "Board",
    "BoardReadout",
    "Condition",
    "Converter",
    "ProgramReport",
    "Refusal",
    "Simulation",
    "expected_protocol",
    "require_backend",
    "scpi_block",
]
