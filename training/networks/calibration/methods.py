"""Methods of calibrating a programmed network, by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from crosscal.core.errors import InputError, wanted
from crosscal.training.networks.calibration.tile_calibration import TileCalibration
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.column_calibration import calibrate_columns
from crosscal.training.networks.running.software import SoftwareRun

NONE, COLUMNS, STRUCTURED, RECALIBRATED, READ_BACK = (
    "none",
    "columns",
    "structured",
    "recalibrated",
    "read-back",
)
METHODS = (NONE, COLUMNS, STRUCTURED, RECALIBRATED, READ_BACK)
"""Nothing; gain and offset of every output; the tiles' circuit and gains; single cells from known vectors as
well; or single cells as they are read back."""

_OF_TILES = {
    STRUCTURED: {},
    RECALIBRATED: {"learn": True},
    READ_BACK: {"read_back": True},
}


def calibrate(
    run: ChipRun,
    software: SoftwareRun,
    known: Tensor,
    method: str,
    *,
    vectors: int,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Calibrate a programmed network.

    Methods of tiles are followed by gain and offset of every output: the rest of the sums.

    Args:
        run: programmed.
        software: the same network in floats.
        known: inputs, (B, …).
        method: one of `METHODS`.
        vectors: known vectors for each row of tiles.
        check: called now and then; may raise to stop.

    Raises:
        InputError: an unknown method, or one of tiles in the mode merged.
    """
    if method not in METHODS:
        got = f"the calibration {method!r}"
        raise InputError(wanted(got=got, allowed=", ".join(METHODS), remedy="choose one"))
    run.clear_corrections()
    if method == NONE:
        return
    if method in _OF_TILES:
        TileCalibration(run, software, known, vectors=vectors, **_OF_TILES[method]).apply(check)
    calibrate_columns(run, software, known)
