"""Programming error: deviation of a cell from its target after write-verify, by published laws."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from msgspec import Meta

from crosscal.simulated_bench.settings.table import NonNegative, Number, Positive, Table


class NoProgrammingError(Table, frozen=True, kw_only=True, tag_field="law", tag="none"):
    """`[programming_error] law = "none"`: nothing is left but `programming.residual_error`."""


class PolynomialError(Table, frozen=True, kw_only=True, tag_field="law", tag="polynomial"):
    """`[programming_error] law = "polynomial"`: a normal error with a deviation that depends on conductance.

    σ(G) = scale · Σ c[k]·(G / full_scale_s)^k, G held inside 0 to full_scale_s. The laws that follow are
    polynomials with published coefficients; each can be changed.

    Attributes:
        coefficients_s: c[k] [S].
        full_scale_s: the largest conductance that the law is made for [S]; changing it stretches the law.
        scale: multiplies the deviation.
    """

    coefficients_s: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=16)]
    full_scale_s: Positive
    scale: NonNegative = 1.0

    def __post_init__(self) -> None:
        sigma_s = self.deviation_s(np.linspace(0.0, self.full_scale_s, 1001))
        if (sigma_s < 0).any():
            g_s = self.full_scale_s * int(np.argmax(sigma_s < 0)) / 1000
            raise ValueError(
                f"coefficients_s: got {sigma_s.min():.3g} S as the deviation somewhere from {g_s:.3g} S on; "
                "allowed: 0 or more from 0 to full_scale_s"
            )

    def deviation_s(self, conductance_s: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the remaining error [S], for conductances of any shape [S]."""
        part = np.clip(conductance_s / self.full_scale_s, 0.0, 1.0)
        return self.scale * np.polynomial.polynomial.polyval(part, self.coefficients_s)

    def error_s(self, conductance_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the remaining errors of cells of these conductances [S]."""
        return self.deviation_s(conductance_s) * rng.standard_normal(conductance_s.shape)


class Wan2022OneSecond(PolynomialError, frozen=True, kw_only=True, tag="wan-2022-1s"):
    """Filamentary RRAM one second after write-verify, 0–40 µS.

    Reference:
        Wan et al., "A compute-in-memory chip based on resistive random-access memory", Nature 608 (2022) 504,
        extended data figure 3d; the polynomial as fitted in IBM's analog hardware acceleration kit.
    """

    coefficients_s: tuple[Number, ...] = (0.348e-6, 16.030e-6, -43.853e-6, 45.393e-6, -16.815e-6)
    full_scale_s: Positive = 40e-6


class Wan2022OneDay(PolynomialError, frozen=True, kw_only=True, tag="wan-2022-1day"):
    """Filamentary RRAM one day after write-verify, 0–40 µS: for a board that stands still at that age.

    Reference:
        As `Wan2022OneSecond`. For the way from one second to one day, take that law and `FilamentDrift`.
    """

    coefficients_s: tuple[Number, ...] = (0.701e-6, 22.086e-6, -50.773e-6, 47.095e-6, -16.458e-6)
    full_scale_s: Positive = 40e-6


class Joshi2020(PolynomialError, frozen=True, kw_only=True, tag="joshi-2020"):
    """Phase-change memory after iterative programming, 0–25 µS.

    Reference:
        Joshi et al., "Accurate deep neural network inference using computational phase-change memory",
        Nature Communications 11 (2020) 2473: σ = 0.26348 + 1.965 g − 1.1731 g² µS, g = G / 25 µS.
    """

    coefficients_s: tuple[Number, ...] = (0.26348e-6, 1.965e-6, -1.1731e-6)
    full_scale_s: Positive = 25e-6


class Falcone2025(PolynomialError, frozen=True, kw_only=True, tag="falcone-2025"):
    """CMO/HfOx RRAM that write-verify accepted within 2 % of the target, about 9–90 µS.

    Reference:
        Falcone et al., "All-in-one analog AI accelerator: on-chip training and inference with
        conductive-metal-oxide/HfOx ReRAM devices", arXiv:2502.04524 (2025); σ = 0.01122 µS + 0.01129 G as
        fitted in IBM's analog hardware acceleration kit, here with g = G / 90 µS.
        That σ is what an error even within the window of acceptance has (2 %/√3 = 1.155 %), so it is drawn
        even; drawn normal, one cell in twelve would lie outside the window it was accepted in.
    """

    coefficients_s: tuple[Number, ...] = (0.0112185e-6, 1.0161247e-6)
    full_scale_s: Positive = 90e-6

    def error_s(self, conductance_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the remaining errors [S], even between ±√3 of the deviation."""
        return self.deviation_s(conductance_s) * rng.uniform(
            -math.sqrt(3.0), math.sqrt(3.0), conductance_s.shape
        )


ProgrammingErrorSettings = (
    NoProgrammingError | PolynomialError | Wan2022OneSecond | Wan2022OneDay | Joshi2020 | Falcone2025
)
