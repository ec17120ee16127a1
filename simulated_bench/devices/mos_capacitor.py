"""MOS transistor used as a capacitor: gate against source, drain and body together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, SolverError, wanted
from crosscal.core.physical_constants import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C, ZERO_CELSIUS_K
from crosscal.core.validation import real_array

VACUUM_F_PER_M = 8.8541878128e-12
"""CODATA 2018."""
OXIDE, SILICON = 3.9, 11.7
"""Relative permittivities."""

INTRINSIC_PER_M3 = 1.0e16
"""Carriers of intrinsic silicon at 300 K."""

SERIES_BELOW = 1e-3
"""Relative to the thermal voltage: series replace closed forms below, where these lose digits."""

NEWTON_MOST = 200  # steps of two thermal voltages at most: ten volts of surface potential


@dataclass(frozen=True, slots=True, kw_only=True)
class MosCapacitor:
    """Charge sheet on p-type silicon, from accumulation through depletion to strong inversion.

    Everything follows from the surface potential ψ, explicitly and without a jump:

        H(ψ) = u·e^(−ψ/u) + ψ − u + e^(−2φ_F/u)·(u·e^(ψ/u) − ψ − u),    u = kT/q,
        Q(ψ) = ± area·C_ox·γ·√H,    V_gate = V_FB + ψ + Q / (area·C_ox).

    Source and drain supply the inversion charge, so this holds at every frequency that the channel's own
    transit allows (well above 1 GHz for a gate of a few micrometres).

    Attributes:
        area_m2: of the gate [m²].
        oxide_m: equivalent oxide thickness [m].
        doping_per_m3: acceptors in the body [1/m³].
        flat_band_v: V_FB [V].
        temperature_c: moves u and φ_F, at a fixed intrinsic density [°C].

    Raises:
        RangeError: a constant that is not positive and finite, or a flat band beyond ±5 V.

    Reference:
        Y. Tsividis and C. McAndrew, "Operation and Modeling of the MOS Transistor", 3rd ed. (2011), ch. 2.
    """

    area_m2: float
    oxide_m: float = 4.1e-9
    doping_per_m3: float = 4e23
    flat_band_v: float = -0.95
    temperature_c: float = 25.0

    def __post_init__(self) -> None:
        for name in ("area_m2", "oxide_m", "doping_per_m3"):
            if not 0.0 < getattr(self, name) < math.inf:
                _refuse(name, getattr(self, name), "finite, above 0")
        if not -5.0 <= self.flat_band_v <= 5.0:
            _refuse("flat_band_v", self.flat_band_v, "−5 to 5 V")
        if not -100.0 <= self.temperature_c <= 200.0:
            _refuse("temperature_c", self.temperature_c, "−100 to 200 °C")

    @property
    def oxide_f(self) -> float:
        """Capacitance of the oxide alone, the limit of strong inversion [F]."""
        return self.area_m2 * OXIDE * VACUUM_F_PER_M / self.oxide_m

    @property
    def thermal_v(self) -> float:
        """u = kT/q [V]."""
        return BOLTZMANN_J_PER_K * (self.temperature_c + ZERO_CELSIUS_K) / ELEMENTARY_CHARGE_C

    @property
    def body_v(self) -> float:
        """γ² [V], of the body factor γ = √(2 q ε_s N_A) / C_ox."""
        per_area_f = OXIDE * VACUUM_F_PER_M / self.oxide_m
        return 2 * ELEMENTARY_CHARGE_C * SILICON * VACUUM_F_PER_M * self.doping_per_m3 / per_area_f**2

    @property
    def fermi_v(self) -> float:
        """φ_F = u·ln(N_A / n_i) [V]."""
        return self.thermal_v * math.log(self.doping_per_m3 / INTRINSIC_PER_M3)

    def charge_c(self, surface_v: np.ndarray) -> np.ndarray:
        """Return the charge on the gate at a surface potential [C]."""
        return self.oxide_f * math.sqrt(self.body_v) * self._root(surface_v)[0]

    def stiffness_f(self, surface_v: np.ndarray) -> np.ndarray:
        """Return dQ/dψ, the capacitance of the silicon alone [F]."""
        return self.oxide_f * math.sqrt(self.body_v) * self._root(surface_v)[1]

    def voltage_v(self, surface_v: np.ndarray) -> np.ndarray:
        """Return the voltage of the gate against the body at a surface potential [V]."""
        return self.flat_band_v + surface_v + self.charge_c(surface_v) / self.oxide_f

    def slope(self, surface_v: np.ndarray) -> np.ndarray:
        """Return dV/dψ."""
        return 1.0 + self.stiffness_f(surface_v) / self.oxide_f

    def capacitance_f(self, surface_v: np.ndarray) -> np.ndarray:
        """Return dQ/dV: oxide and silicon in series [F]."""
        return self.stiffness_f(surface_v) / self.slope(surface_v)

    def surface_v(self, voltage_v: np.ndarray | float) -> np.ndarray:
        """Solve for the surface potential at a voltage of the gate, to rounding [V].

        Raises:
            SolverError: a voltage that is not finite, or so large that no physical gate would bear it.
        """
        wanted_v = real_array(voltage_v, "voltages")
        # Newton's steps are kept short, for the charge grows exponentially on both sides.
        surface_v = np.clip(wanted_v - self.flat_band_v, -0.1, 2 * self.fermi_v)
        for _ in range(NEWTON_MOST):
            step_v = (wanted_v - self.voltage_v(surface_v)) / self.slope(surface_v)
            surface_v = surface_v + np.clip(step_v, -2 * self.thermal_v, 2 * self.thermal_v)
            if (np.abs(step_v) <= 1e-14).all():
                return surface_v
        got = f"a gate voltage of {np.asarray(voltage_v).ravel()[0]!r} V"
        raise SolverError(wanted(got=got, allowed="some volts", remedy="bring the node back into range"))

    def _root(self, surface_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ±√H and its derivative."""
        u = self.thermal_v
        x = real_array(surface_v, "potentials") / u
        minority = math.exp(-2 * self.fermi_v / u)
        small = np.abs(x) < SERIES_BELOW
        away = np.where(small, 1.0, x)
        falling, rising = np.expm1(-away) + away, np.expm1(away) - away
        root = np.sign(away) * np.sqrt(u * (falling + minority * rising))
        slope = (-np.expm1(-away) + minority * np.expm1(away)) / (2 * root)
        # √H / ψ near the flat band, where H = (1 ∓ x/3 …)·x²/2
        scale = np.sqrt((1 + minority) / (2 * u))
        tilt = (1 - minority) / (1 + minority) / 6
        near = np.where(small, x, 0.0)
        return (
            np.where(small, scale * u * near * (1 - tilt * near), root),
            np.where(small, scale * (1 - 2 * tilt * near), slope),
        )


def _refuse(name: str, value: float, allowed: str) -> None:
    got = f"MosCapacitor.{name} = {value!r}"
    raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))
