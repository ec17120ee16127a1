"""Measurement of one matrix: programmed, read, and checked that its readings can be its currents."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from crosscal.core.array_types import Vectors
from crosscal.core.errors import DisturbedError, IncompatibleBoardError, InputError, wanted
from crosscal.core.port import CrossbarPort
from crosscal.core.readout import UNUSABLE
from crosscal.core.run.checks import UnrelatedError, require_plausible
from crosscal.core.run.layout import MatrixRecord, RepeatedReadings
from crosscal.training.collecting.board_description import BoardDescription
from crosscal.training.collecting.plan import CollectionPlan
from crosscal.training.collecting.run_resumption import changed_settings

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
"""Times that a matrix is measured if other clients interfere: a person who looks once is forgiven, a program
that goes on interfering is not."""


def measure_matrix(port: CrossbarPort, plan: CollectionPlan, index: int) -> MatrixRecord:
    """Program matrix `index` of a plan that was resolved for this board, and read its vectors.

    Raises:
        BoardError: from the board.
    """
    target_s, voltage_v = plan.draw_matrix(port.shape, index)
    report = port.program(target_s)
    told: dict[str, Any] = {}
    if plan.read_back and "READBACK" in port.capabilities:
        told["read_back_s"] = port.read_conductance()
    readout = port.read(voltage_v)
    temperature_c = port.temperature_c
    truth = _truth(port)
    if plan.repeats and index == 0:
        told["repeats"] = _repeated(port, plan, voltage_v)
    return MatrixRecord(
        target_s=target_s,
        voltage_v=voltage_v,
        current_a=readout.current_a,
        status=readout.status,
        range_a=readout.range_a,
        temperature_c=np.nan if temperature_c is None else temperature_c,
        time_s=time.time(),
        cells_failed=getattr(report, "cells_failed", -1),
        program_rms_error=getattr(report, "rms_relative_error", np.nan),
        **told,
        **truth,
    )


def _repeated(port: Any, plan: CollectionPlan, voltage_v: Vectors) -> RepeatedReadings:
    """Read the vector of largest inputs again and again, after the time asked for."""
    if plan.repeats_after_s and "SIM" in port.capabilities:
        port.simulation.advance_time(plan.repeats_after_s)
    elif plan.repeats_after_s:
        time.sleep(plan.repeats_after_s)
    vector_v = voltage_v[int(np.argmax(np.abs(voltage_v).sum(axis=1)))]
    begun_s = time.monotonic()
    readout = port.read(np.repeat(vector_v[None], plan.repeats, axis=0))
    took_s = (time.monotonic() - begun_s) / plan.repeats
    settings = port.settings()
    aperture_s = settings.get("SENS:CURR:APER")
    # A board without that setting takes as long as it takes, for all that it averages.
    reading_s = took_s if aperture_s is None else aperture_s * settings.get("SENS:AVER:COUN", 1)
    dwell_s = settings.get("SOUR:SEQ:DWEL")
    return RepeatedReadings(
        voltage_v=vector_v,
        current_a=readout.current_a,
        status=readout.status,
        reading_s=reading_s,
        spacing_s=max(took_s, reading_s) if dwell_s is None else dwell_s + reading_s,
    )


def measure_undisturbed(
    port: CrossbarPort,
    plan: CollectionPlan,
    index: int,
    board: BoardDescription,
    check: Callable[[], None],
) -> MatrixRecord:
    """Measure a matrix, again if another client changed the board meanwhile.

    Args:
        port: the board, inside `crosscal.core.port.undisturbed`.
        plan: resolved for the board.
        index: matrix of the plan.
        board: the board as the run describes it.
        check: of `undisturbed`.

    Raises:
        DisturbedError: the settings are no longer those of the run, or it happens again and again.
    """
    attempt = 0
    while True:
        attempt += 1
        record = measure_matrix(port, plan, index)
        try:
            check()
        except DisturbedError as error:
            changed = changed_settings(board.settings, BoardDescription.of(port).settings)
            if changed or attempt == _ATTEMPTS:
                raise
            logger.warning("matrix %d is measured again: %s", index, error)
        else:
            return record


def require_believable(record: MatrixRecord, index: int) -> None:
    """Refuse readings that cannot be the currents of this matrix: not every board is right about its own.

    Raises:
        IncompatibleBoardError: no numbers without a status that says so, another unit, sign or order.
    """
    missing = ~np.isfinite(record.current_a) & ((record.status & int(UNUSABLE)) == 0)
    if missing.any():
        raise _unbelievable(index, f"{int(missing.sum())} readings that are no numbers, with status 0")
    good_a = np.where((record.status & int(UNUSABLE)) == 0, record.current_a, np.nan)
    try:
        require_plausible(record.target_s[None], record.voltage_v[None], good_a[None])
    except UnrelatedError as error:
        logger.warning("matrix %d: %s", index, str(error).partition("; allowed")[0])
    except InputError as error:
        raise _unbelievable(index, str(error).partition("; allowed")[0].removeprefix("got ")) from error


def _unbelievable(index: int, got: str) -> IncompatibleBoardError:
    return IncompatibleBoardError(
        f"matrix {index}: "
        + wanted(
            got=got,
            allowed="currents out of the columns in amperes, in the board's order, NaN only with its status",
            remedy="run `crosscal check` on this board and correct what it finds",
        )
    )


def _truth(port: Any) -> dict[str, Any]:
    """Ask a simulated board for the state of its cells, by the names of `MatrixRecord`."""
    if "SIM" not in port.capabilities:
        return {}
    told = {"true_conductance_s": port.simulation.true_conductance_s()}
    if "AGE" in port.capabilities:
        told |= {"written_s": port.simulation.written_s(), "cell_age_s": port.simulation.cell_age_s()}
    return told
