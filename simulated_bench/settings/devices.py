"""Table `[device]` of a `bench.toml`: the cells' law, and the transistor in series with them."""

from __future__ import annotations

from typing import Annotated, Any, Self

from msgspec import Meta, field
from msgspec.structs import replace

from crosscal.simulated_bench.settings.table import Number, Positive, Table

Energy = Annotated[float, Meta(ge=-1.0, le=1.0)]
Negative = Annotated[float, Meta(ge=-1e9, lt=0.0)]


class AccessSettings(Table, frozen=True, kw_only=True):
    """`device.access`: the n-channel transistor in series with every cell, driven in triode.

    `gate_v` is one number or one per row and counts from the column's node; `gain_a_per_v2` is µ·C_ox·W/L.
    """

    gate_v: Number | tuple[Number, ...] = 3.3
    threshold_v: Number = 0.7
    gain_a_per_v2: Positive = 0.5e-3

    def __post_init__(self) -> None:
        gates_v = self.gate_v if isinstance(self.gate_v, tuple) else (self.gate_v,)
        if not gates_v or min(gates_v) <= self.threshold_v:
            got = f"{min(gates_v):g} V" if gates_v else "no gate voltage"
            raise ValueError(f"gate_v: got {got}; allowed: above threshold_v ({self.threshold_v:g} V)")


class DeviceTable(Table, frozen=True, kw_only=True, tag_field="law"):
    """Keys of every `[device]`: effect of the temperature T relative to 25 °C, and access.

    G is multiplied by 1 + coefficient·(T − 25 °C), and by exp(−E/k·(1/T − 1/298.15 K)) with the activation
    energy E: above 0 for semiconducting cells, below 0 for metallic ones. `activation_energy_ev` is the E of
    cells at `array.conductance_max_s`; with `activation_energy_low_ev`, that of cells at `conductance_min_s`,
    E goes from one to the other with the logarithm of what was written. The steepness of a bent law is
    multiplied by (T / 298.15 K)^`steepness_temperature_power` (−1 for hopping driven by the field), and by
    1 + `steepness_spread`·z for each cell, z normal, with the current at `front_end.readback_v` kept.
    """

    temperature_coefficient_per_c: Annotated[float, Meta(ge=-0.01, le=0.01)] = 0.0
    activation_energy_ev: Energy = 0.0
    activation_energy_low_ev: Energy | None = None
    steepness_temperature_power: Annotated[float, Meta(ge=-10.0, le=10.0)] = 0.0
    steepness_spread: Annotated[float, Meta(ge=0.0, le=0.2)] = 0.0
    access: AccessSettings | None = None

    def of_rows(self, rows: slice) -> Self:
        """Return the same for some of the rows, with their own gate voltages."""
        access = self.access
        if access is None or not isinstance(access.gate_v, tuple):
            return self
        return replace(self, access=replace(access, gate_v=access.gate_v[rows]))


class OhmicSettings(DeviceTable, frozen=True, kw_only=True, tag="ohmic"):
    """`[device] law = "ohmic"`: I = G·V."""


class SinhSettings(DeviceTable, frozen=True, kw_only=True, tag="sinh"):
    """`[device] law = "sinh"`: I = a·G·sinh(b·V), with constants of their own for V > 0 and V ≤ 0."""

    a_pos: Positive = 0.225
    b_pos: Positive = 4.12
    a_neg: Positive = 0.2801
    b_neg: Positive = 4.10


class HoppingSettings(DeviceTable, frozen=True, kw_only=True, tag="hopping"):
    """`[device] law = "hopping"`: I = G·s·(exp(α·V/s) − exp(−(1−α)·V/s)), s `scale_v`, α `forward_share`."""

    scale_v: Positive = 0.2
    forward_share: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.6


class SaturatingSettings(DeviceTable, frozen=True, kw_only=True, tag="saturating"):
    """`[device] law = "saturating"`: I = G·s·(tanh(V/s + k) − tanh k)·cosh² k, s `scale_v`, k `shift`."""

    scale_v: Positive = 1.0
    shift: Annotated[float, Meta(ge=-3.0, le=3.0)] = 0.3


class MemristorSettings(DeviceTable, frozen=True, kw_only=True, tag="memristor"):
    """`[device] law = "memristor"`: reads as `sinh`, and is programmed by pulses of `[programming.pulses]`.

    The constants are those of `devices.Memristor`.
    """

    reset_rate_per_ohm_s: Positive = 0.12340
    reset_scale_v: Positive = 2.74111
    reset_bound_ohm: Number = -40928.13784
    reset_bound_ohm_per_v: Positive = 55117.97865
    set_rate_per_ohm_s: Negative = -0.33000
    set_scale_v: Positive = 2.59685
    set_bound_ohm: Positive = 41366.35820
    set_bound_ohm_per_v: Positive = 7789.66771
    threshold_v: Positive = 0.5
    initial_ohm: Positive = 40000.0
    a_pos: Positive = 0.225
    b_pos: Positive = 4.12
    a_neg: Positive = 0.2801
    b_neg: Positive = 4.10


class ClassSettings(DeviceTable, frozen=True, kw_only=True, tag="class"):
    """`[device] law = "package.module:Class"`: a law of the user's own, built by the keys of `parameters`.

    A file says the class in `law` itself; it is split off into `name` as the file is read.
    """

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


DeviceSettings = (
    OhmicSettings | SinhSettings | HoppingSettings | SaturatingSettings | MemristorSettings | ClassSettings
)


def with_class_named(device: dict[str, Any]) -> dict[str, Any]:
    """Split a class off from the `law` of a `[device]` table as it stands in a file."""
    law = device.get("law")
    if isinstance(law, str) and ":" in law:
        return device | {"law": "class", "name": law}
    return device
