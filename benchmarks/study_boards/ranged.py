"""Boards of `own_ranges.py`: profiles that come along, and ranges of chips that are described in print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RangedBoard:
    """A simulated board and the ranges in which it is calibrated.

    Attributes:
        name: in the table, and of its folder.
        bench: its bench.toml.
        options: of `crosscal calibrate` and `collect`.
    """

    name: str
    bench: str
    options: tuple[str, ...] = ()


def _profile(name: str) -> RangedBoard:
    return RangedBoard(name=name, bench=f'profile = "{name}"\n')


def _board(
    name: str,
    size: tuple[int, int],
    limits_s: tuple[float, float],
    *options: str,
    noise_a: float,
    law: str = "sinh",
) -> RangedBoard:
    """Describe a board of given size and limits, with errors of its channels; `noise_a` is of one reading."""
    bench = f"""\
[array]
rows = {size[0]}
columns = {size[1]}
conductance_min_s = {limits_s[0]:g}
conductance_max_s = {limits_s[1]:g}

[wires]
row_ohm = 2.0
column_ohm = 3.0
source_ohm = 50.0
sense_ohm = 10.0

[device]
law = "{law}"

[noise]
read_a = {noise_a:g}

[front_end]
profile = "ideal"
gain_error = 0.005
offset_error = 0.0005
"""
    return RangedBoard(name=name, bench=bench, options=options)


BOARDS = (
    _profile("lab-12x16"),
    _profile("rram-32x24"),
    _profile("pcm-24x32"),
    _profile("cmo-hfox-32x24"),
    _profile("memsys2025"),
    # Noise: about 1e-3 of the largest current that such matrices give in such a window.
    _board("2-20uS-0.2V", (24, 32), (2e-6, 20e-6), "--voltage", "0V:0.2V", noise_a=4e-8),
    _board("100-400uS", (20, 28), (100e-6, 400e-6), "--voltage", "0.1V:0.4V", noise_a=1.5e-6),
    _board(
        "1uS-1mS", (16, 24), (1e-6, 1e-3), *("--voltage", "0.1V:0.3V", "--draw", "log-uniform"), noise_a=1e-6
    ),
    _board(
        "on-off",
        (24, 32),
        (2e-6, 100e-6),
        *("--voltage", "0.1V:0.5V", "--draw", "levels:2uS,100uS"),
        noise_a=5e-7,
    ),
    _board(
        "90%-off", (24, 40), (2e-6, 100e-6), *("--voltage", "0.1V:0.5V", "--draw", "off:0.9"), noise_a=1e-7
    ),
    _board("both-signs", (24, 32), (16.6e-6, 100e-6), "--voltage", "-0.3V:0.3V", noise_a=3e-7),
    _board(
        "binary", (24, 32), (16.6e-6, 100e-6), *("--voltage", "0V:0.2V", "--inputs", "binary"), noise_a=2e-7
    ),
    _board("tall-100-400uS", (20, 16), (100e-6, 400e-6), "--voltage", "0.1V:0.4V", noise_a=1.5e-6),
)
