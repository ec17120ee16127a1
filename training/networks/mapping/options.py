"""Options of a mapping: cells, tiles, slices, scales and converters."""

from __future__ import annotations

from dataclasses import dataclass

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.core.network.cell_profile import CellProfile
from crosscal.core.network.input_coding import InputCoding
from crosscal.core.network.layer_codes import require_adc_bits, require_tile

OFFSET, DIFFERENTIAL, AUTO = "offset", "differential", "auto"
REPRESENTATIONS = (AUTO, OFFSET, DIFFERENTIAL)
TRAINED = "trained"
SCALES = (AUTO, "column", "layer", TRAINED)
WEIGHT_BITS_MOST = 16  # two slices of 8 bits; finer weights than devices of any kind hold


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingOptions:
    """Options of a mapping.

    Attributes:
        cells: levels that weights are cut into.
        tile_rows, tile_columns: size of a tile.
        weight_bits: of a weight, with its sign.
        representation: `offset` (one column, shifted by half the range, as ISAAC does),
            `differential` (a pair of columns), or `auto`: the one that the cells' scatter harms less.
        scale: `column` or `layer`, one digital factor for each; `trained`, the factors that the network was
            trained for; the range of all weights, such as `2`; or `auto`: `trained` where there are such
            factors, `column` otherwise.
        input_bits: of an input, with its sign if there are inputs below 0.
        dac_bits: of one digit.
        adc_bits: of the converters; None if they do not round.
        read_back: whether cells are read after writing, and lower slices make up for errors of higher ones;
            None: unless the network was trained for its cells, where codes have been chosen already.

    Raises:
        InputError, RangeError: options that no tile can have.
    """

    cells: CellProfile
    tile_rows: int = 128
    tile_columns: int = 128
    weight_bits: int = 8
    representation: str = AUTO
    scale: str = AUTO
    input_bits: int = 8
    dac_bits: int = 1
    adc_bits: int | None = 8
    read_back: bool | None = None

    def __post_init__(self) -> None:
        require_adc_bits(self.adc_bits)
        InputCoding(bits=self.input_bits, digit_bits=self.dac_bits)  # refuses widths that there cannot be
        if self.representation not in REPRESENTATIONS:
            got = f"the representation {self.representation!r}"
            raise InputError(wanted(got=got, allowed=", ".join(REPRESENTATIONS), remedy="choose one"))
        if not 2 <= self.weight_bits <= WEIGHT_BITS_MOST:
            got = f"weights of {self.weight_bits} bits"
            raise RangeError(
                wanted(got=got, allowed=f"2 to {WEIGHT_BITS_MOST}", remedy="choose another width")
            )
        if self.scale not in SCALES and self.fixed_range is None:
            got = f"the scale {self.scale!r}"
            raise InputError(
                wanted(
                    got=got, allowed="auto, column, layer, trained, or a range above 0", remedy="choose one"
                )
            )
        require_tile(self.tile_rows, self.tile_columns, self.slices)

    @property
    def fixed_range(self) -> float | None:
        """Half of the range of weights, where it is fixed."""
        if self.scale in SCALES:
            return None
        try:
            value = float(self.scale)
        except ValueError:
            return None
        return value if 0 < value < float("inf") else None

    @property
    def slices(self) -> int:
        """Cells that one weight is cut into, on each side of a pair."""
        return -(-self.weight_bits // self.cells.bits)
