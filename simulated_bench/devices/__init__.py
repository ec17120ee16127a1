"""Devices at the crossings: current–voltage laws, and devices with memory."""

from crosscal.simulated_bench.devices.driven_loop import DrivenLoop, driven_loop
from crosscal.simulated_bench.devices.hopping import Hopping
from crosscal.simulated_bench.devices.law import CellLaw, cell_current
from crosscal.simulated_bench.devices.memristor import Memristor
from crosscal.simulated_bench.devices.ohmic import Ohmic
from crosscal.simulated_bench.devices.one_transistor import OneTransistor
from crosscal.simulated_bench.devices.saturating import Saturating
from crosscal.simulated_bench.devices.sinh import Sinh
from crosscal.simulated_bench.devices.smooth_law import SmoothLaw

__all__ = [
    "CellLaw",
    "DrivenLoop",
    "Hopping",
    "Memristor",
    "Ohmic",
    "OneTransistor",
    "Saturating",
    "Sinh",
    "SmoothLaw",
    "cell_current",
    "driven_loop",
]
