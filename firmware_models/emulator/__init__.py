"""Firmware of a board in C, built for a Cortex-M4 and run in an emulator behind a serial port."""

from crosscal.firmware_models.emulator.emulated_board import EmulatedBoard
from crosscal.firmware_models.emulator.firmware import Firmware, find_tool, missing_tools

__all__ = ["EmulatedBoard", "Firmware", "find_tool", "missing_tools"]
