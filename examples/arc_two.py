"""ArC TWO with its 32×32 daughterboard as a crosscal board, over the maker's package (pip install pyarc2).

crosscal check    'python:arc_two:ArcTwo?firmware=arc2fw.bin'
crosscal collect  'python:arc_two:ArcTwo?firmware=arc2fw.bin' -o run.h5
crosscal serve    'arc_two:ArcTwo?firmware=arc2fw.bin' --tcp 5025
"""

import numpy as np
from pyarc2 import IdleMode, Instrument, find_ids  # pyright: ignore[reportMissingImports]

from crosscal import LabBoard, LabBoardFacts, PulseSchedule

# Channel of each line of the daughterboard, in the order of the array.
WORDS = [channel for pair in zip(range(16, 32), range(63, 47, -1), strict=True) for channel in pair]
BITS = [channel for pair in zip(range(15, -1, -1), range(32, 48), strict=True) for channel in pair]

READ_TO_WRITE_NS = 20_000
WRITE_TO_READ_NS = 150_000


class ArcTwo(LabBoard):
    """32 words (rows, inputs) × 32 bits (columns, outputs); volts and amperes as floats, times in ns."""

    def __init__(self, firmware: str, low_s: float = 10e-6, high_s: float = 100e-6, read_v: float = 0.2):
        """Connect to the first ArC TWO; conductances and read voltage are the devices', not the board's."""
        ids = find_ids()
        if not ids:
            raise OSError("no ArC TWO is connected")
        self._arc, self._read_v = Instrument(ids[0], firmware), read_v
        self.facts = LabBoardFacts(
            identity=f"ArC Instruments,ArC TWO,{ids[0]}",
            shape=(32, 32),
            conductance_limits_s=(low_s, high_s),
            full_scale_a=12.3e-3,
            voltage_limit_v=0.5,
            pulses=PulseSchedule(start_v=0.5, step_v=0.05, stop_v=3.0, width_s=1e-6),
        )

    def read_currents(self, voltage_v: np.ndarray) -> np.ndarray:
        """Drive all words at once and read all bits at once, vector by vector."""
        return np.array([self._read_vector(vector) for vector in voltage_v])

    def _read_vector(self, vector_v: np.ndarray) -> np.ndarray:
        biased = [*zip(WORDS, map(float, vector_v), strict=True), *((bit, 0.0) for bit in BITS)]
        self._arc.connect_to_gnd([])
        self._arc.config_channels(biased, None)
        self._arc.delay(WRITE_TO_READ_NS)
        self._arc.execute()
        # By channel and not by line, NaN on the others, and counted into the channel: hence the sign.
        return -np.asarray(self._arc.read_slice_open(BITS, False))[BITS]

    def pulse(self, row: int, column: int, voltage_v: float, width_s: float) -> None:
        """Pulse a cell: the word high, the bit low."""
        self._arc.delay(READ_TO_WRITE_NS)
        self._arc.pulse_one(BITS[column], WORDS[row], float(voltage_v), round(width_s * 1e9))
        self._arc.delay(WRITE_TO_READ_NS)
        self._arc.execute()

    def read_cell(self, row: int, column: int) -> float:
        """Measure one cell at the read voltage, all other lines floating."""
        return self._arc.read_one(BITS[column], WORDS[row], self._read_v) / self._read_v

    def rest(self) -> None:
        """Tie every channel to 0 V."""
        self._arc.finalise_operation(IdleMode.SoftGnd)
        self._arc.wait()
