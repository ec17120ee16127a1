"""Outputs of charge amplifiers in closed form, where wires have no resistance."""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench.charge.parasitics import ChargeParasitics


def lumped_outputs_v(
    capacitance_f: np.ndarray,
    voltage_v: np.ndarray,
    parasitics: ChargeParasitics,
    *,
    feedback_f: np.ndarray,
    per_gain: float,
    offset_v: np.ndarray,
    window_s: float,
) -> np.ndarray:
    """Return the outputs at the end of the window [V], (B, M).

    Without resistance every column stands alone. At the step, charge moves at once from the cells `C_i` and
    the capacitance `C_p` of the column to ground onto the feedback capacitor `C_f`; with gain A and offset
    `V_o` the output becomes

        O = (C_f V_o + C V_o / (1 + A) − Σ C_i v_i) / (C_f (1 + 1/A) + C / A),    C = Σ C_i + C_p,

    and from then on leakage charges that capacitor, slower the further a finite gain lets the input move.

    Args:
        capacitance_f: of the cells [F], (B or 1, N, M).
        voltage_v: of the rows [V], (B, N).
        parasitics: `wires` are not looked at.
        feedback_f: feedback capacitors [F], (M,).
        per_gain: 1 / gain.
        offset_v: input offsets [V], (M,).
        window_s: time since the step [s].
    """
    rows = capacitance_f.shape[1]
    column_f = capacitance_f.sum(axis=1) + rows * parasitics.column_line_f + parasitics.input_f
    cells_c = (voltage_v[:, None, :] @ capacitance_f)[:, 0]
    loop_f = feedback_f * (1.0 + per_gain) + column_f * per_gain
    shifted_v = offset_v * per_gain / (1.0 + per_gain)
    at_once_v = (feedback_f * offset_v + column_f * shifted_v - cells_c) / loop_f
    leak_s = rows * parasitics.leakage_s
    leak_a = leak_s * offset_v - parasitics.leakage_s * voltage_v.sum(axis=1, keepdims=True)
    decay = per_gain * leak_s * window_s / loop_f
    # (1 − exp(−x)) / x, which is 1 where nothing decays
    slowed = np.where(decay > 0, -np.expm1(-decay) / np.where(decay > 0, decay, 1.0), 1.0)
    return at_once_v * np.exp(-decay) + leak_a / loop_f * window_s * slowed
