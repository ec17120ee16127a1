"""Options that the commands of networks share."""

from __future__ import annotations

import re
from typing import Any

import click


class TileSize(click.ParamType):
    """Rows and columns of a tile, such as `128x128`."""

    name = "ROWSxCOLUMNS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """See `click.ParamType`."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d+)[x×](\d+)", value.strip())
        if found is None:
            self.fail(f"{value!r} is no size of a tile; write rows and columns, such as 128x128", param, ctx)
        return int(found[1]), int(found[2])


class Bits(click.ParamType):
    """A number of bits, or `none` for converters that do not round."""

    name = "BITS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """See `click.ParamType`."""
        if value is None or isinstance(value, int):
            return value
        if value.strip().lower() == "none":
            return None
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is no number of bits; write one, or none", param, ctx)


class ColumnParts(click.ParamType):
    """A part of the columns, one for each layer by commas, or `explored`."""

    name = "PART"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType`."""
        if not isinstance(value, str) or value.strip().lower() == "explored":
            return value if not isinstance(value, str) else "explored"
        try:
            parts = tuple(float(part) for part in value.split(","))
        except ValueError:
            parts = (-1.0,)
        if not all(0 <= part <= 1 for part in parts):
            self.fail(
                f"{value!r}; write a number of 0 to 1, one for each layer by commas, or explored", param, ctx
            )
        return parts[0] if len(parts) == 1 else parts


class Many(click.ParamType):
    """Values by commas, such as `0,2,6`."""

    name = "VALUES"

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        """See `click.ParamType`."""
        if isinstance(value, list):
            return value
        try:
            return [self._kind(part.strip()) for part in value.split(",")]
        except ValueError:
            self.fail(f"{value!r} are no values; write them by commas, such as 0,2,6", param, ctx)


cells_help = "Cells: a profile that comes along, or a TOML file."

device_option = click.option(
    "--device", default="cpu", show_default=True, help="Torch's device, such as cpu or cuda."
)

definition_option = click.option(
    "--network",
    type=click.Choice(["lenet5", "vgg8"]),
    default="lenet5",
    show_default=True,
    help="Definition.",
)

width_option = click.option(
    "--width", type=click.IntRange(1), help="Channels of the first layer.  [default: its own]"
)

epochs_option = click.option(
    "--epochs", type=click.IntRange(1), default=5, show_default=True, help="Passes over the data."
)

batch_option = click.option(
    "--batch", type=click.IntRange(1), default=64, show_default=True, help="Inputs of a step."
)

precision_option = click.option(
    "--precision",
    type=click.Choice(["float32", "bf16"]),
    default="float32",
    show_default=True,
    help="Of products in training; weights are kept in single precision.",
)

chips_option = click.option(
    "--chips", type=click.IntRange(1), default=10, show_default=True, help="Chips, each with its own cells."
)

seed_option = click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Everything random."
)

mode_option = click.option(
    "--mode",
    type=click.Choice(["exact", "converted", "merged"]),
    default="converted",
    show_default=True,
    help="The solver vector by vector; every conversion; or all folded into one matrix.",
)

wires_option = click.option(
    "--wires", type=click.FloatRange(0), default=0.0, show_default=True, help="Ohms per segment."
)

driver_option = click.option(
    "--driver", type=click.FloatRange(0), default=0.0, show_default=True, help="Ohms of each driver."
)

other_cells_option = click.option("--cells", help=f"{cells_help}  [default: those mapped for]")

known_option = click.option(
    "--known", type=click.IntRange(2), default=200, show_default=True, help="Known inputs."
)

vectors_option = click.option(
    "--vectors",
    type=click.IntRange(1),
    default=48,
    show_default=True,
    help="Known vectors that each row of tiles is read with, to calibrate tiles.",
)

inputs_option = click.option(
    "--inputs", type=click.IntRange(1), help="Only the first inputs.  [default: all]"
)


def require_device(device: str) -> None:
    """Refuse a device that torch does not have here.

    Raises:
        InputError: the name is unknown, or nothing answers to it.
    """
    import torch

    from crosscal.core.errors import InputError, wanted

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(
            wanted(got=f"the device {device!r} ({reason})", allowed="a device of torch's", remedy="use cpu")
        ) from error
