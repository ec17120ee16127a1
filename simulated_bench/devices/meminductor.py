"""Meminductor emulator of three transconductance amplifiers and two MOS capacitors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from crosscal.core.errors import RangeError, SolverError, wanted
from crosscal.simulated_bench.devices.mos_capacitor import MosCapacitor
from crosscal.simulated_bench.devices.transconductor import Transconductor

NEWTON_MOST = 50  # steps of 0.2 V at most: ten volts of swing
POINTS_MOST = 2048  # of a period: a system of as many equations, a second each step
PEAK_POINTS = 4096  # of a period, for its peak: the tenth harmonic's is off by 3e-5 at most
NOTHING_V = 1e-12  # what Newton's last step may still change


@dataclass(frozen=True, slots=True, kw_only=True)
class MeminductorLoop:
    """One period of a driven meminductor in its periodic steady state; all arrays (T,), evenly in time.

    Attributes:
        frequency_hz: of the drive [Hz].
        time_s: from 0 [s].
        voltage_v: `amplitude·cos(2πft)` across the terminals [V].
        flux_wb: the voltage's integral, of mean 0 [Wb].
        current_a: into the terminals [A].
        first_v, second_v: of the two capacitors; they follow the flux and the flux's integral [V].
    """

    frequency_hz: float
    time_s: np.ndarray
    voltage_v: np.ndarray
    flux_wb: np.ndarray
    current_a: np.ndarray
    first_v: np.ndarray
    second_v: np.ndarray

    @property
    def pinch_error(self) -> float:
        """Largest current where the flux is 0, in parts of the largest current."""
        crossings = self.current_a[[0, len(self.current_a) // 2]]
        return float(np.abs(crossings).max() / _peak(self.current_a))

    @property
    def lobe_area_j(self) -> float:
        """Area of one lobe in the flux–current plane, mean of the two [J].

        The lobes are run through in opposite senses. The part of a resistance is run through in one sense all
        the way round and cancels in the difference.
        """
        count = len(self.current_a)
        harmonics = np.fft.rfft(self.current_a) / count
        order = np.arange(2, len(harmonics) - 1, 2)
        # ∫ over half a period of sin(kθ) cos θ is 2k / (k² − 1) for an even k
        half = -2 * harmonics[order].imag * 2 * order / (order**2 - 1.0)
        return float(abs(half.sum()) * _peak(self.flux_wb))

    @property
    def lobe_part(self) -> float:
        """Area of a lobe in parts of the largest flux times the largest current."""
        return self.lobe_area_j / (_peak(self.flux_wb) * _peak(self.current_a))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meminductor:
    """Flux-controlled meminductor emulator: two integrators and a multiplier, `i = Γ(∫φ)·φ`.

    The first amplifier turns the terminals' voltage into a current that charges the first capacitor: its
    voltage follows the flux φ. The second does the same from there: the second capacitor follows ρ = ∫φ dt.
    The third takes the first capacitor's voltage as its input and the second's on top of its bias, and its
    output current is drawn from the terminals. With linear parts, without poles and output conductances,

        i = κ·(o ± g_1 g_2 ρ / (C_1 C_2))·(g_1 / C_1)·φ,

    where κ·o is the third transconductance at overdrive o: an inverse inductance that moves with ρ. Under
    `A·cos ωt` the lobes of the φ–i loop have the area `⅔ κ·a·b·A/ω` with `a = g_1 A / (ω C_1)` and
    `b = g_2 a / (ω C_2)`; in parts of the loop's height and width they shrink as 1/ω².

    Bent characteristics, one pole per amplifier, its output conductance and the voltage dependence of the
    MOS capacitors are all in. Poles make the current lag, conductances make it lead, and curved capacitors
    shift where it is 0: so the loop is pinched up to a frequency only, see `pinch_limit_hz`. Not in it:
    gate capacitances of the amplifiers and noise.

    The structure, three amplifiers and two MOS capacitors pinched up to 60 MHz, is that of a published
    emulator; its equations and sizes were not at hand: those here are derived from it. The sizes are typical
    of 0.18 µm CMOS at ±0.9 V; the poles are assumptions, and were set where such a loop stays pinched to 5 %
    up to 60 MHz. The model then gives the bandwidth needed for that.

    Attributes:
        first, second: the integrating amplifiers.
        third: the multiplying one.
        first_capacitor, second_capacitor: their loads.
        supply_v: the negative supply, that of the capacitors' bodies, below ground [V].
        incremental: whether the second amplifier drives the bias up with the flux's integral, or down.

    Raises:
        RangeError: a supply that is not positive and finite.

    Reference:
        M. Di Ventra, Y. V. Pershin and L. O. Chua, Proc. IEEE 97 (2009) 1717: flux-controlled meminductive
        systems.
    """

    first: Transconductor = field(default_factory=Transconductor)
    second: Transconductor = field(default_factory=Transconductor)
    third: Transconductor = field(default_factory=Transconductor)
    first_capacitor: MosCapacitor = field(default_factory=lambda: MosCapacitor(area_m2=285e-12))
    second_capacitor: MosCapacitor = field(default_factory=lambda: MosCapacitor(area_m2=285e-12))
    supply_v: float = 0.9
    incremental: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.supply_v < math.inf:
            got = f"Meminductor.supply_v = {self.supply_v!r}"
            raise RangeError(wanted(got=got, allowed="finite, above 0", remedy="correct it"))

    def loop(
        self, *, frequency_hz: float, amplitude_v: float, points: int = 128, tolerance: float = 1e-9
    ) -> MeminductorLoop:
        """Solve for the periodic steady state under `amplitude·cos(2πft)`, by Fourier collocation.

        Nothing is stepped in time: each stage drives the next one only, and is solved for all instants of the
        period at once. The error falls exponentially with `points`.

        Args:
            frequency_hz: of the drive [Hz].
            amplitude_v: of the drive [V].
            points: instants of the period; even.
            tolerance: how much of the largest current its highest harmonics may still hold.

        Raises:
            RangeError: an argument that cannot be used, or a drive that takes the third amplifier below its
                threshold.
            SolverError: `points` do not suffice for the tolerance, or a capacitor leaves its range.
        """
        _require_loop(frequency_hz, amplitude_v, points)
        angle = np.arange(points) * 2 * np.pi / points
        voltage_v = amplitude_v * np.cos(angle)
        first_a = self._lagged(self.first, self.first.current_a(voltage_v), frequency_hz)
        first_v = self._integrated(self.first, self.first_capacitor, first_a, frequency_hz)
        second_a = self._lagged(self.second, self.second.current_a(first_v), frequency_hz)
        sign = 1.0 if self.incremental else -1.0
        second_v = self._integrated(self.second, self.second_capacitor, sign * second_a, frequency_hz)
        drawn_a = self._lagged(self.third, self.third.current_a(first_v, second_v), frequency_hz)
        current_a = drawn_a + self.third.output_s * voltage_v
        _require_resolved(current_a, tolerance)
        return MeminductorLoop(
            frequency_hz=frequency_hz,
            time_s=angle / (2 * np.pi * frequency_hz),
            voltage_v=voltage_v,
            flux_wb=amplitude_v / (2 * np.pi * frequency_hz) * np.sin(angle),
            current_a=current_a,
            first_v=first_v,
            second_v=second_v,
        )

    @staticmethod
    def _lagged(amplifier: Transconductor, current_a: np.ndarray, frequency_hz: float) -> np.ndarray:
        """Pass a periodic current through the amplifier's pole, harmonic by harmonic."""
        order = np.arange(len(current_a) // 2 + 1)
        passed = np.fft.rfft(current_a) / (1.0 + 1j * order * frequency_hz / amplifier.pole_hz)
        return np.fft.irfft(passed, len(current_a))

    def _integrated(
        self, amplifier: Transconductor, capacitor: MosCapacitor, current_a: np.ndarray, frequency_hz: float
    ) -> np.ndarray:
        """Solve for the voltage of a capacitor under a periodic current and the amplifier's conductance [V].

        Newton for `Q(ψ) = q + ∫ (i − g·V(ψ)) dt` at all instants at once, ψ the surface potential, V against
        the supply and q a constant that makes the integrand's mean 0.
        """
        count, output_s = len(current_a), amplifier.output_s
        integral = _integral(count) / (2 * np.pi * frequency_hz)
        psi_v = np.full(count, float(capacitor.surface_v(self.supply_v)))
        mean_c = float(capacitor.charge_c(psi_v[0]))
        matrix, missing = np.zeros((count + 1, count + 1)), np.zeros(count + 1)
        matrix[:count, count], matrix[count, :count] = -1.0, 1.0 / count
        for _ in range(NEWTON_MOST):
            node_v = capacitor.voltage_v(psi_v) - self.supply_v
            # In parts of the oxide's capacitance all unknowns are volts.
            gathered_c = mean_c + integral @ (current_a - output_s * node_v)
            missing[:count] = (gathered_c - capacitor.charge_c(psi_v)) / capacitor.oxide_f
            missing[count] = current_a.mean() / output_s - node_v.mean()
            matrix[:count, :count] = output_s * integral + np.diag(capacitor.capacitance_f(psi_v))
            matrix[:count, :count] /= capacitor.oxide_f
            step_v = np.clip(np.linalg.solve(matrix, missing), -0.2, 0.2)
            psi_v = capacitor.surface_v(node_v + self.supply_v + step_v[:count])
            mean_c += float(step_v[count]) * capacitor.oxide_f
            if np.abs(step_v).max() <= NOTHING_V:
                return capacitor.voltage_v(psi_v) - self.supply_v
        got = f"a drive of {frequency_hz:g} Hz under which no steady state was reached"
        raise SolverError(wanted(got=got, allowed="smaller swings", remedy="lower the amplitude"))


def pinch_limit_hz(
    emulator: Meminductor,
    *,
    amplitude_v: float,
    part: float = 0.05,
    from_hz: float = 20e6,
    to_hz: float = 1e9,
) -> float:
    """Find the highest frequency with a loop pinched to within `part` of the largest current [Hz].

    Args:
        emulator: of the loop.
        amplitude_v: of the drive [V].
        part: largest `pinch_error`.
        from_hz, to_hz: bounds of the limit; the error must rise through `part` there.

    Raises:
        RangeError: no pinched loop at `from_hz`, or still one at `to_hz`; or as `Meminductor.loop`.
    """

    def pinched(frequency_hz: float) -> bool:
        return emulator.loop(frequency_hz=frequency_hz, amplitude_v=amplitude_v).pinch_error <= part

    if not pinched(from_hz) or pinched(to_hz):
        got = f"{from_hz:g} to {to_hz:g} Hz"
        allowed = f"pinched to {part:g} at the lower end, not at the upper"
        raise RangeError(wanted(got=got, allowed=allowed, remedy="choose another range of frequencies"))
    low_hz, high_hz = from_hz, to_hz
    while high_hz / low_hz > 1 + 1e-6:
        middle_hz = math.sqrt(low_hz * high_hz)
        low_hz, high_hz = (middle_hz, high_hz) if pinched(middle_hz) else (low_hz, middle_hz)
    return low_hz


def _peak(values: np.ndarray) -> float:
    """Find the largest magnitude of the trigonometric polynomial through the values, to 1e-5 of it."""
    dense = PEAK_POINTS * np.fft.irfft(np.fft.rfft(values) / len(values), PEAK_POINTS)
    return float(np.abs(dense).max())


def _integral(points: int) -> np.ndarray:
    """Make the matrix (K, K) that integrates a trigonometric polynomial over the angle, both of mean 0."""
    order = np.arange(points // 2 + 1)
    # The highest harmonic of an even number of points has no phase: it is left out.
    counts = (order > 0) & (order < points // 2)
    divided = np.divide(1.0, 1j * order, where=counts, out=np.zeros(len(order), complex))
    return np.fft.irfft(divided[:, None] * np.fft.rfft(np.eye(points), axis=0), points, axis=0)


def _require_loop(frequency_hz: float, amplitude_v: float, points: int) -> None:
    for name, value in (("frequency_hz", frequency_hz), ("amplitude_v", amplitude_v)):
        if not 0.0 < value < math.inf:
            got = f"{name} = {value!r}"
            raise RangeError(wanted(got=got, allowed="finite, above 0", remedy="correct it"))
    if points % 2 or not 8 <= points <= POINTS_MOST:
        got = f"points = {points}"
        raise RangeError(wanted(got=got, allowed=f"even, 8 to {POINTS_MOST}", remedy="correct it"))


def _require_resolved(current_a: np.ndarray, tolerance: float) -> None:
    harmonics = np.abs(np.fft.rfft(current_a)) / len(current_a)
    left = float(harmonics[-len(harmonics) // 4 :].max() / np.abs(current_a).max())
    if left > tolerance:
        got = f"{len(current_a)} points, which leave {left:.1e} in the highest harmonics"
        raise SolverError(wanted(got=got, allowed=f"at most {tolerance:g}", remedy="ask for more points"))
