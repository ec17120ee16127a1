"""Tiles: products against plain numpy, transfer matrices against the solver, modes against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from layer_of_codes import IDEAL, LEVELS_S, UNIT_S, exact_sums, random_layer

from crosscal.core.errors import InputError, RangeError
from crosscal.core.network.cell_profile import CellProfile
from crosscal.core.network.input_coding import InputCoding
from crosscal.simulated_bench import Sinh, Wires, solve_dc
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.chip_settings import ChargeReadout, ChipSettings
from crosscal.simulated_bench.tiles.conversion import Converters
from crosscal.simulated_bench.tiles.tile_readout import readout_of
from crosscal.simulated_bench.tiles.transfer import TransferCache, nominal_conductance, tile_transfer

CODINGS = [
    InputCoding(bits=5),
    InputCoding(bits=5, signed=True),
    InputCoding(bits=6, digit_bits=2),
    InputCoding(bits=6, digit_bits=3, signed=True),
    InputCoding(bits=8, digit_bits=8),
]


def numbers_for(coding: InputCoding, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.integers(-coding.largest if coding.signed else 0, coding.largest + 1, shape)


def multiplied(layer, settings: ChipSettings, numbers: np.ndarray, *, number: int = 0) -> np.ndarray:
    chip = Chip(settings, seed=3, number=number)
    return chip.program(layer).multiply(torch.from_numpy(numbers.astype(np.int16))).numpy()


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize("pair", [1, 2])
def test_perfect_cells_multiply_exactly_whatever_the_digits(coding: InputCoding, pair: int) -> None:
    rng = np.random.default_rng(1)
    layer = random_layer(rng, pair=pair, coding=coding)
    numbers = numbers_for(coding, rng, (30, 40))
    found = multiplied(layer, ChipSettings(cells=IDEAL), numbers)
    exact = exact_sums(layer, numbers)
    # single precision in 40 products and 10 planes
    assert np.abs(found - exact).max() < 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("adc_bits", [None, 1, 4, 8])
def test_every_conversion_rounds_and_clips_as_plain_numpy_does(adc_bits: int | None) -> None:
    rng = np.random.default_rng(2)
    layer = random_layer(
        rng, adc_bits=adc_bits, adc_range=(0.5, 20.25), coding=InputCoding(bits=4, signed=True)
    )
    numbers = numbers_for(layer.coding, rng, (25, 40))
    total = np.zeros((25, 5))
    values = np.array(LEVELS_S)[layer.codes[..., 0]] / UNIT_S
    for plane in layer.coding.planes():
        digits = (numbers >> plane.shift) & 1
        for first in range(0, 40, 16):
            for s in range(2):
                sums = digits[:, first : first + 16] @ values[first : first + 16, :, s]
                if adc_bits is not None:
                    step = (20.25 - 0.5) / (2**adc_bits - 1)
                    sums = np.clip(np.floor((sums - 0.5) / step + 0.5), 0, 2**adc_bits - 1) * step + 0.5
                total += plane.weight * layer.significance[s] * sums
    found = multiplied(layer, ChipSettings(cells=IDEAL), numbers)
    wrong = np.abs(found - total) > 1e-4 * np.abs(total).max()
    # A sum that lies on the edge of two codes may fall to either in single precision.
    assert wrong.mean() < 0.02


def test_torch_and_the_compiled_kernels_convert_alike() -> None:
    rng = np.random.default_rng(3)
    layer = random_layer(rng, adc_bits=6, adc_range=(-3.0, 40.0), coding=InputCoding(bits=5, digit_bits=2))
    programmed = Chip(ChipSettings(cells=IDEAL), seed=1, number=0).program(layer)
    numbers = torch.from_numpy(numbers_for(layer.coding, rng, (20, 40)).astype(np.int16))
    compiled, plain = programmed.multiply(numbers), torch.zeros(20, 1, 5)
    for row in range(3):
        programmed._add_torch(row, numbers, plain, programmed._converters.weights)
    assert (compiled - plain[:, 0]).abs().max() < 1e-4 * compiled.abs().max()


@pytest.mark.parametrize("pair", [1, 2])
def test_sums_of_rows_and_slices_add_up_and_are_those_of_single_conversions(pair: int) -> None:
    rng = np.random.default_rng(15)
    layer = random_layer(rng, pair=pair, adc_bits=6, adc_range=(-3.0, 40.0))
    programmed = Chip(ChipSettings(cells=IDEAL), seed=1, number=0).program(layer)
    numbers = numbers_for(layer.coding, rng, (20, 40))
    given = torch.from_numpy(numbers.astype(np.int16))
    apart = programmed.multiply_apart(given)
    assert apart.shape == (3, 20, 2, 5)
    whole = torch.einsum("rbso,s->bo", apart, torch.tensor(layer.significance).float())
    assert (whole - programmed.multiply(given)).abs().max() < 1e-4 * whole.abs().max()
    for row in range(3):
        digits = [plane.digits(numbers[:, layer.inputs_of(row)]) for plane in layer.coding.planes()]
        weights = [plane.weight for plane in layer.coding.planes()]
        single = sum(
            weight * programmed.convert(row, torch.from_numpy(applied))
            for weight, applied in zip(weights, digits, strict=True)
        )
        assert torch.as_tensor(single - apart[row]).abs().max() < 1e-4 * apart.abs().max()


def test_a_transfer_matrix_with_wires_is_the_solvers_answer_for_unequal_rows_and_columns() -> None:
    rng = np.random.default_rng(4)
    conductance_s, voltage_v = rng.uniform(1e-6, 1e-4, (5, 9)), rng.uniform(0, 0.2, (6, 5))
    wires = Wires(row_ohm=3.0, column_ohm=7.0, source_ohm=40.0, sense_ohm=11.0)
    from crosscal.simulated_bench import Ohmic

    transfer = tile_transfer(conductance_s, wires=wires, law=Ohmic(), read_v=0.2)
    solved = solve_dc(conductance_s, voltage_v, wires=wires, device=Ohmic()).current_a
    assert np.abs(voltage_v @ transfer - solved).max() < 1e-11 * np.abs(solved).max()


def test_exact_and_converted_reads_of_ohmic_tiles_with_wires_agree() -> None:
    rng = np.random.default_rng(5)
    layer = random_layer(rng, inputs=20, outputs=3, coding=InputCoding(bits=3))
    numbers = numbers_for(layer.coding, rng, (8, 20))
    cells = CellProfile(levels_s=LEVELS_S, deviation_s=(1e-6,) * 4)
    wires = Wires(row_ohm=5.0, column_ohm=5.0)
    exact, converted = (
        multiplied(layer, ChipSettings(cells=cells, wires=wires, mode=mode), numbers)
        for mode in ("exact", "converted")
    )
    assert np.abs(exact - converted).max() < 1e-5 * np.abs(exact).max()
    without = multiplied(layer, ChipSettings(cells=cells), numbers)
    assert np.abs(without - converted).max() > 1e-3 * np.abs(exact).max(), "the wires must matter"


@pytest.mark.parametrize("driven", [0.15, 0.5, 0.75])
def test_bent_cells_behind_wires_stay_within_a_fifth_of_an_adc_step(driven: float) -> None:
    rng = np.random.default_rng(6)
    law, read_v, wires = Sinh(), 0.2, Wires(row_ohm=2.0, column_ohm=2.0)
    chord_s = np.array(LEVELS_S)[rng.integers(0, 4, (64, 32))]
    nominal_s = nominal_conductance(chord_s, law, read_v)
    transfer = tile_transfer(nominal_s, wires=wires, law=law, read_v=read_v)
    voltage_v = read_v * (rng.random((20, 64)) < driven)
    solved = solve_dc(nominal_s, voltage_v, wires=wires, device=law).current_a
    # of converters that reach up to all rows driven
    step_a = solve_dc(nominal_s, np.full(64, read_v), wires=wires, device=law).current_a.max() / 255
    assert np.sqrt(np.mean((voltage_v @ transfer - solved) ** 2)) / step_a < 0.2


def test_folding_gives_the_mean_of_converted_reads_and_their_rounding() -> None:
    rng = np.random.default_rng(7)
    layer = random_layer(rng, adc_bits=5, adc_range=(0.0, 31.0 * 1.37))
    cells = CellProfile(levels_s=LEVELS_S, deviation_s=(1e-6,) * 4)
    numbers = torch.from_numpy(numbers_for(layer.coding, rng, (400, 40)).astype(np.int16))
    programmed = Chip(ChipSettings(cells=cells), seed=1, number=0).program(layer)
    folded = programmed.folded()
    error = programmed.multiply(numbers) - numbers.float() @ folded.matrix
    # rounding of some hundred sums is uniform to a few percent; sums of few rows are less so
    assert error.std().item() == pytest.approx(float(folded.deviation.mean()), rel=0.1)
    assert abs(error.mean().item()) < 0.2 * float(folded.deviation.mean())
    assert folded.read_variance is None


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize("pair", [1, 2])
def test_folding_has_the_variance_of_noisy_reads(coding: InputCoding, pair: int) -> None:
    rng = np.random.default_rng(16)
    layer = random_layer(rng, pair=pair, coding=coding)
    cells = CellProfile(levels_s=LEVELS_S, cycle_relative=0.1)
    programmed = Chip(ChipSettings(cells=cells), seed=1, number=0).program(layer)
    one = numbers_for(coding, rng, (1, 40))
    found = programmed.multiply(torch.from_numpy(np.repeat(one, 3000, axis=0).astype(np.int16)))
    power = torch.from_numpy(coding.power()[one + (coding.largest if coding.signed else 0)]).float()
    folded = programmed.folded()
    variance = (power @ folded.read_variance)[0]
    # 3000 reads: a variance is off by 2.6 %, the mean of five by half of it
    assert (found.var(dim=0) / variance).mean().item() == pytest.approx(1.0, abs=0.05)
    assert not bool(folded.deviation.any())


def test_chips_differ_and_the_same_chip_is_the_same() -> None:
    rng = np.random.default_rng(8)
    layer = random_layer(rng)
    settings = ChipSettings(cells=CellProfile(levels_s=LEVELS_S, deviation_s=(1e-6,) * 4))
    numbers = numbers_for(layer.coding, rng, (4, 40))
    first, again, other = (multiplied(layer, settings, numbers, number=n) for n in (0, 0, 1))
    assert (first == again).all()
    assert not np.allclose(first, other)


def test_read_noise_has_the_variance_of_its_cells() -> None:
    rng = np.random.default_rng(9)
    layer = random_layer(rng, inputs=16, outputs=1, coding=InputCoding(bits=1))
    settings = ChipSettings(cells=CellProfile(levels_s=LEVELS_S, cycle_relative=0.05))
    ones = np.ones((4000, 16), dtype=int)
    found = multiplied(layer, settings, ones)
    values = np.array(LEVELS_S)[layer.codes[:, 0, :, 0]] / UNIT_S
    expected = 0.05 * math.sqrt(((values**2).sum(axis=0) * layer.significance**2).sum())
    assert found.std() == pytest.approx(expected, rel=0.05)  # 4000 reads: 1 % at one standard deviation


def test_stuck_cells_stand_at_the_ends_and_do_not_drift() -> None:
    from crosscal.simulated_bench.tiles.cell_values import write_cells

    codes = np.full((100, 100), 1, dtype=np.uint8)
    cells = CellProfile(levels_s=LEVELS_S, stuck_low=0.1, stuck_high=0.02, drift="pcm")
    written = write_cells(codes, cells, np.random.default_rng(1))
    assert (written.value == LEVELS_S[0]).mean() == pytest.approx(0.1, abs=0.015)
    assert (written.value == LEVELS_S[3]).mean() == pytest.approx(0.02, abs=0.007)
    aged = written.aged(1e6)
    assert (aged[written.stuck] == written.value[written.stuck]).all()
    assert (aged[~written.stuck] < written.value[~written.stuck]).mean() > 0.9


def test_measured_samples_are_drawn_from(tmp_path) -> None:
    from crosscal.core.network.cell_profile import load_cell_profile
    from crosscal.simulated_bench.tiles.cell_values import write_cells

    (tmp_path / "cells.csv").write_text("code,value\n0,1e-6\n0,2e-6\n1,3e-5\n", encoding="utf-8")
    (tmp_path / "cells.toml").write_text(
        'levels_s = [1.5e-6, 3e-5]\nsamples = "cells.csv"\n', encoding="utf-8"
    )
    cells = load_cell_profile(str(tmp_path / "cells.toml"))
    written = write_cells(np.array([0, 0, 0, 0, 0, 0, 1, 1]), cells, np.random.default_rng(0))
    assert np.unique(written.value[:6]).tolist() == pytest.approx([1e-6, 2e-6])
    assert np.unique(written.value[6:]).tolist() == pytest.approx([3e-5])


def test_memcapacitive_tiles_multiply_and_their_noise_is_that_of_the_reset_switch() -> None:
    rng = np.random.default_rng(10)
    levels_f = (0.4e-15, 1.6e-15, 2.8e-15, 4e-15)
    cells = CellProfile(levels_f=levels_f, read_v=0.2)
    layer = random_layer(rng, inputs=16, outputs=4, coding=InputCoding(bits=1))
    numbers = np.ones((2000, 16), dtype=int)
    found = multiplied(layer, ChipSettings(cells=cells), numbers)
    values = np.array(levels_f)[layer.codes[..., 0]] / 1.2e-15
    exact = numbers @ (values @ layer.significance)
    assert np.abs(found.mean(0) / exact[0] - 1).max() < 0.01  # gain of 1e4, and the noise of 2000 reads
    feedback_f = 16 * levels_f[-1]
    noise_c = math.sqrt(1.380649e-23 * 300.15 * feedback_f)
    expected = noise_c / (0.2 * 1.2e-15) * math.sqrt(1 + 16)
    assert found.std(axis=0).mean() == pytest.approx(expected, rel=0.05)


def test_charges_of_tiles_are_read_without_wires_once_they_have_settled() -> None:
    rng = np.random.default_rng(17)
    cells = CellProfile(levels_f=(0.4e-15, 4e-15))
    values = rng.uniform(0.4e-15, 4e-15, (12, 9))
    wires = Wires(row_ohm=900.0, column_ohm=1500.0, source_ohm=300.0, sense_ohm=200.0)
    # The slower lines are the columns: 18.2 kΩ, 12 cells of some femtofarads and their stray capacitance.
    longest_s = 2 * (200 + 12 * 1500) * (values.sum(axis=0).max() + 12 * 0.1e-15)

    def read(window_s: float) -> tuple[np.ndarray, bool]:
        charge = ChargeReadout(window_s=window_s)
        settings = ChipSettings(cells=cells, wires=wires, charge=charge)
        reading = readout_of(settings, TransferCache())
        return reading.transfer(values), reading._wires_that_count(values) == Wires()

    (settled, without), (solved, left_out) = read(40.01 * longest_s), read(39.99 * longest_s)
    assert (without, left_out) == (True, False)
    # The inverse Laplace transform is good to about 1e-8; the step itself is over to 1e-17.
    assert np.abs(settled - solved).max() < 1e-7 * settled.max()
    early, _ = read(0.05 * longest_s)
    assert np.abs(early - settled).max() > 0.05 * settled.max(), "wires must matter before"


def test_transfer_matrices_are_found_once_by_content_and_the_oldest_go() -> None:
    from crosscal.simulated_bench import Ohmic

    rng = np.random.default_rng(11)
    cache = TransferCache(most_bytes=3 * 8 * 16)
    wires = Wires(row_ohm=1.0)
    first_s, others_s = rng.uniform(1e-6, 1e-5, (4, 4)), rng.uniform(1e-6, 1e-5, (3, 4, 4))
    solve = {"wires": wires, "law": Ohmic(), "read_v": 0.2}
    kept = cache.transfer(first_s, **solve)
    assert cache.transfer(first_s.copy(), **solve) is kept
    for other_s in others_s:
        cache.transfer(other_s, **solve)
    assert cache.transfer(first_s, **solve) is not kept
    ideal = solve | {"wires": Wires()}
    assert cache.transfer(first_s, **ideal) is not cache.transfer(first_s, **ideal), "a product, no solution"


def test_codes_that_the_cells_have_no_level_for_are_refused() -> None:
    layer = random_layer(np.random.default_rng(12))
    cells = CellProfile(levels_s=(1e-6, 2e-6))
    with pytest.raises(InputError, match="codes up to 3 on cells of 1 bits"):
        Chip(ChipSettings(cells=cells), seed=1, number=0).program(layer)


@pytest.mark.parametrize("bits", [0, -1, 25])
def test_converters_of_no_bits_are_refused(bits: int) -> None:
    with pytest.raises(RangeError, match=f"an ADC of {bits} bits; allowed: 1 to 24"):
        random_layer(np.random.default_rng(0), adc_bits=bits)


def test_kernels_have_a_numpy_twin() -> None:
    rng = np.random.default_rng(13)
    layer = random_layer(rng, coding=InputCoding(bits=6, digit_bits=3, signed=True))
    converters = Converters(layer)
    numbers = rng.integers(-31, 32, (7, 40)).astype(np.int16)
    digits = converters.digits(numbers, 16, 12, np.empty(4 * 7 * 12, dtype=np.float32))
    for p, plane in enumerate(converters.planes):
        magnitude = np.maximum(-numbers if plane.negative else numbers, 0)[:, 16:28]
        assert (digits[p] == ((magnitude >> plane.shift) & (2**plane.bits - 1))).all()


def test_cells_with_the_same_code_stay_when_others_are_rewritten() -> None:
    layer = random_layer(np.random.default_rng(14))
    cells = CellProfile(levels_s=LEVELS_S, deviation_s=(1e-6,) * 4)
    programmed = Chip(ChipSettings(cells=cells), seed=1, number=0).program(layer)
    before = programmed.read_cells()
    codes = layer.codes.copy()
    codes[:, :, 0] = 3 - codes[:, :, 0]
    programmed.rewrite(codes)
    after = programmed.read_cells()
    assert (after[:, :, 1] == before[:, :, 1]).all()
    assert (after[:, :, 0] != before[:, :, 0]).all()
    assert np.abs(after - np.array(LEVELS_S)[codes]).max() < 5e-6  # five standard deviations
