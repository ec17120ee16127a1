"""Devices that can stand at the crossings: current–voltage laws without memory."""

from crosscal.simulated_bench.devices.hopping import Hopping
from crosscal.simulated_bench.devices.law import CellLaw, cell_current
from crosscal.simulated_bench.devices.ohmic import Ohmic
from crosscal.simulated_bench.devices.saturating import Saturating
from crosscal.simulated_bench.devices.sinh import Sinh
from crosscal.simulated_bench.devices.smooth_law import SmoothLaw

__all__ = ["CellLaw", "Hopping", "Ohmic", "Saturating", "Sinh", "SmoothLaw", "cell_current"]
