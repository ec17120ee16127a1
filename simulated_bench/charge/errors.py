"""Error budget of a product by charges: each cause alone, and all together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import RangeError, wanted
from crosscal.simulated_bench.charge.amplifier import ChargeAmplifier
from crosscal.simulated_bench.charge.parasitics import ChargeParasitics
from crosscal.simulated_bench.charge.reading import checked_read, product_of
from crosscal.simulated_bench.charge.variation import CapacitanceVariation, ChargeDraws
from crosscal.simulated_bench.circuit.wires import Wires

_HADAMARD = np.array([[1, 1], [1, -1]])  # of order 2
SIGNS = np.kron(np.kron(_HADAMARD, _HADAMARD), _HADAMARD)[:, 1:7]
"""Signs of the six groups of random numbers in a block of specimens, (8, 6); columns are orthogonal."""

Setting = tuple[ChargeAmplifier, ChargeParasitics, CapacitanceVariation]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeBudget:
    """Error of charges read, by cause; all in coulombs, rms over specimens, vectors and columns.

    Attributes:
        causes: names, (K,).
        systematic: for each cause, whether it is the same at every read of every specimen, (K,).
        alone_c: with that cause alone, (K,).
        together_c: with all causes at once.
        summed_c: prediction from the causes alone: systematic errors added reading by reading, random ones by
            their squares. Differs from `together_c` as far as causes act on each other.
        full_scale_c: rms of the ideal charges about their mean over the vectors.
        over_fraction: part of the readings, with all causes, that were past the converter's last code.
    """

    causes: tuple[str, ...]
    systematic: tuple[bool, ...]
    alone_c: np.ndarray
    together_c: float
    summed_c: float
    full_scale_c: float
    over_fraction: float

    def rows(self) -> list[tuple[str, str, float, float]]:
        """List the budget, largest first: cause, kind, rms [C], rms relative to `full_scale_c`."""
        order = np.argsort(-self.alone_c, kind="stable")
        listed = [
            (
                self.causes[k],
                "systematic" if self.systematic[k] else "random",
                float(self.alone_c[k]),
                float(self.alone_c[k]) / self.full_scale_c,
            )
            for k in order
        ]
        totals = (("sum of the above", self.summed_c), ("all together", self.together_c))
        return listed + [(name, "", rms_c, rms_c / self.full_scale_c) for name, rms_c in totals]


def charge_budget(
    capacitance_f: Matrix,
    voltage_v: np.ndarray,
    *,
    amplifier: ChargeAmplifier,
    parasitics: ChargeParasitics,
    variation: CapacitanceVariation,
    blocks: int = 1,
    rng: np.random.Generator,
) -> ChargeBudget:
    """Read the same vectors from several specimens with each cause alone, then with all at once.

    All reads of a specimen share their random numbers, so that rows differ in their cause alone.
    Eight specimens form a block: they share the sizes of their random numbers, and the signs of the groups
    follow orthogonal patterns, so that products of two different causes cancel over a block. What is left
    between `summed_c` and `together_c` is how the causes act on each other, and not chance. Stray
    capacitances count with the finite gain, since they burden it, and with the settling.

    Args:
        capacitance_f: programmed capacitances [F], (N, M).
        voltage_v: inputs [V], (B, N), at least two different ones.
        amplifier: errors of the charge amplifier.
        parasitics: parasitic capacitances and resistances.
        variation: variation of the capacitances.
        blocks: times eight specimens to draw.
        rng: where they are drawn from.

    Returns:
        The budget.

    Raises:
        ShapeError, RangeError: an argument that cannot be used.
    """
    checked_f, vectors_v = checked_read(capacitance_f, voltage_v)
    if blocks < 1:
        raise RangeError(wanted(got=f"blocks = {blocks}", allowed="1 or more", remedy="draw some"))
    ideal_c = vectors_v @ checked_f
    full_scale_c = float((ideal_c - ideal_c.mean(axis=0)).std())
    if full_scale_c == 0.0:
        got = "voltage_v without any change from vector to vector"
        raise RangeError(wanted(got=got, allowed="different vectors", remedy="give two or more"))
    whole = amplifier, parasitics, variation
    drawn = [
        ChargeDraws.draw(len(vectors_v), checked_f.shape, rng).signed(*signs)
        for _ in range(blocks)
        for signs in SIGNS
    ]

    def errors_c(setting: Setting, specimens: list[ChargeDraws]) -> tuple[np.ndarray, float]:
        one = [
            product_of(
                checked_f,
                vectors_v,
                draws,
                amplifier=setting[0],
                parasitics=setting[1],
                variation=setting[2],
            )
            for draws in specimens
        ]
        return np.array([read.error_c for read in one]), float(np.mean([read.over for read in one]))

    # What is the same for all specimens is looked at in one.
    each_c = [errors_c(alone(whole), drawn[:1] if fixed else drawn)[0] for _, fixed, alone in CAUSES]
    systematic = [fixed for _, fixed, _ in CAUSES]
    fixed_c = sum((error for error, fixed in zip(each_c, systematic, strict=True) if fixed), np.zeros(()))
    variances = [_rms(error) ** 2 for error, fixed in zip(each_c, systematic, strict=True) if not fixed]
    together_c, over_fraction = errors_c(whole, drawn)
    return ChargeBudget(
        causes=tuple(name for name, _, _ in CAUSES),
        systematic=tuple(systematic),
        alone_c=np.array([_rms(error) for error in each_c]),
        together_c=_rms(together_c),
        summed_c=math.sqrt(_rms(fixed_c) ** 2 + sum(variances)),
        full_scale_c=full_scale_c,
        over_fraction=over_fraction,
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _amplifier(*kept: str) -> Callable[[Setting], Setting]:
    """Keep those of the amplifier's attributes, all else ideal."""

    def alone(whole: Setting) -> Setting:
        own = {name: getattr(whole[0], name) for name in kept}
        return replace(_ideal(whole), **own), _burden(whole[1]), CapacitanceVariation()

    return alone


def _burden(parasitics: ChargeParasitics) -> ChargeParasitics:
    """Keep stray capacitances alone: they burden no ideal amplifier."""
    return replace(parasitics, wires=Wires(), leakage_s=0.0)


def _ideal(whole: Setting) -> ChargeAmplifier:
    return ChargeAmplifier(feedback_f=whole[0].feedback_f, window_s=whole[0].window_s)


def _settling(whole: Setting) -> Setting:
    return _ideal(whole), replace(whole[1], leakage_s=0.0), CapacitanceVariation()


def _leakage(whole: Setting) -> Setting:
    return _ideal(whole), ChargeParasitics(leakage_s=whole[1].leakage_s), CapacitanceVariation()


def _device(whole: Setting) -> Setting:
    kept = CapacitanceVariation(device_relative=whole[2].device_relative)
    return _ideal(whole), ChargeParasitics(), kept


def _cycle(whole: Setting) -> Setting:
    kept = CapacitanceVariation(cycle_relative=whole[2].cycle_relative)
    return _ideal(whole), ChargeParasitics(), kept


CAUSES: tuple[tuple[str, bool, Callable[[Setting], Setting]], ...] = (
    ("device variation", False, _device),
    ("cycle variation", False, _cycle),
    ("feedback mismatch", False, _amplifier("feedback_relative")),
    ("amplifier offset", False, _amplifier("offset_v")),
    ("finite gain", True, _amplifier("gain")),
    ("settling of the wires", True, _settling),
    ("leakage of the cells", True, _leakage),
    ("reset noise", False, _amplifier("temperature_c")),
    ("amplifier noise", False, _amplifier("noise_v")),
    ("conversion", False, _amplifier("adc_bits", "adc_full_scale_v")),
)
"""Name of a cause, whether it is systematic, and the setting that has it alone."""
