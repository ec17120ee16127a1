"""Table `[programming]` of a `bench.toml`: effect of a write pulse, and the pulses there are."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from crosscal.simulated_bench.settings.table import Fraction, NonNegative, Positive, Table


class PulseSettings(Table, frozen=True, kw_only=True):
    """`[programming.pulses]`: the board's pulses for memristors; other laws take no notice.

    Amplitudes rise from `first_v` by `step_v` up to `reset_max_v` (positive pulses: they lower the
    conductance) and `set_max_v` (negative ones: they raise it). `width_s` falls: a cell begins with the
    first width and goes on to the next whenever a pulse was too much. An iteration is a train of up to
    `train` pulses to each cell that is off target, each followed by a reading; after `most` pulses in a run a
    cell is given up on.
    """

    first_v: Positive = 0.6
    step_v: Positive = 0.02
    reset_max_v: Positive = 2.0
    set_max_v: Positive = 2.5
    width_s: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (100e-6, 30e-6, 10e-6)
    train: Annotated[int, Meta(ge=1, le=1000)] = 10
    most: Annotated[int, Meta(ge=1, le=1_000_000)] = 500

    def __post_init__(self) -> None:
        if list(self.width_s) != sorted(set(self.width_s), reverse=True):
            raise ValueError(f"width_s: got {list(self.width_s)}; allowed: falling, none twice")
        for key in ("reset_max_v", "set_max_v"):
            most_v = getattr(self, key)
            if most_v < self.first_v:
                raise ValueError(f"{key}: got {most_v:g} V; allowed: at least first_v ({self.first_v:g} V)")


class ProgrammingSettings(Table, frozen=True, kw_only=True):
    """`[programming]`: effect of a write pulse. The defaults write exactly.

    A pulse moves a cell by `pulse_gain` of the distance that the verify reading shows, and scatters it by
    `write_noise` of the target (rms). A cell that verified within tolerance is left alone and relaxes by
    `residual_error` of its target (rms), which no reading of the run shows. Memristors move by their own law
    instead of `pulse_gain`, under the voltage pulses of `pulses`. After a run that is finished `rest_s` of
    bench time pass: whatever follows is done to cells of that age.
    """

    pulse_gain: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    write_noise: Fraction = 0.0
    residual_error: Fraction = 0.0
    rest_s: NonNegative = 0.0
    pulses: PulseSettings = field(default_factory=PulseSettings)
