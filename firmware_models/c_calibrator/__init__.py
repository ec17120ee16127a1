"""Calibrators of one programmed matrix as C99 headers: pure text, on the standard library alone."""

from crosscal.firmware_models.c_calibrator.affine import affine_body
from crosscal.firmware_models.c_calibrator.body import Body
from crosscal.firmware_models.c_calibrator.fixed_point import affine_q15_body, network_q15_body
from crosscal.firmware_models.c_calibrator.header import Facts, Probes, library_source, render, require_name
from crosscal.firmware_models.c_calibrator.inverse import InverseConstants, SpreadRules, inverse_body
from crosscal.firmware_models.c_calibrator.network import NetworkConstants, network_body
from crosscal.firmware_models.c_calibrator.window import WindowConstants, with_window

__all__ = [
    "Body",
    "Facts",
    "InverseConstants",
    "NetworkConstants",
    "Probes",
    "SpreadRules",
    "WindowConstants",
    "affine_body",
    "affine_q15_body",
    "inverse_body",
    "library_source",
    "network_body",
    "network_q15_body",
    "render",
    "require_name",
    "with_window",
]
