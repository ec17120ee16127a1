"""Vector–matrix product by charges: a memcapacitive crossbar read by charge amplifiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.simulated_bench.charge.amplifier import ChargeAmplifier
from crosscal.simulated_bench.charge.lumped import lumped_outputs_v
from crosscal.simulated_bench.charge.network import ChargeNetwork
from crosscal.simulated_bench.charge.parasitics import ChargeParasitics
from crosscal.simulated_bench.charge.variation import CapacitanceVariation, ChargeDraws, factors
from crosscal.simulated_bench.circuit.checks import checked_array


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeProduct:
    """Charges that were read, and those that an ideal array gives; (M,), or (B, M) for a batch.

    Attributes:
        charge_c: read, `−reading · feedback_f` with the nominal feedback capacitor [C].
        ideal_c: `voltage_v @ capacitance_f` [C].
        output_v: converted outputs; amplifiers invert [V].
        over: where a converter was past its last code.
    """

    charge_c: np.ndarray
    ideal_c: np.ndarray
    output_v: np.ndarray
    over: np.ndarray

    @property
    def error_c(self) -> np.ndarray:
        """Read less ideal [C]."""
        return self.charge_c - self.ideal_c


def charge_product(
    capacitance_f: Matrix,
    voltage_v: np.ndarray,
    *,
    amplifier: ChargeAmplifier,
    parasitics: ChargeParasitics | None = None,
    variation: CapacitanceVariation | None = None,
    rng: np.random.Generator,
) -> ChargeProduct:
    """Read `Q = Cᵀ v` from one specimen of a memcapacitive crossbar.

    Rows step from 0 V to `voltage_v`; the charge that reaches each amplifier within its window is converted.
    Every call draws another specimen (devices, offsets, feedback capacitors) and, for every vector, its
    cycle and noise. Wires without resistance are solved in closed form; others cost a factorisation per call,
    or per vector where `cycle_relative` is not 0 (64×64: 2 s each).

    Args:
        capacitance_f: programmed capacitance of each cell [F], (N, M).
        voltage_v: of the rows [V], (N,) or (B, N).
        amplifier: below every column.
        parasitics: wires, stray capacitances, leakage; none if None.
        variation: scatter of the capacitances; none if None.
        rng: where everything random is drawn from.

    Returns:
        Charges read and ideal ones.

    Raises:
        ShapeError, RangeError: an argument that cannot be used; the message names the place in the array.
    """
    checked_f, vectors_v = checked_read(capacitance_f, voltage_v)
    draws = ChargeDraws.draw(len(vectors_v), checked_f.shape, rng)
    product = product_of(
        checked_f,
        vectors_v,
        draws,
        amplifier=amplifier,
        parasitics=parasitics or ChargeParasitics(),
        variation=variation or CapacitanceVariation(),
    )
    if np.ndim(voltage_v) == 2:
        return product
    return ChargeProduct(
        charge_c=product.charge_c[0],
        ideal_c=product.ideal_c[0],
        output_v=product.output_v[0],
        over=product.over[0],
    )


def checked_read(capacitance_f: Matrix, voltage_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check a matrix and vectors; the vectors come back as (B, N).

    Raises:
        ShapeError, RangeError: one that cannot be used; the message names the place.
    """
    checked_f = checked_array("capacitance_f", capacitance_f, ranks=(2,), axes="rows × columns")
    if checked_f.size == 0:
        got = f"capacitance_f of shape {checked_f.shape}"
        raise ShapeError(wanted(got=got, allowed="at least one row and one column", remedy="pass a matrix"))
    if (checked_f < 0).any():
        i, j = np.argwhere(checked_f < 0)[0]
        got = f"capacitance_f[{i}, {j}] = {checked_f[i, j]:g} F"
        raise RangeError(wanted(got=got, allowed="0 or more", remedy="correct that cell"))
    vectors_v = checked_array("voltage_v", voltage_v, ranks=(1, 2), axes="(batch ×) rows")
    rows = len(checked_f)
    if vectors_v.shape[-1] != rows:
        got = f"voltage_v of shape {vectors_v.shape} for {rows} rows"
        remedy = "give one voltage per row of the capacitance matrix"
        raise ShapeError(wanted(got=got, allowed=f"({rows},) or (batch, {rows})", remedy=remedy))
    return checked_f, np.atleast_2d(vectors_v)


def product_of(
    capacitance_f: np.ndarray,
    voltage_v: np.ndarray,
    draws: ChargeDraws,
    *,
    amplifier: ChargeAmplifier,
    parasitics: ChargeParasitics,
    variation: CapacitanceVariation,
) -> ChargeProduct:
    """Read (B, N) vectors with everything random given: the deterministic part of `charge_product`."""
    cells_f = capacitance_f * factors(variation.device_relative, draws.device)
    feedback_f = amplifier.feedback_f * factors(amplifier.feedback_relative, draws.feedback)
    each_f = cells_f[None]
    if variation.cycle_relative:
        each_f = cells_f * factors(variation.cycle_relative, draws.cycle)
    output_v = _outputs_v(
        each_f, voltage_v, parasitics, amplifier, feedback_f, amplifier.offset_v * draws.offset
    )
    # The column's capacitance makes the amplifier's own noise larger at the output; that of the instant when
    # the reset opens is kept on the same capacitance and comes on top.
    ground_f = len(cells_f) * parasitics.column_line_f + parasitics.input_f
    loading = (each_f.sum(axis=1) + ground_f) / feedback_f
    noise_gain = np.hypot(1.0 + loading, loading)
    output_v += amplifier.noise_v * noise_gain * draws.noise + amplifier.reset_noise_v * draws.reset
    reading_v, over = amplifier.convert(output_v)
    return ChargeProduct(
        charge_c=-reading_v * amplifier.feedback_f,
        ideal_c=voltage_v @ capacitance_f,
        output_v=reading_v,
        over=over,
    )


def _outputs_v(
    each_f: np.ndarray,
    voltage_v: np.ndarray,
    parasitics: ChargeParasitics,
    amplifier: ChargeAmplifier,
    feedback_f: np.ndarray,
    offset_v: np.ndarray,
) -> np.ndarray:
    rows, columns = each_f.shape[1:]
    wires, per_gain, window_s = parasitics.wires, amplifier.per_gain, amplifier.window_s
    ends_ohm = wires.source_of_rows_ohm(rows).max() + wires.sense_of_columns_ohm(columns).max()
    if wires.row_ohm == wires.column_ohm == ends_ohm == 0:
        return lumped_outputs_v(
            each_f,
            voltage_v,
            parasitics,
            feedback_f=feedback_f,
            per_gain=per_gain,
            offset_v=offset_v,
            window_s=window_s,
        )
    output_v = np.empty((len(voltage_v), columns))
    together = len(voltage_v) if len(each_f) == 1 else 1
    for k, cells_f in enumerate(each_f):
        part = slice(k * together, (k + 1) * together)
        output_v[part] = ChargeNetwork.of(cells_f, parasitics).outputs_v(
            voltage_v[part],
            feedback_f=feedback_f,
            per_gain=per_gain,
            offset_v=offset_v,
            window_s=window_s,
        )
    return output_v
