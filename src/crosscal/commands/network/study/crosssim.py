"""CrossSim as a peer: one network with the same slices, digits and converters in its ISAAC mode.

CrossSim is Sandia's simulator of analogue in-memory computing; it is not on PyPI, and runs from its source.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crosscal.core.errors import InputError, wanted
from crosscal.core.network.cell_profile import CellProfile
from crosscal.training.networks.mapping.mapped_network import MappedLayer, MappedNetwork
from crosscal.training.networks.mapping.options import OFFSET, MappingOptions

SOURCE = "https://github.com/sandialabs/cross-sim"
HOW_TO_GET_IT = f"git clone {SOURCE}, then --crosssim cross-sim"
ISAAC = Path("simulator", "configs", "ISAAC.json")
EQUIDISTANT = 1e-3
"""Relative difference of two steps between levels that counts as none: profiles state a few digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossSim:
    """CrossSim, loaded.

    Attributes:
        parameters: its class of settings.
        from_torch: converts a module.
        isaac: its own settings of ISAAC.
    """

    parameters: Any
    from_torch: Any
    isaac: Path


def load_crosssim(folder: Path) -> CrossSim:
    """Load CrossSim from a folder with its source.

    Raises:
        InputError: not CrossSim, or a version that does not load here.
    """
    isaac = folder / ISAAC
    if not isaac.is_file():
        got = f"--crosssim {folder}, a folder without {ISAAC}"
        allowed = "a folder with CrossSim's source, version 3.1 or later"
        raise InputError(wanted(got=got, allowed=allowed, remedy=HOW_TO_GET_IT))
    try:
        with _first_on_path(folder.resolve()):
            package = importlib.import_module("simulator")
            convert = importlib.import_module("simulator.algorithms.dnn.torch.convert")
    except Exception as error:  # a foreign package may fail in any way
        got = f"--crosssim {folder}, which does not load: {error!r}"
        raise InputError(wanted(got=got, allowed="version 3.1 or later", remedy=HOW_TO_GET_IT)) from error
    _require_own(package, folder)
    return CrossSim(parameters=package.CrossSimParameters, from_torch=convert.from_torch, isaac=isaac)


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _require_own(package: ModuleType, folder: Path) -> None:
    origin = Path(package.__file__ or "").resolve()
    if not origin.is_relative_to(folder.resolve()):
        got = f"another package 'simulator', of {origin.parent}"
        raise InputError(wanted(got=got, allowed=f"CrossSim of {folder}", remedy="run in a fresh process"))


def isaac_settings(layer: MappedLayer, options: MappingOptions) -> dict[str, Any]:
    """Write a mapped layer as changes of CrossSim's settings of ISAAC, by their dotted names.

    Both simulators then cut weights into the same codes and inputs into the same digits, and convert every
    sum in the same range with as many codes. CrossSim cuts rows evenly where that goes, and its unit of sums
    is the largest conductance, here it is the mean step.

    Raises:
        InputError: a mapping that CrossSim's ISAAC mode does not have.
    """
    _require_isaac(layer, options)
    cells, codes = options.cells, layer.codes[0]
    lowest_s, highest_s = float(cells.levels[0]), float(cells.levels[-1])
    found = {
        "core.rows_max": options.tile_rows,
        "core.cols_max": options.tile_columns,
        "core.weight_bits": options.weight_bits,
        "core.bit_sliced.num_slices": options.slices,
        "core.offset.style": "DIGITAL_OFFSET",
        "core.mapping.weights.row_partition_strategy": "MAX",
        "core.mapping.weights.col_partition_strategy": "MAX",
        "core.mapping.inputs.mvm.clipping": True,
        "core.mapping.inputs.mvm.min": 0.0,
        "core.mapping.inputs.mvm.max": layer.inputs.largest,
        "xbar.device.cell_bits": cells.bits,
        "xbar.device.Rmin": 1.0 / highest_s,
        "xbar.device.infinite_on_off_ratio": lowest_s == 0.0,
        "xbar.dac.mvm.model": "QuantizerDAC",
        "xbar.dac.mvm.signed": False,
        "xbar.dac.mvm.bits": options.input_bits,
        "xbar.dac.mvm.slice_size": options.dac_bits,
        "xbar.adc.mvm.model": "QuantizerADC",
        "xbar.adc.mvm.signed": False,
        "xbar.adc.mvm.bits": codes.adc_bits or 0,
        "xbar.adc.mvm.adc_range_option": "CALIBRATED",
        "xbar.adc.mvm.calibrated_range": (codes.adc_range * cells.unit / highest_s).tolist(),
    }
    return found if lowest_s == 0.0 else found | {"xbar.device.Rmax": 1.0 / lowest_s}


def _require_isaac(layer: MappedLayer, options: MappingOptions) -> None:
    require_isaac_cells(options.cells, options.weight_bits)
    allowed, remedy = "", "map so, or leave --crosssim out"
    if options.representation != OFFSET or options.scale != "layer" or options.read_back:
        allowed = "single shifted columns with one factor for each layer, without read-back"
    elif layer.inputs.signed or layer.inputs.largest is None:
        allowed = f"inputs of 0 and more, in a range of the layer (node {layer.matrix.name!r})"
        remedy = "give data of 0 and more, or leave --crosssim out"
    if allowed:
        got = "a mapping that CrossSim's ISAAC mode does not have"
        raise InputError(wanted(got=got, allowed=allowed, remedy=remedy))


def require_isaac_cells(cells: CellProfile, weight_bits: int) -> None:
    """Refuse cells that CrossSim's ISAAC mode does not have: there every cell is at its level for good.

    Raises:
        InputError: cells that scatter, drift or stick, or levels that are not equidistant.
    """
    steps, inexact = np.diff(cells.levels), _inexact(cells)
    got = allowed = ""
    if inexact:
        got, allowed = f"cells with {', '.join(inexact)}", "cells that are exactly at their levels"
    elif float(np.ptp(steps)) > EQUIDISTANT * float(steps.mean()):
        got, allowed = "cells with levels at unequal distances", "cells with equidistant levels"
    elif weight_bits % cells.bits:
        got = f"cells of {cells.bits} bits for weights of {weight_bits}"
        allowed = "slices of equal width"
    if allowed:
        got = f"{got}, which CrossSim's ISAAC mode does not have"
        remedy = "choose --cells ideal-2bit or isaac-2bit, or leave --crosssim out"
        raise InputError(wanted(got=got, allowed=allowed, remedy=remedy))


def _inexact(cells: CellProfile) -> list[str]:
    """List the keys of a profile that take its cells off their levels."""
    found = {
        "levels_f": cells.levels_f is not None,  # read by amplifiers with kT/C noise
        "deviation_s": any(cells.deviation_s or ()) and cells.error_scale > 0,
        "device_relative": cells.device_relative > 0,
        "programming_error": cells.programming_error != "none" and cells.error_scale > 0,
        "samples": bool(cells.samples),
        "cycle_relative": cells.cycle_relative > 0,
        "drift": cells.drift != "none",
        "stuck_low": cells.stuck_low > 0,
        "stuck_high": cells.stuck_high > 0,
    }
    return [name for name, present in found.items() if present]


class CrossSimRun:
    """A network in CrossSim.

    Args:
        crosssim: loaded.
        module: of layers that follow each other as in the mapped network.
        mapped: the same network, mapped.
    """

    def __init__(self, crosssim: CrossSim, module: nn.Module, mapped: MappedNetwork) -> None:
        settings = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it wants ranges of slices to differ by powers of two
            for layer in mapped.layers:
                parameters = crosssim.parameters.from_json(str(crosssim.isaac))
                for name, value in isaac_settings(layer, mapped.options).items():
                    _put(parameters, name, value)
                settings.append(parameters)
            self._network = crosssim.from_torch(module.eval(), settings)

    @torch.no_grad()
    def run(self, x: Tensor) -> Tensor:
        """Run a batch of inputs (B, …) and return the network's outputs."""
        return self._network(x)


def _put(parameters: Any, name: str, value: Any) -> None:
    *groups, last = name.split(".")
    try:
        for group in groups:
            parameters = getattr(parameters, group)
        getattr(parameters, last)
    except AttributeError as error:
        got = f"a CrossSim without the setting {name}"
        raise InputError(wanted(got=got, allowed="version 3.1 or later", remedy=HOW_TO_GET_IT)) from error
    setattr(parameters, last, value)
