"""What runs on the board: the SCPI engine and the instrument's state machine, above the `Hardware` seam."""

from crosscal.firmware_models.hardware import BoardFacts, Hardware, ProgrammingStep, Reading
from crosscal.firmware_models.instrument import Instrument
from crosscal.firmware_models.session import Session

__all__ = ["BoardFacts", "Hardware", "Instrument", "ProgrammingStep", "Reading", "Session"]
