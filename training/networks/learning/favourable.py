"""Favourable codes of the most significant slice: both readings of the paper, or from the cells' scatter."""

from __future__ import annotations

from crosscal.core.errors import InputError, wanted
from crosscal.core.network.cell_profile import CellProfile

READINGS = {"III-A": (0, 1, 3), "III-B": (0, 1, 2)}
"""Codes after ISAAC's shift by half the range.

Section III-A of Diware et al. (AICAS 2023) ranks 00, 01, 11 before 10; III-B names 00, 01 and 10.
"""

DEVICE = "device"


def favourable_codes(name: str, cells: CellProfile) -> tuple[int, ...]:
    """Return codes that weights are biased to.

    Args:
        name: `III-A`, `III-B`, `device` (all but the code that scatters most), or codes such as `0,1,3`.
        cells: their levels and scatter.

    Raises:
        InputError: no such set, or a code that the cells do not have.
    """
    count = len(cells.levels)
    if name in READINGS:
        codes = READINGS[name]
    elif name == DEVICE:
        worst = int(cells.deviation.argmax())
        codes = tuple(code for code in range(count) if code != worst)
    else:
        try:
            codes = tuple(sorted({int(part) for part in name.split(",")}))
        except ValueError:
            codes = ()
    if not codes or max(codes) >= count or min(codes) < 0:
        raise InputError(
            wanted(
                got=f"the favourable codes {name!r}",
                allowed=f"{', '.join(READINGS)}, {DEVICE}, or codes of 0 to {count - 1} by commas",
                remedy="choose some",
            )
        )
    return codes
