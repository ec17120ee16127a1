"""Boards put through the contract of docs/remote_interface.md."""

from crosscal.firmware_models.conformance.conformance import ANY_BOARD, Conformance
from crosscal.firmware_models.conformance.findings import Finding, Result, merged
from crosscal.firmware_models.conformance.line import Line
from crosscal.firmware_models.conformance.transcript_format import TRANSCRIPTS

__all__ = ["ANY_BOARD", "TRANSCRIPTS", "Conformance", "Finding", "Line", "Result", "merged"]
