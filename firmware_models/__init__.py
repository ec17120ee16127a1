"""Firmware of a board: SCPI engine and instrument state machine, above the protocol `Hardware`."""

from crosscal.firmware_models.hardware import BoardFacts, Hardware, HardwareFailure, ProgrammingStep, Reading
from crosscal.firmware_models.instrument import Instrument
from crosscal.firmware_models.sessions.session import Session

__all__ = ["BoardFacts", "Hardware", "HardwareFailure", "Instrument", "ProgrammingStep", "Reading", "Session"]
