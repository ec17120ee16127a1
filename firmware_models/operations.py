"""Operations of the board: one acquisition or programming run at a time, and its completion."""

from __future__ import annotations

from array import array
from typing import cast

from crosscal.firmware_models.acquisition import Acquisition, Trace
from crosscal.firmware_models.board_settings import IMMEDIATE, BoardSettings
from crosscal.firmware_models.hardware import CalibratingHardware, Hardware
from crosscal.firmware_models.programming import Programming, ProgrammingResult
from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.firmware_models.status_registers import (
    CALIBRATION,
    CELL_FAILED,
    CURRENT_OVERRANGE,
    MEASURING,
    PROGRAMMING,
    TEMPERATURE,
    WAITING_FOR_TRIGGER,
    BoardConditions,
    ClientStatus,
)


class Operations:
    """Overlapped operations; they advance slice by slice.

    Args:
        hardware: the analogue side.
        settings: the board's settings.
        conditions: the board's, as clients see them.

    Attributes:
        trace: readings of the last acquisition; None before the first.
        programming_result: of the last run; None before the first, or after one that failed.
        acquisition_failure: why the last acquisition gave nothing; empty otherwise.
    """

    def __init__(self, hardware: Hardware, settings: BoardSettings, conditions: BoardConditions) -> None:
        self.trace: Trace | None = None
        self.programming_result: ProgrammingResult | None = None
        self.acquisition_failure = ""
        self._hardware = hardware
        self._settings = settings
        self._conditions = conditions
        self._programming_failure = ""
        self._acquisition: Acquisition | None = None
        self._programming: Programming | None = None
        self._waiting = False
        self._driving = False
        self._calibrated = False
        self._calibrates = "CAL" in hardware.facts.capabilities
        self._client: ClientStatus | None = None
        self._completion_wanted: list[ClientStatus] = []

    @property
    def waiting_for_trigger(self) -> bool:
        """An acquisition is initiated and waits for its trigger."""
        return self._waiting

    @property
    def measuring(self) -> bool:
        """An acquisition is initiated, triggered or not."""
        return self._acquisition is not None

    @property
    def programming(self) -> bool:
        """A programming run is under way."""
        return self._programming is not None

    @property
    def running(self) -> bool:
        """Something advances by itself."""
        return self.programming or (self.measuring and not self._waiting)

    def initiate(
        self,
        voltage_v: array[float],
        client: ClientStatus,
        *,
        auto_range: bool,
        immediately: bool,
        calibrated: bool = False,
    ) -> None:
        """Begin an acquisition, or arm it for its trigger.

        Args:
            voltage_v: vectors [V], B × N.
            client: status of whoever begins it; its reports go there (decision 3).
            auto_range: find the range.
            immediately: wait for no trigger.
            calibrated: the client wants calibrated currents, and +105 where there are none.

        Raises:
            ScpiFault: -213 while one is initiated or the array is being programmed.
        """
        if self.measuring or self.programming:
            raise ScpiFault(-213, self._occupation())
        settings = self._settings
        self._client = client
        self.acquisition_failure = ""
        self._driving = settings.output_on
        self._calibrated = calibrated
        self._acquisition = Acquisition(
            hardware=self._hardware,
            voltage_v=voltage_v if settings.output_on else array("d", [0.0]) * len(voltage_v),
            range_index=settings.range_index,
            auto_range=auto_range,
            aperture_s=settings.aperture_s,
            averages=settings.average_count,
            dwell_s=settings.dwell_s,
        )
        self._conditions.questionable.set(CURRENT_OVERRANGE | TEMPERATURE, on=False)
        self._waiting = not immediately and settings.trigger_source != IMMEDIATE
        if self._waiting:
            self._conditions.operation.set(WAITING_FOR_TRIGGER, on=True)
        else:
            self._start_measuring()

    def _occupation(self) -> str:
        if self.programming:
            return "the array is being programmed; wait, or send ARRay:PROGram:ABORt"
        if self._waiting:
            return "an acquisition waits for its trigger; send ABORt to end it"
        return "an acquisition is under way; wait, or send ABORt"

    def trigger(self) -> None:
        """Take a trigger.

        Raises:
            ScpiFault: -211 if nothing waits for one on the bus.
        """
        if not self._waiting or self._settings.trigger_source != "BUS":
            raise ScpiFault(-211, "nothing waits for a trigger on the bus")
        self._waiting = False
        self._conditions.operation.set(WAITING_FOR_TRIGGER, on=False)
        self._start_measuring()

    def abort(self) -> None:
        """Stop an acquisition; vectors already read stay in the trace."""
        if self._acquisition is None:
            return
        if self._waiting:
            self._acquisition = None
        else:
            self._end_acquisition(self._acquisition)
        self._waiting = False
        self._conditions.operation.set(MEASURING | WAITING_FOR_TRIGGER, on=False)
        self._announce_completion()

    def start_programming(self, client: ClientStatus) -> None:
        """Begin to write the target; what is to report goes to the status of the client.

        Raises:
            ScpiFault: -200 while measuring or programming.
        """
        if self.measuring or self.programming:
            raise ScpiFault(-200, self._occupation())
        settings = self._settings
        self._client = client
        self._programming_failure = ""
        try:
            self._programming = Programming(
                self._hardware, array("d", settings.target_s), settings.tolerance, settings.iterations
            )
        except ScpiFault as fault:
            self.programming_result, self._programming_failure = None, fault.detail
            raise
        self._conditions.operation.set(PROGRAMMING, on=True)
        self._conditions.questionable.set(CELL_FAILED, on=False)

    def abort_programming(self) -> None:
        """Stop a programming run after the iteration in hand."""
        run = self._programming
        if run is not None:
            self._end_programming(run)
            run.stop()

    def complete(self) -> None:
        """Run operations to their end, except an acquisition that waits for its trigger."""
        while self.running:
            self.advance()

    def when_complete(self, client: ClientStatus) -> None:
        """Set a client's operation-complete bit once nothing is under way (`*OPC`)."""
        self.cancel_completion(client)
        self._completion_wanted.append(client)
        self._announce_completion()

    def cancel_completion(self, client: ClientStatus) -> None:
        """Forget a client's `*OPC`, as its `*CLS`, `*RST`, device clear and end do."""
        if client in self._completion_wanted:
            self._completion_wanted.remove(client)

    def forget(self, client: ClientStatus) -> None:
        """Drop a client that left: what it began goes on, and reports to nobody (decision 19)."""
        self.cancel_completion(client)
        if self._client is client:
            self._client = None

    def _report(self, code: int, detail: str = "") -> None:
        """Report to the client that began what is under way."""
        if self._client is not None:
            self._client.report(code, detail)

    def clear_results(self) -> None:
        """Forget the readings and their remarks."""
        self.trace = None
        self.acquisition_failure = ""
        self._conditions.questionable.set(CURRENT_OVERRANGE | TEMPERATURE, on=False)

    def stop_driving(self) -> None:
        """Stop an acquisition that drives the rows: the outputs went off."""
        if self._driving:
            self.abort()

    def show_doubt(self) -> None:
        """Show in the status whether the calibration is in doubt, on a board that calibrates."""
        if self._calibrates:
            in_doubt = cast(CalibratingHardware, self._hardware).calibration_in_doubt()
            self._conditions.questionable.set(CALIBRATION, on=in_doubt)

    def no_reading(self) -> ScpiFault:
        """Make the error of a query for readings that do not exist, with the reason."""
        if self.acquisition_failure:
            return ScpiFault(-230, f"the acquisition failed: {self.acquisition_failure}")
        return ScpiFault(-230, "nothing has been measured yet; send INITiate first")

    def no_programming_result(self) -> ScpiFault:
        """Make the error of a query for the result of no programming run, with the reason."""
        if self._programming_failure:
            return ScpiFault(-230, f"programming failed: {self._programming_failure}")
        return ScpiFault(-230, "nothing has been programmed yet; send ARRay:PROGram first")

    def _start_measuring(self) -> None:
        self._conditions.operation.set(MEASURING, on=True)
        if self._acquisition is not None:
            self.trace = self._acquisition.trace

    def advance(self) -> None:
        """Do one slice of the operation that is under way."""
        try:
            if self._programming is not None:
                if not self._programming.step():
                    self._end_programming(self._programming)
            elif self._acquisition is not None and not self._waiting:
                more = self._acquisition.step()
                self.trace = self._acquisition.trace
                if not more:
                    self._end_acquisition(self._acquisition)
        except ScpiFault as fault:
            # The hardware broke in the middle of an operation: tell the clients, and stay alive for them.
            self._drop_operation(fault)

    def _drop_operation(self, fault: ScpiFault) -> None:
        if self._programming is not None:
            self.programming_result, self._programming_failure = None, fault.detail
        else:
            self.acquisition_failure = fault.detail
        self._programming = None
        self._acquisition = None
        self._report(fault.code, fault.detail)
        self._conditions.operation.set(MEASURING | PROGRAMMING, on=False)
        self._announce_completion()

    def _end_acquisition(self, acquisition: Acquisition) -> None:
        self._acquisition = None
        self._settings.range_index = acquisition.range_index
        self._conditions.operation.set(MEASURING, on=False)
        self._conditions.questionable.set(CURRENT_OVERRANGE, on=acquisition.saturated)
        self._conditions.questionable.set(TEMPERATURE, on=acquisition.over_temperature)
        for code, met in (
            (101, acquisition.compliance),
            (102, acquisition.saturated),
            (103, acquisition.over_temperature),
            (105, acquisition.not_calibrated and self._calibrated),
            (-240, acquisition.hardware_error),
        ):
            if met:
                self._report(code)
        self.show_doubt()
        self._announce_completion()

    def _end_programming(self, run: Programming) -> None:
        self._programming = None
        self._conditions.operation.set(PROGRAMMING, on=False)
        if run.last is not None:
            self.programming_result = ProgrammingResult(
                run.last.cells_failed, run.last.rms_relative_error, run.iterations
            )
            self._conditions.questionable.set(CELL_FAILED, on=run.last.cells_failed > 0)
            if run.last.cell_stuck:
                self._report(104)
        self._announce_completion()

    def _announce_completion(self) -> None:
        if not self.running and not self._waiting:
            while self._completion_wanted:
                self._completion_wanted.pop().operation_complete()
