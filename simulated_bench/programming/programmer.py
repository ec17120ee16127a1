"""Programming and reading back of one array."""

from __future__ import annotations

from crosscal.core.array_types import Matrix
from crosscal.firmware_models import ProgrammingStep
from crosscal.simulated_bench.array_state import ArrayState
from crosscal.simulated_bench.device_factory import memristor_of
from crosscal.simulated_bench.front_end.channels import FrontEnd
from crosscal.simulated_bench.front_end.settling import Settling
from crosscal.simulated_bench.programming.incremental_step_pulse import IncrementalStepPulseWriter
from crosscal.simulated_bench.programming.readback import Readback
from crosscal.simulated_bench.programming.write_verify import WriteVerify
from crosscal.simulated_bench.programming.writers import ShiftWriter, Writer
from crosscal.simulated_bench.randomness import RandomStreams
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.variability.fluctuation import Fluctuation, ReadTiming


class ArrayProgrammer:
    """Runs of write-verify on an array, and the reading of its cells one by one.

    Args:
        settings: of the board.
        array: the array that is written.
        front_end: reads the cells.
        fluctuation: noise of the cells.
        settling: lines of the array, discharged before cells are read.
        streams: random numbers.

    Attributes:
        streams: random numbers of the runs that begin and the cells that are read from now on.
    """

    def __init__(
        self,
        settings: BenchSettings,
        array: ArrayState,
        front_end: FrontEnd,
        *,
        fluctuation: Fluctuation,
        settling: Settling,
        streams: RandomStreams,
    ) -> None:
        self._settings, self._array = settings, array
        self._fluctuation, self._settling = fluctuation, settling
        self._readback = Readback(settings, front_end)
        self._run: WriteVerify | None = None
        self.streams = streams

    def begin(self, target_s: Matrix, tolerance: float) -> None:
        """Prepare to write a target [S], (N, M), to within a relative tolerance."""
        self._run = WriteVerify(
            self._array.cells,
            self._writer(),
            residual_error=self._settings.programming.residual_error,
            target_s=target_s,
            tolerance=tolerance,
            read=self.read_cells,
            rng=self.streams.write,
            relaxation=self.streams.relaxation,
        )

    def iterate(self) -> ProgrammingStep:
        """Write every cell that is off target, and verify it.

        Raises:
            RuntimeError: no run was begun.
        """
        if self._run is None:
            raise RuntimeError("programming_iteration() before begin_programming()")
        result = self._run.iterate()
        return ProgrammingStep(
            finished=result.finished,
            cells_failed=int(result.failed.sum()),
            rms_relative_error=result.rms_relative_error,
            cell_stuck=bool(result.stuck.any()),
        )

    def read_cells(self) -> Matrix:
        """Measure the nominal conductance of every cell [S], (N, M)."""
        self._settling.discharge()  # cells are read one by one, all other lines at 0 V
        conductance_s = self._array.conductance_s()
        conductance_s[self._array.cells.cut_off] = 0.0
        if self._fluctuation.active:
            aperture_s = self._readback.aperture_s
            timing = ReadTiming(duration_s=aperture_s, spacing_s=aperture_s)
            state, rng = self._array.cell_state(), self.streams.readback
            conductance_s = conductance_s * self._fluctuation.factors(state, timing, 1, rng=rng)[0]
        return self._readback.read(
            conductance_s,
            temperature_c=self._array.temperature_c,
            rng=self.streams.readback,
        )

    def _writer(self) -> Writer:
        """Choose the pulses of a run, as the cells' law needs them."""
        memristor = memristor_of(self._array.nominal_device)
        if memristor is None:
            return ShiftWriter(self._settings.programming, self._array.shape)
        return IncrementalStepPulseWriter(self._settings.programming, memristor, self._array.shape)
